//! Tokens for a process of the lab.

use export_core::{Failure, FailureKind, Token, TokenSource, TokenStep, Transmit};

use super::fate::{Fate, Moment, Turn};
use super::play::{Dead, Lab};

impl<F: Fate> Lab<F> {
    /// The token that a request needs; none if it goes without.
    pub(super) fn token(
        &mut self,
        transmit: &Transmit<'_>,
        source: &mut TokenSource,
    ) -> Result<Result<Option<Token>, Failure>, Dead> {
        let Some(need) = transmit.token_need() else { return Ok(Ok(None)) };
        loop {
            let now = self.clock.now();
            match source.step(now, need) {
                TokenStep::Ready(token) => return Ok(Ok(Some(token))),
                TokenStep::Failed(failure) => return Ok(Err(failure)),
                TokenStep::Wait(_) if now >= transmit.token_by() => {
                    let failure = Failure::new(FailureKind::Unanswered);
                    return Ok(Err(failure.with_detail("no token came in time")));
                }
                TokenStep::Wait(until) => self.clock.pass_until(until.min(transmit.token_by())),
                TokenStep::Transmit(request, ticket) => {
                    let answer = self.send(None, request, ticket.give_up_at());
                    let turn = self.meet(Moment::Sent)?;
                    let now = self.clock.now();
                    if turn == Turn::Drop {
                        source.abandon(now, ticket);
                        continue;
                    }
                    match answer {
                        Err(failure) => source.handle_failure(now, ticket, failure),
                        Ok(heard) => match heard.failure {
                            Some(kind) => source.handle_failure(now, ticket, Failure::new(kind)),
                            None => source.handle_response(now, ticket, &heard.head, &heard.body),
                        },
                    }
                }
            }
        }
    }
}
