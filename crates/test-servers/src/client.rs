//! Settings for the clients of a server, and what their failures are.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_core::pacer::{Pacer, Rates};
use export_core::workiva::{DocumentExport, ExportSpec};
use export_core::{Event, FailureKind, Limits, Pace};
use export_host::{CaBundle, ClientBuilder, Credentials, FromSettings, ProxySettings};

use crate::authority::Authority;

/// The settings of a client of the server at `url`: a token, no proxy, and no waits.
pub fn settings<A: FromSettings>(builder: ClientBuilder<A>, url: &str) -> ClientBuilder<A> {
    builder
        .credentials(Credentials::token("t0ken"))
        .base_url(url)
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .pace(Pace::Exact)
        .limits(quick())
}

/// Limits with the shortest waits.
#[must_use]
pub fn quick() -> Limits {
    let instant = Duration::from_millis(1);
    Limits::default()
        .with_min_poll_interval(instant)
        .with_backoff_base(instant)
        .with_backoff_cap(instant)
        .with_request_timeout(Duration::from_secs(20))
}

/// The same, where the first failure ends the job.
#[must_use]
pub fn one_attempt() -> Limits {
    quick().with_max_failures(0).with_max_submits(1)
}

/// The export of a document, which is `d1`.
#[must_use]
pub fn spec() -> ExportSpec {
    ExportSpec::document("d1", DocumentExport::pdf())
}

/// For clients with TLS, since the system may have no certificate authorities.
#[must_use]
pub fn any_bundle() -> CaBundle {
    Authority::new("any").bundle()
}

/// A client, and the kinds of its failures.
pub fn failures<A: FromSettings>(builder: ClientBuilder<A>) -> (A, Arc<Mutex<Vec<FailureKind>>>) {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let builder = builder.on_event(move |event| {
        if let Event::Failed { kind, .. } = event {
            seen.lock().unwrap().push(*kind);
        }
    });
    (builder.build().unwrap(), kinds)
}

/// Asserts that there was one failure, of this kind. Returns the text of the error.
pub fn only(kind: FailureKind, (kinds, error): (Vec<FailureKind>, String)) -> String {
    assert_eq!(kinds, [kind], "{error}");
    error
}
