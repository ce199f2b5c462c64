//! Gets tokens for all jobs of a client: sends the token source's requests, and waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use export_core::Failure;
use export_core::driver::Transmit;
use export_core::token::{Ticket, Token, TokenSource, TokenStep};
use export_host::{BlockingTokenFn, Clock, Hooks, JobObserver, TokenError};
use http::{Request, Response};

use crate::stopper::Stopper;
use crate::transport::{NetConfig, Transport};

#[derive(Debug)]
pub(crate) struct Tokens {
    /// Not locked while a request is sent.
    source: Mutex<TokenSource>,
    changed: Condvar,
    token_fn: Option<BlockingTokenFn>,
    hooks: Hooks,
}

/// The token for a request, or why there is none.
#[derive(Debug)]
pub(crate) enum TokenResult {
    /// The request needs none.
    NotNeeded,
    /// The token.
    Token(Token),
    /// The token source has failed.
    Failed(Failure),
    /// The job was stopped.
    Stopped,
}

impl Tokens {
    pub(crate) const fn new(
        source: TokenSource,
        token_fn: Option<BlockingTokenFn>,
        hooks: Hooks,
    ) -> Self {
        Self { source: Mutex::new(source), changed: Condvar::new(), token_fn, hooks }
    }

    /// Gets the token for a request. Reports what delays it.
    pub(crate) fn get(
        self: &Arc<Self>,
        transmit: &Transmit<'_>,
        net: &NetConfig,
        clock: &Clock,
        stopper: &Stopper,
        observer: &mut JobObserver,
    ) -> TokenResult {
        let Some(need) = transmit.token_need() else { return TokenResult::NotNeeded };
        // Delays until this time are known, or in the past.
        let mut reported = clock.now();
        let tokens = Arc::clone(self);
        let _interruptible = stopper.on_stop(move || tokens.wake_all());
        let mut source = self.source();
        loop {
            // Before the source is stepped, since a ticket has to be returned with a response.
            if stopper.is_stopped() {
                return TokenResult::Stopped;
            }
            let delay = source.delay(transmit.phase());
            if let Some((until, events)) = delay.filter(|(until, _)| *until > reported) {
                reported = until;
                // The callback must not block other jobs.
                drop(source);
                observer.token_delayed(events);
                source = self.source();
            }
            let now = clock.now();
            match source.step(now, need) {
                TokenStep::Ready(token) => return TokenResult::Token(token),
                TokenStep::Failed(failure) => return TokenResult::Failed(failure),
                TokenStep::Transmit(request, ticket) => {
                    drop(source);
                    self.request_token(request, ticket, net, clock);
                    source = self.source();
                }
                TokenStep::Ask(ticket) => {
                    drop(source);
                    self.ask_for_token(ticket, clock);
                    source = self.source();
                }
                TokenStep::Wait(_) if now >= transmit.token_by() => {
                    return TokenResult::Failed(source.timed_out());
                }
                TokenStep::Wait(until) => {
                    if let Some(failure) = source.exceeds(transmit.token_by()) {
                        return TokenResult::Failed(failure);
                    }
                    // Woken by a response, by a stop, or spuriously.
                    let wait = until.min(transmit.token_by()).since(now);
                    let woken = self.changed.wait_timeout(source, wait);
                    source = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn request_token(
        &self,
        mut request: Request<Vec<u8>>,
        ticket: Ticket,
        net: &NetConfig,
        clock: &Clock,
    ) {
        self.hooks.apply_token_headers(&mut request, ticket.access());
        // Tokens are requested every few minutes: a connection would be closed in between.
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
        self.changed.notify_all();
    }

    /// Calls the caller's callback.
    fn ask_for_token(&self, ticket: Ticket, clock: &Clock) {
        let called = match &self.token_fn {
            Some(token_fn) => token_fn.call(),
            None => Err(TokenError::refused("there is no callback for tokens")),
        };
        let mut source = self.source();
        let now = clock.now();
        match called {
            Ok(token) => source.handle_token(now, ticket, token.text(), token.lifetime()),
            Err(error) => source.handle_failure(now, ticket, error.into()),
        }
        drop(source);
        self.changed.notify_all();
    }

    /// Wakes all waiting threads. Takes the lock first, so that a thread that has checked the
    /// condition and does not wait yet is not missed.
    fn wake_all(&self) {
        drop(self.source());
        self.changed.notify_all();
    }

    fn source(&self) -> MutexGuard<'_, TokenSource> {
        // The source is consistent between any two of its calls, and none of them panics.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
