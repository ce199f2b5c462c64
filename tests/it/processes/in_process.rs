//! Runs the job of `nightly` in the test process, for tests with many runs.

use std::sync::Arc;
use std::time::Duration;

use conformance::Adapter;
use export_core::pacer::{Pacer, Rates};
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Artifact, Limits, Pace};
use export_host::{
    CheckpointFolder, ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings,
};
use tokio::runtime::{Builder, Runtime};

use super::fixture::{Fixture, KEY, SECRET};

pub(super) enum InProcess {
    Hyper(Runtime, export_hyper::Client),
    Ureq(export_ureq::Client),
}

impl InProcess {
    pub(super) fn new(fixture: &Fixture) -> Self {
        let checkpoints = CheckpointFolder::new(fixture.checkpoints());
        match fixture.adapter {
            Adapter::Hyper => {
                let store = Arc::new(export_hyper::Blocking::new(checkpoints));
                let client = settings(fixture, export_hyper::Client::builder()).checkpoints(store);
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                Self::Hyper(runtime, client.build().unwrap())
            }
            _ => {
                let client = settings(fixture, export_ureq::Client::builder());
                Self::Ureq(client.checkpoints(Arc::new(checkpoints)).build().unwrap())
            }
        }
    }

    /// Resumes the export of an earlier run, or starts one.
    pub(super) fn run(&self, fixture: &Fixture) -> Result<Artifact, ExportError> {
        let spec = || ExportSpec::document("d1", DocumentExport::pdf());
        match self {
            Self::Hyper(runtime, client) => runtime.block_on(async {
                let export = match client.resume_key(KEY).await? {
                    Some(resumed) => resumed,
                    None => client.export(spec()).with_key(KEY),
                };
                export.to_file(fixture.target()).await
            }),
            Self::Ureq(client) => {
                let export = match client.resume_key(KEY)? {
                    Some(resumed) => resumed,
                    None => client.export(spec()).with_key(KEY),
                };
                export.to_file(fixture.target())
            }
        }
    }
}

fn settings<A: FromSettings>(fixture: &Fixture, builder: ClientBuilder<A>) -> ClientBuilder<A> {
    let soon = Duration::from_millis(1);
    builder
        .credentials(Credentials::client("nightly", SECRET))
        .base_url(fixture.server.url())
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .api_version(ApiVersion::V2026_01_01)
        .limits(Limits::default().with_min_poll_interval(soon).with_backoff_base(soon))
        .pace(Pace::Exact)
}
