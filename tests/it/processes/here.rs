//! The job of `nightly` in this process, for tests that run it a thousand times.

use std::sync::Arc;
use std::time::Duration;

use conformance::Adapter;
use export_core::{ApiVersion, Artifact, DocumentExport, ExportSpec, Limits, Pace, Pacer, Rates};
use export_host::{
    CheckpointFolder, ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings,
};
use tokio::runtime::{Builder, Runtime};

use super::place::{KEY, Place, SECRET};

pub(super) enum Here {
    Hyper(Runtime, export_hyper::Client),
    Ureq(export_ureq::Client),
}

impl Here {
    pub(super) fn new(place: &Place) -> Self {
        let checkpoints = CheckpointFolder::new(place.checkpoints());
        match place.adapter {
            Adapter::Hyper => {
                let store = Arc::new(export_hyper::Blocking::new(checkpoints));
                let client = settings(place, export_hyper::Client::builder()).checkpoints(store);
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                Self::Hyper(runtime, client.build().unwrap())
            }
            _ => {
                let client = settings(place, export_ureq::Client::builder());
                Self::Ureq(client.checkpoints(Arc::new(checkpoints)).build().unwrap())
            }
        }
    }

    /// Goes on with what was begun, or begins.
    pub(super) fn night(&self, place: &Place) -> Result<Artifact, ExportError> {
        let spec = || ExportSpec::document("d1", DocumentExport::pdf());
        match self {
            Self::Hyper(runtime, client) => runtime.block_on(async {
                let export = match client.resume_key(KEY).await? {
                    Some(begun) => begun,
                    None => client.export(spec()).with_key(KEY),
                };
                export.to_file(place.target()).await
            }),
            Self::Ureq(client) => {
                let export = match client.resume_key(KEY)? {
                    Some(begun) => begun,
                    None => client.export(spec()).with_key(KEY),
                };
                export.to_file(place.target())
            }
        }
    }
}

fn settings<A: FromSettings>(place: &Place, builder: ClientBuilder<A>) -> ClientBuilder<A> {
    let soon = Duration::from_millis(1);
    builder
        .credentials(Credentials::client("nightly", SECRET))
        .base_url(place.server.url())
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .api_version(ApiVersion::V2026_01_01)
        .limits(Limits { min_interval: soon, backoff_base: soon, ..Limits::default() })
        .pace(Pace::Exact)
}
