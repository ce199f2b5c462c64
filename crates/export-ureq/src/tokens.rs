//! Tokens for all jobs of a client: the source decides, this sends and waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use export_core::{Access, Failure, FailureKind, Ticket, Token, TokenSource, TokenStep, Transmit};
use export_host::{Clock, Hooks};
use http::{Request, Response};

use crate::stopper::Stopper;
use crate::transport::{Net, Transport};

#[derive(Debug)]
pub(crate) struct Tokens {
    /// Never locked while something is sent.
    source: Mutex<TokenSource>,
    handed_in: Condvar,
    hooks: Hooks,
}

/// What came of the wish for a token.
#[derive(Debug)]
pub(crate) enum Supply {
    /// The request must go without.
    NotNeeded,
    /// Here it is.
    Token(Token),
    /// None is to be had.
    Failed(Failure),
    /// It is not needed any more.
    Stopped,
}

impl Tokens {
    pub(crate) const fn new(source: TokenSource, hooks: Hooks) -> Self {
        Self { source: Mutex::new(source), handed_in: Condvar::new(), hooks }
    }

    /// The token that a request needs.
    pub(crate) fn get(
        self: &Arc<Self>,
        transmit: &Transmit<'_>,
        net: &Net,
        clock: &Clock,
        stopper: &Stopper,
    ) -> Supply {
        let Some(need) = transmit.token_need() else { return Supply::NotNeeded };
        let tokens = Arc::clone(self);
        let _interruptible = stopper.guard(move || tokens.wake_all());
        let mut source = self.source();
        loop {
            // Before the source is asked: whoever is given a ticket has to hand in an answer.
            if stopper.is_stopped() {
                return Supply::Stopped;
            }
            let now = clock.now();
            match source.step(now, need) {
                TokenStep::Ready(token) => return Supply::Token(token),
                TokenStep::Failed(failure) => return Supply::Failed(failure),
                TokenStep::Transmit(request, ticket) => {
                    drop(source);
                    self.ask(request, ticket, net, clock);
                    source = self.source();
                }
                TokenStep::Wait(_) if now >= transmit.token_by() => {
                    let failure = Failure::new(FailureKind::Unanswered);
                    return Supply::Failed(failure.with_detail("no token came in time"));
                }
                TokenStep::Wait(until) => {
                    // It is woken when an answer is handed in, by a stop, or for no reason.
                    let wait = until.min(transmit.token_by()).since(now);
                    let woken = self.handed_in.wait_timeout(source, wait);
                    source = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn ask(&self, mut request: Request<Vec<u8>>, ticket: Ticket, net: &Net, clock: &Clock) {
        self.hooks.apply_headers(&mut request, Access::Trusted);
        // Tokens are asked for every few minutes: a connection would not be kept as long.
        let sent = Transport::new(net).send(request, clock.instant(ticket.give_up_at()));
        let answer = sent.and_then(|answer| {
            let (head, body) = answer.into_parts();
            Ok((Response::from_parts(head, ()), body.collect(ticket.limit())?))
        });
        let mut source = self.source();
        match answer {
            Ok((head, body)) => source.handle_response(clock.now(), ticket, &head, &body),
            Err(failure) => source.handle_failure(clock.now(), ticket, failure),
        }
        drop(source);
        self.handed_in.notify_all();
    }

    /// Wakes everybody who waits. The lock is taken first, so that nobody is missed who has looked
    /// for a reason to wake up and does not wait yet.
    fn wake_all(&self) {
        drop(self.source());
        self.handed_in.notify_all();
    }

    fn source(&self) -> MutexGuard<'_, TokenSource> {
        // The source is consistent between any two of its calls, and none of them panics.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
