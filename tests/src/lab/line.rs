//! The line to the service: what a transport would make of its answers, and a look at each request.

use bytes::Bytes;
use export_core::{Failure, FailureKind, Phase, Timestamp};
use export_sim::Ending;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Request, Response, Uri};

use super::broken::Broken;
use super::fate::Fate;
use super::play::Lab;

/// Where the API is.
pub(super) const API: &str = "http://127.0.0.1:8080";
/// Where signed URLs lead.
pub(super) const STORAGE: &str = "http://127.0.0.1:8081";

/// No transport takes a head that is larger.
const LARGEST_HEAD: usize = 64 * 1024;

/// More requests than the budgets of one process allow: a poll and a token each second for an
/// hour, and some.
const MOST_REQUESTS: u64 = 8_000;

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) head: Response<()>,
    pub(super) body: Bytes,
    /// What is wrong with the rest of the body.
    pub(super) failure: Option<FailureKind>,
}

impl<F: Fate> Lab<F> {
    /// Sends a request to wherever it leads. `phase` is none for the request for a token.
    pub(super) fn send(
        &mut self,
        phase: Option<Phase>,
        request: Request<Vec<u8>>,
        give_up_at: Timestamp,
    ) -> Result<Heard, Failure> {
        self.tally.requests += 1;
        self.requests += 1;
        self.inspect(phase, &request);
        if !leads_to(request.uri(), API) && !leads_to(request.uri(), STORAGE) {
            return Err(Failure::new(FailureKind::NotSent).with_detail("nobody is there"));
        }
        if self.fate.is_unreachable() {
            self.tally.faults += 1;
            return Err(Failure::new(FailureKind::NotSent));
        }
        let at = self.clock.at_service();
        let seen = self.service.handle(at, request.map(Bytes::from)).deliver();
        let seen = seen.expect("a simulated file can be read");
        self.clock.pass(seen.took());
        let ending = seen.ending();
        let Some(response) = seen.into_response() else {
            if ending == Ending::Hung {
                self.clock.pass_until(give_up_at);
            }
            return Err(Failure::new(FailureKind::Unanswered));
        };
        let (head, body) = response.into_parts();
        let head_size: usize =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head_size > LARGEST_HEAD {
            return Err(Failure::new(FailureKind::TooLong));
        }
        let announced =
            head.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        let body = body.slice(..announced.unwrap_or(body.len()).min(body.len()));
        let is_whole = announced.is_none_or(|length| length == body.len());
        let failure = match ending {
            Ending::Complete if is_whole => None,
            _ if announced.is_some() && is_whole => None,
            Ending::Hung => Some(FailureKind::Stalled),
            _ => Some(FailureKind::Cut),
        };
        Ok(Heard { head: Response::from_parts(head, ()), body, failure })
    }

    /// Whether a request keeps the promises.
    fn inspect(&mut self, phase: Option<Phase>, request: &Request<Vec<u8>>) {
        let (now, uri, headers) = (self.clock.now(), request.uri(), request.headers());
        if let Some(token) = headers.get(AUTHORIZATION) {
            self.secrets.learn_token(token);
        }
        if !leads_to(uri, API) && identifies(headers) {
            self.break_promise(Broken::Leak(format!("{uri}: {:?}", headers.keys())));
        }
        if self.secrets.is_in(&uri.to_string()) {
            self.break_promise(Broken::Leak(format!("in the URL {uri}")));
        }
        if self.requests > MOST_REQUESTS {
            self.break_promise(Broken::Endless(format!("{} requests", self.requests)));
        }
        if self.store_failed {
            self.break_promise(Broken::NotWrittenDown);
        }
        let Some(phase) = phase else { return };
        let allowed = self.pace.allows(phase);
        if now < allowed {
            self.break_promise(Broken::TooSoon(format!("{phase} at {now}, allowed at {allowed}")));
        }
        if phase == Phase::Submit && self.is_accepted {
            self.break_promise(Broken::SecondSubmit);
        }
        if phase != Phase::Fetch && !self.has_fetched && now > self.deadline {
            self.break_promise(Broken::Endless(format!("{phase} after the deadline")));
        }
        self.has_fetched |= phase == Phase::Fetch;
    }
}

/// Whether a URL is one of this origin.
fn leads_to(uri: &Uri, origin: &str) -> bool {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(authority)
}

/// Whether headers tell who is asking.
fn identifies(headers: &HeaderMap) -> bool {
    let names = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HeaderName::from_static("x-version")];
    names.iter().any(|name| headers.contains_key(name))
}
