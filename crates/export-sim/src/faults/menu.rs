//! What may go wrong at random: nothing that ends a job whose client does its part.

use std::time::Duration;

use super::fault::Fault;
use super::values::{BodyKind, Moment, RetryAfter};
use crate::Endpoint;

pub(super) fn menu(endpoint: Endpoint) -> Vec<Fault> {
    let soon = || RetryAfter::Seconds(1);
    let mut faults = vec![
        Fault::status_with_retry_after(429, soon()),
        Fault::status_with_retry_after(503, soon()),
        Fault::status_with_retry_after(503, RetryAfter::DateIn(2)),
        Fault::status(503),
        Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_millis(500)) },
        Fault::Close { at: Moment::BeforeHead },
        Fault::Close { at: Moment::AfterHead },
        Fault::Close { at: Moment::Byte(20) },
    ];
    let bad_gateway = Fault::Status {
        status: http::StatusCode::BAD_GATEWAY,
        retry_after: None,
        body: BodyKind::Html,
    };
    match endpoint {
        Endpoint::Operation => faults.extend([
            Fault::status(500),
            Fault::status(401),
            bad_gateway,
            Fault::Body { body: BodyKind::Garbage },
            Fault::Json {
                set: [("status".to_owned(), "polishing".into())].into(),
                remove: Vec::new(),
            },
        ]),
        Endpoint::Download | Endpoint::Storage => faults.extend([
            Fault::status(500),
            bad_gateway,
            Fault::IgnoreRange,
            Fault::Truncate { to: None },
            Fault::Chunked,
            Fault::Slow { bytes: 4096, pause: Duration::from_millis(1) },
        ]),
        Endpoint::Token => faults.extend([Fault::status(500), bad_gateway]),
        Endpoint::Submit | Endpoint::Other => {}
    }
    faults
}
