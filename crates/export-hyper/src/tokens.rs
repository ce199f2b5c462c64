//! Gets tokens for all jobs of a client: sends the token source's requests, and waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use export_core::driver::Transmit;
use export_core::token::{Ticket, Token, TokenSource, TokenStep};
use export_core::{Failure, Timestamp};
use export_host::{AsyncTokenFn, Hooks, JobObserver, TokenError};
use http::Request;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::clock::Clock;
use crate::transport::{Transport, collect};

#[derive(Debug)]
pub(crate) struct Tokens {
    /// Not locked across an await.
    source: Mutex<TokenSource>,
    changed: Notify,
    token_fn: Option<AsyncTokenFn>,
    hooks: Hooks,
}

impl Tokens {
    pub(crate) fn new(source: TokenSource, token_fn: Option<AsyncTokenFn>, hooks: Hooks) -> Self {
        Self { source: Mutex::new(source), changed: Notify::new(), token_fn, hooks }
    }

    /// The token for a request; `None` if it needs none. Reports what delays it.
    pub(crate) async fn get(
        &self,
        transmit: &Transmit<'_>,
        transport: &Transport,
        clock: &Clock,
        observer: &mut JobObserver,
    ) -> Result<Option<Token>, Failure> {
        let Some(need) = transmit.token_need() else { return Ok(None) };
        // Delays until this time are known, or in the past.
        let mut reported = clock.now();
        loop {
            let notified = self.changed.notified();
            tokio::pin!(notified);
            // From here on a notification is not missed, even before it is awaited.
            notified.as_mut().enable();
            let delay = self.source().delay(transmit.phase());
            if let Some((until, events)) = delay.filter(|(until, _)| *until > reported) {
                reported = until;
                observer.token_delayed(events);
            }
            let step = self.source().step(clock.now(), need);
            match step {
                TokenStep::Ready(token) => return Ok(Some(token)),
                TokenStep::Failed(failure) => return Err(failure),
                TokenStep::Transmit(request, ticket) => {
                    self.request_token(request, ticket, transport, clock).await;
                }
                TokenStep::Ask(ticket) => self.ask_for_token(ticket, clock).await,
                TokenStep::Wait(_) if clock.now() >= transmit.token_by() => {
                    return Err(self.source().timed_out());
                }
                TokenStep::Wait(until) => {
                    if let Some(failure) = self.source().exceeds(transmit.token_by()) {
                        return Err(failure);
                    }
                    let until = clock.instant(until.min(transmit.token_by()));
                    let _ = timeout_at(until, notified).await;
                }
            }
        }
    }

    async fn request_token(
        &self,
        mut request: Request<Vec<u8>>,
        ticket: Ticket,
        transport: &Transport,
        clock: &Clock,
    ) {
        self.hooks.apply_token_headers(&mut request, ticket.access());
        let give_up_at = clock.instant(ticket.give_up_at());
        let mut open = OpenTicket { tokens: self, ticket: Some(ticket), clock };
        let answer = match transport.send(request, None, give_up_at).await {
            Err(failure) => Err(failure),
            Ok(response) => {
                let (head, body) = response.into_parts();
                let limit = open.limit();
                collect(body, limit, give_up_at)
                    .await
                    .map(|body| (http::Response::from_parts(head, ()), body))
            }
        };
        open.finish(|source, now, ticket| match answer {
            Ok((head, body)) => source.handle_response(now, ticket, &head, &body),
            Err(failure) => source.handle_failure(now, ticket, failure),
        });
    }

    /// Calls the caller's callback.
    async fn ask_for_token(&self, ticket: Ticket, clock: &Clock) {
        let give_up_at = clock.instant(ticket.give_up_at());
        let mut open = OpenTicket { tokens: self, ticket: Some(ticket), clock };
        let called = async {
            match &self.token_fn {
                Some(token_fn) => token_fn.call().await,
                None => Err(TokenError::refused("there is no callback for tokens")),
            }
        };
        let called = timeout_at(give_up_at, called).await;
        let called = called.unwrap_or_else(|_| Err(TokenError::unavailable("timed out")));
        open.finish(|source, now, ticket| match called {
            Ok(token) => source.handle_token(now, ticket, token.text(), token.lifetime()),
            Err(error) => source.handle_failure(now, ticket, error.into()),
        });
    }

    fn source(&self) -> MutexGuard<'_, TokenSource> {
        // The source is consistent between any two of its calls, and none of them panics.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns its ticket to the source on drop, since other jobs wait for it.
struct OpenTicket<'a> {
    tokens: &'a Tokens,
    ticket: Option<Ticket>,
    clock: &'a Clock,
}

impl OpenTicket<'_> {
    fn limit(&self) -> usize {
        self.ticket.as_ref().map_or(0, Ticket::limit)
    }

    fn finish(&mut self, answer: impl FnOnce(&mut TokenSource, Timestamp, Ticket)) {
        if let Some(ticket) = self.ticket.take() {
            answer(&mut self.tokens.source(), self.clock.now(), ticket);
            self.tokens.changed.notify_waiters();
        }
    }
}

impl Drop for OpenTicket<'_> {
    fn drop(&mut self) {
        self.finish(|source, now, ticket| source.abandon(now, ticket));
    }
}
