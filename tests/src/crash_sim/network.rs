//! The simulated network: checks each request, sends it to the service, and classifies failures like a
//! transport.

use bytes::Bytes;
use export_core::{Failure, FailureKind, Phase, Timestamp};
use export_sim::Ending;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Request, Response, Uri};

use super::inject::Injector;
use super::sim::CrashSim;
use super::violation::Violation;

/// The URL of the API.
pub(super) const API: &str = "http://127.0.0.1:8080";
/// The URL of the storage origin, which serves signed URLs.
pub(super) const STORAGE: &str = "http://127.0.0.1:8081";

/// The maximum size of a response head, as in both adapters.
const MAX_HEAD: usize = 64 * 1024;

/// The maximum number of requests of one process. The budgets allow a poll and a token request each
/// second for an hour, which is less.
const MAX_REQUESTS: u64 = 8_000;

/// A response that may be incomplete.
#[derive(Debug)]
pub(super) struct PartialResponse {
    pub(super) head: Response<()>,
    pub(super) body: Bytes,
    /// Why the body is incomplete, if it is.
    pub(super) failure: Option<FailureKind>,
}

impl<F: Injector> CrashSim<F> {
    /// Sends a request. `phase` is `None` for a token request.
    pub(super) fn send(
        &mut self,
        phase: Option<Phase>,
        request: Request<Vec<u8>>,
        give_up_at: Timestamp,
    ) -> Result<PartialResponse, Failure> {
        self.counters.requests += 1;
        self.requests += 1;
        self.check_request(phase, &request);
        if !has_origin(request.uri(), API) && !has_origin(request.uri(), STORAGE) {
            return Err(Failure::new(FailureKind::NotSent).with_detail("connection refused"));
        }
        if self.injector.is_unreachable() {
            self.counters.faults += 1;
            return Err(Failure::new(FailureKind::NotSent));
        }
        let now = self.clock.service_now();
        let received = self.service.handle(now, request.map(Bytes::from)).deliver();
        let received = received.expect("a simulated file can be read");
        self.clock.advance(received.took());
        let ending = received.ending();
        let Some(response) = received.into_response() else {
            if ending == Ending::Hung {
                self.clock.advance_to(give_up_at);
            }
            return Err(Failure::new(FailureKind::Unanswered));
        };
        let (head, body) = response.into_parts();
        let head_size: usize =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head_size > MAX_HEAD {
            return Err(Failure::new(FailureKind::TooLong));
        }
        let content_length =
            head.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        let body = body.slice(..content_length.unwrap_or(body.len()).min(body.len()));
        let is_complete = content_length.is_none_or(|length| length == body.len());
        let failure = match ending {
            Ending::Complete if is_complete => None,
            _ if content_length.is_some() && is_complete => None,
            Ending::Hung => Some(FailureKind::Stalled),
            _ => Some(FailureKind::Cut),
        };
        Ok(PartialResponse { head: Response::from_parts(head, ()), body, failure })
    }

    /// Checks the invariants of requests.
    fn check_request(&mut self, phase: Option<Phase>, request: &Request<Vec<u8>>) {
        let (now, uri, headers) = (self.clock.now(), request.uri(), request.headers());
        if let Some(token) = headers.get(AUTHORIZATION) {
            self.secrets.add_token(token);
        }
        if !has_origin(uri, API) && identifies_caller(headers) {
            self.add_violation(Violation::TokenLeak(format!("{uri}: {:?}", headers.keys())));
        }
        if self.secrets.is_in(&uri.to_string()) {
            self.add_violation(Violation::TokenLeak(format!("in the URL {uri}")));
        }
        if self.requests > MAX_REQUESTS {
            self.add_violation(Violation::Endless(format!("{} requests", self.requests)));
        }
        if self.store_failed {
            self.add_violation(Violation::NotStored);
        }
        let Some(phase) = phase else { return };
        let earliest = self.earliest_send.of(phase);
        if now < earliest {
            let message = format!("{phase} at {now}, allowed at {earliest}");
            self.add_violation(Violation::TooSoon(message));
        }
        if phase == Phase::Submit && self.is_accepted {
            self.add_violation(Violation::SecondSubmit);
        }
        if phase != Phase::Fetch && !self.has_fetched && now > self.deadline {
            self.add_violation(Violation::Endless(format!("{phase} after the deadline")));
        }
        self.has_fetched |= phase == Phase::Fetch;
    }
}

/// Whether a URL has this origin.
fn has_origin(uri: &Uri, origin: &str) -> bool {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(authority)
}

/// Whether headers identify the caller.
fn identifies_caller(headers: &HeaderMap) -> bool {
    let names = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HeaderName::from_static("x-version")];
    names.iter().any(|name| headers.contains_key(name))
}
