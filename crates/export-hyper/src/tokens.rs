//! Tokens for all jobs of a client: the source decides, this sends and waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use export_core::{
    Access, Failure, FailureKind, Ticket, Timestamp, Token, TokenSource, TokenStep, Transmit,
};
use export_host::Hooks;
use http::Request;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::clock::Clock;
use crate::transport::{Connection, Transport, collect};

#[derive(Debug)]
pub(crate) struct Tokens {
    /// Never locked across an await.
    source: Mutex<TokenSource>,
    handed_in: Notify,
    hooks: Hooks,
}

impl Tokens {
    pub(crate) fn new(source: TokenSource, hooks: Hooks) -> Self {
        Self { source: Mutex::new(source), handed_in: Notify::new(), hooks }
    }

    /// The token that a request needs; none if it must go without.
    pub(crate) async fn get(
        &self,
        transmit: &Transmit<'_>,
        transport: &Transport,
        clock: &Clock,
    ) -> Result<Option<Token>, Failure> {
        let Some(need) = transmit.token_need() else { return Ok(None) };
        loop {
            let news = self.handed_in.notified();
            tokio::pin!(news);
            // From here on no news is missed, though it comes before it is awaited.
            news.as_mut().enable();
            let step = self.source().step(clock.now(), need);
            match step {
                TokenStep::Ready(token) => return Ok(Some(token)),
                TokenStep::Failed(failure) => return Err(failure),
                TokenStep::Transmit(request, ticket) => {
                    self.ask(request, ticket, transport, clock).await;
                }
                TokenStep::Wait(_) if clock.now() >= transmit.token_by() => {
                    return Err(
                        Failure::new(FailureKind::Unanswered).with_detail("no token came in time")
                    );
                }
                TokenStep::Wait(until) => {
                    let until = clock.instant(until.min(transmit.token_by()));
                    let _ = timeout_at(until, news).await;
                }
            }
        }
    }

    async fn ask(
        &self,
        mut request: Request<Vec<u8>>,
        ticket: Ticket,
        transport: &Transport,
        clock: &Clock,
    ) {
        self.hooks.apply_headers(&mut request, Access::Trusted);
        let give_up_at = clock.instant(ticket.give_up_at());
        let mut open = Open { tokens: self, ticket: Some(ticket), clock };
        let answer = match transport.send(request, Connection::Any, give_up_at).await {
            Err(failure) => Err(failure),
            Ok(response) => {
                let (head, body) = response.into_parts();
                let limit = open.limit();
                collect(body, limit, give_up_at)
                    .await
                    .map(|body| (http::Response::from_parts(head, ()), body))
            }
        };
        open.hand_in(|source, now, ticket| match answer {
            Ok((head, body)) => source.handle_response(now, ticket, &head, &body),
            Err(failure) => source.handle_failure(now, ticket, failure),
        });
    }

    fn source(&self) -> MutexGuard<'_, TokenSource> {
        // The source is consistent between any two of its calls, and none of them panics.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A ticket that is handed in even if whoever held it is dropped: others wait for it.
struct Open<'a> {
    tokens: &'a Tokens,
    ticket: Option<Ticket>,
    clock: &'a Clock,
}

impl Open<'_> {
    fn limit(&self) -> usize {
        self.ticket.as_ref().map_or(0, Ticket::limit)
    }

    fn hand_in(&mut self, answer: impl FnOnce(&mut TokenSource, Timestamp, Ticket)) {
        if let Some(ticket) = self.ticket.take() {
            answer(&mut self.tokens.source(), self.clock.now(), ticket);
            self.tokens.handed_in.notify_waiters();
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.hand_in(|source, now, ticket| source.abandon(now, ticket));
    }
}
