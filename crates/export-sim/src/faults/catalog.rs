//! The faults that random scenarios select from.

use std::time::Duration;

use super::fault::Fault;
use super::values::{BodyKind, LengthClaim, Moment, RedirectTo, RetryAfter, UrlForm};
use crate::Endpoint;

const SHORT_PAUSE: Duration = Duration::from_millis(1);

/// The faults at this endpoint that a client should survive.
pub(super) fn survivable(endpoint: Endpoint) -> Vec<Fault> {
    let mut faults = common();
    match endpoint {
        Endpoint::Token => faults.extend([Fault::status(500), bad_gateway()]),
        Endpoint::Submit => faults.extend(
            [UrlForm::Relative, UrlForm::SchemeRelative, UrlForm::BodyOnly, UrlForm::HeaderOnly]
                .map(|url| Fault::Location { url }),
        ),
        Endpoint::Operation => {
            faults.extend(for_reads());
            faults.extend([
                Fault::status(401),
                Fault::status(404),
                json("status", "polishing"),
                Fault::ResourceUrl { url: UrlForm::Relative },
                Fault::Truncate { to: None },
                Fault::ExpireUrl,
            ]);
        }
        Endpoint::Files => {
            faults.extend(for_reads());
            faults.extend([Fault::status(401), Fault::Truncate { to: None }]);
        }
        Endpoint::Download | Endpoint::Storage => {
            faults.extend(for_reads());
            faults.extend([
                Fault::Body { body: BodyKind::Html },
                Fault::Body { body: BodyKind::Page(1 << 16) },
                Fault::ChangeArtifact,
                Fault::IgnoreRange,
                Fault::Truncate { to: None },
                Fault::Overlong { by: 100, length: LengthClaim::Lying },
                Fault::ExpireUrl,
            ]);
        }
        Endpoint::Other => {}
    }
    faults
}

/// Faults of all endpoints: a busy service, slow or broken connections, and unusual but correct responses.
fn common() -> Vec<Fault> {
    let soon = RetryAfter::Seconds(1);
    let stall = |at| Fault::Stall { at, time: Some(500 * SHORT_PAUSE) };
    vec![
        Fault::status_with_retry_after(429, soon.clone()),
        Fault::status_with_retry_after(503, soon),
        Fault::status_with_retry_after(503, RetryAfter::DateIn(2)),
        Fault::status(503),
        Fault::RetryAfter { value: Some(RetryAfter::Text("soon".to_owned())) },
        stall(Moment::BeforeHead),
        stall(Moment::HeadByte(20)),
        stall(Moment::Byte(20)),
        Fault::Close { at: Moment::BeforeHead },
        Fault::Close { at: Moment::HeadByte(20) },
        Fault::Close { at: Moment::AfterHead },
        Fault::Close { at: Moment::Byte(20) },
        Fault::Close { at: Moment::End },
        Fault::Reset { at: Moment::BeforeHead },
        Fault::Reset { at: Moment::HeadByte(20) },
        Fault::Raw { text: "220 mail.example.net ESMTP\r\n".to_owned() },
        Fault::Slow { bytes: 4096, pause: SHORT_PAUSE },
        Fault::SlowHead { bytes: 16, pause: SHORT_PAUSE },
        Fault::Interim { statuses: vec![100, 103] },
        Fault::HeadLines { lines: vec!["x-twice: 1".to_owned(), "x-twice: 2".to_owned()] },
        Fault::Http10,
        Fault::Chunked,
        Fault::Headers { set: [("server".to_owned(), "other".to_owned())].into(), remove: vec![] },
        Fault::HugeHeaders { count: 6, bytes: 8 * 1024 },
    ]
}

/// Faults of requests that have no body and can be repeated.
fn for_reads() -> [Fault; 4] {
    [
        Fault::status(500),
        bad_gateway(),
        Fault::Early,
        Fault::Redirect { status: http::StatusCode::FOUND, to: RedirectTo::Itself },
    ]
}

/// Faults that end an export, or make it download a wrong file.
fn fatal() -> [Fault; 6] {
    [
        Fault::Body { body: BodyKind::Endless },
        Fault::ContentRange { shift: -10 },
        Fault::ContentEncoding { encoding: "gzip".to_owned() },
        Fault::EndOperation {
            status: super::values::FinalStatus::Failed,
            code: "TooLarge".to_owned(),
            message: "the export is too large".to_owned(),
        },
        Fault::RevokeToken,
        Fault::Location { url: UrlForm::Foreign },
    ]
}

impl Fault {
    /// At least one fault of each kind, for tests of all faults. A fault that does not apply to a response has no
    /// effect, for example [`Fault::Location`] on a response without a `Location`.
    ///
    /// ```
    /// use export_sim::{Fault, RandomRule, Scenario};
    ///
    /// // Every third request fails, with any of the faults.
    /// let faults = Fault::examples();
    /// let hostile = Scenario::default().with_random(RandomRule { seed: 7, rate: 0.3, faults });
    /// ```
    #[must_use]
    pub fn examples() -> Vec<Self> {
        let mut faults = Vec::new();
        for endpoint in [Endpoint::Submit, Endpoint::Operation, Endpoint::Download] {
            faults.extend(survivable(endpoint));
        }
        faults.extend(fatal());
        faults.sort_by_key(Self::name);
        faults.dedup();
        faults
    }
}

fn bad_gateway() -> Fault {
    let status = http::StatusCode::BAD_GATEWAY;
    Fault::Status { status, retry_after: None, body: BodyKind::Html }
}

fn json(member: &str, value: &str) -> Fault {
    Fault::Json { set: [(member.to_owned(), value.into())].into(), remove: Vec::new() }
}
