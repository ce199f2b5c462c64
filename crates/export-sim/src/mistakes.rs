//! Mistakes of a client that the recorded requests show.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, IF_RANGE, RANGE};

use crate::record::{Origin, RecordedRequest};
use crate::{Endpoint, Timestamp};

/// A mistake of the client under test, which a real service would not report, or too late.
///
/// ```
/// use export_sim::{Config, Mistake, Service, Timestamp};
/// use http::Request;
///
/// let mut service = Service::new(Config::default().with_token("t"));
/// let leak = Request::get("http://127.0.0.1:8081/f").header("authorization", "Bearer t").body("")?;
/// service.handle(Timestamp::from_millis(0), leak);
/// assert!(matches!(service.mistakes()[0], Mistake::TokenAtStorage { .. }));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A request to the storage origin had an `Authorization` header: the token has leaked. The client, or the HTTP
    /// library below it, has followed a redirect on its own, or sends its credentials everywhere.
    TokenAtStorage {
        /// The path of the request.
        path: String,
    },
    /// An operation was polled sooner than the last `Retry-After` allows.
    TooSoon {
        /// The path of the operation.
        path: String,
        /// How long the client should have waited.
        asked: Duration,
        /// How long it has waited.
        waited: Duration,
    },
    /// The same export was requested again after it was accepted, in a response that the client got. A test that
    /// wants the same export twice has this on purpose.
    SubmittedAgain {
        /// The path of the submit.
        path: String,
    },
    /// A download accepts a compressed response, so that lengths and ranges are those of other bytes.
    CompressedDownload {
        /// The path of the request.
        path: String,
    },
    /// A range was requested without `If-Range`: the parts of two versions of a file may be joined.
    RangeWithoutValidator {
        /// The path of the request.
        path: String,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenAtStorage { path } => {
                write!(f, "the token was sent to the storage origin: {path}")
            }
            Self::TooSoon { path, asked, waited } => {
                write!(f, "polled after {waited:?}, but Retry-After was {asked:?}: {path}")
            }
            Self::SubmittedAgain { path } => {
                write!(f, "submitted again after it was accepted: {path}")
            }
            Self::CompressedDownload { path } => write!(f, "accepts a compressed download: {path}"),
            Self::RangeWithoutValidator { path } => write!(f, "a range without If-Range: {path}"),
        }
    }
}

/// For the time that a request takes.
const SLACK: Duration = Duration::from_millis(50);

/// The mistakes in these requests, in their order.
pub(crate) fn find(requests: &[RecordedRequest]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut allowed: HashMap<&str, (Timestamp, Duration)> = HashMap::new();
    let mut accepted: Vec<&RecordedRequest> = Vec::new();
    for request in requests {
        let path = || request.uri.path().to_owned();
        let has = |name| request.headers.contains_key(name);
        if request.origin == Origin::Storage && has(AUTHORIZATION) {
            mistakes.push(Mistake::TokenAtStorage { path: path() });
        }
        let is_download =
            request.endpoint == Endpoint::Download || request.origin == Origin::Storage;
        if is_download && has(RANGE) && !has(IF_RANGE) {
            mistakes.push(Mistake::RangeWithoutValidator { path: path() });
        }
        let coding = request.header(ACCEPT_ENCODING.as_str()).unwrap_or("identity");
        if is_download && coding != "identity" {
            mistakes.push(Mistake::CompressedDownload { path: path() });
        }
        if let Some(operation) = request.operation() {
            let from = allowed.get(operation).filter(|_| request.endpoint == Endpoint::Operation);
            if let Some((since, asked)) = from {
                let waited = request.at.since(*since);
                if waited + SLACK < *asked {
                    mistakes.push(Mistake::TooSoon { path: path(), asked: *asked, waited });
                }
            }
            // A response that the client did not get asks for nothing.
            let asked = request.status.and(request.retry_after).unwrap_or_default();
            allowed.insert(operation, (request.at, asked));
        }
        if request.endpoint == Endpoint::Submit {
            let is_same = |other: &&RecordedRequest| {
                other.uri.path() == request.uri.path() && other.body == request.body
            };
            if accepted.iter().any(is_same) {
                mistakes.push(Mistake::SubmittedAgain { path: path() });
            }
            if request.status.is_some_and(|status| status == 202) {
                accepted.push(request);
            }
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{Config, Service};

    fn mistakes(requests: impl IntoIterator<Item = (u64, Request<&'static str>)>) -> Vec<String> {
        let mut service = Service::new(Config::default().with_token("t"));
        for (seconds, request) in requests {
            service.handle(Timestamp::from_millis(seconds * 1000), request);
        }
        service.mistakes().iter().map(ToString::to_string).collect()
    }

    fn submit() -> Request<&'static str> {
        let request = Request::post("/documents/d1/export")
            .header("authorization", "Bearer t")
            .header("x-version", "2026-01-01")
            .header("content-type", "application/json");
        request.body(r#"{"format":"pdf"}"#).unwrap()
    }

    fn get(uri: &str, headers: &[(&str, &str)]) -> Request<&'static str> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body("").unwrap()
    }

    #[test]
    fn export_that_is_requested_twice_is_told() {
        assert_eq!(mistakes([(0, submit())]), [""; 0]);
        let twice = mistakes([(0, submit()), (9, submit())]);
        assert_eq!(twice, ["submitted again after it was accepted: /documents/d1/export"]);
    }

    #[test]
    fn leaked_token_unsafe_range_and_compression_are_told() {
        let storage = |headers: &[_]| (0, get("http://127.0.0.1:8081/f", headers));
        let told = mistakes([
            storage(&[("authorization", "Bearer t")]),
            storage(&[("range", "bytes=5-")]),
            storage(&[("range", "bytes=5-"), ("if-range", "\"1\"")]),
            storage(&[("accept-encoding", "gzip, br")]),
            storage(&[("accept-encoding", "identity")]),
        ]);
        let expected = [
            "the token was sent to the storage origin: /f",
            "a range without If-Range: /f",
            "accepts a compressed download: /f",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn poll_that_comes_too_soon_is_told() {
        let mut service = Service::new(Config::default().with_token("t"));
        let accepted = service.handle(Timestamp::from_millis(0), submit());
        let url = accepted.headers()["location"].to_str().unwrap().to_owned();
        let poll = || {
            let headers = [("authorization", "Bearer t"), ("x-version", "2026-01-01")];
            get(&url, &headers)
        };
        for seconds in [1, 7, 8] {
            service.handle(Timestamp::from_millis(seconds * 1000), poll());
        }
        let told: Vec<_> = service.mistakes().iter().map(ToString::to_string).collect();
        let [too_soon] = &told[..] else { panic!("{told:?}") };
        assert!(
            too_soon.starts_with("polled after 1s, but Retry-After was 5s: /operations/"),
            "{too_soon}"
        );
    }
}
