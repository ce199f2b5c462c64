//! A case, run by an adapter.

use std::future::Future;
use std::sync::Arc;

use export_core::{Artifact, Pace};
use export_host::{
    CaBundle, ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings, Status,
};
use export_sim::Server;

use crate::case::{Case, Goal};
use crate::leaks;
use crate::notes::Notes;
use crate::transcript;

/// What drives a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adapter {
    /// `export-hyper`, async.
    Hyper,
    /// `export-ureq`, blocking.
    Ureq,
}

impl Adapter {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Hyper, Self::Ureq];
}

/// What there is at the end.
pub(crate) enum Outcome {
    File(Box<Artifact>, Vec<u8>),
    Status(Box<Status>),
}

/// Runs a case, and writes down what happened.
///
/// # Panics
///
/// Panics if the case cannot be run, or if a secret was seen where it must not be.
#[must_use]
pub fn run(case: &Case, adapter: Adapter) -> String {
    let server = Server::start_blocking(case.service());
    let server = Arc::new(server.expect("there is a free port on loopback"));
    let notes = Notes::new(&server);
    let clients = Clients { case, server: &server, notes: &notes };
    let outcome = clients.drive(adapter);
    let text = transcript::write(&server, &notes, &outcome);
    leaks::check(case, &server, &text);
    text
}

/// A client of each adapter, with the same settings.
struct Clients<'a> {
    case: &'a Case,
    server: &'a Server,
    notes: &'a Notes,
}

impl Clients<'_> {
    fn drive(&self, adapter: Adapter) -> Result<Outcome, ExportError> {
        const LIMIT: usize = 1 << 20;
        let spec = || self.case.spec.clone();
        let file = |(artifact, bytes)| Outcome::File(Box::new(artifact), bytes);
        let status = |status| Outcome::Status(Box::new(status));
        let hyper = || self.client(export_hyper::Client::builder());
        let ureq = || self.client(export_ureq::Client::builder());
        match (self.case.goal, adapter) {
            (Goal::File(limit), Adapter::Hyper) => {
                wait(async { hyper().export(spec()).bytes(limit).await }).map(file)
            }
            (Goal::File(limit), Adapter::Ureq) => ureq().export(spec()).bytes(limit).map(file),
            (Goal::HandedOver, Adapter::Hyper) => {
                let submitted = wait(async { hyper().export(spec()).submit().await })?;
                ureq().resume(submitted.checkpoint).bytes(LIMIT).map(file)
            }
            (Goal::HandedOver, Adapter::Ureq) => {
                let submitted = ureq().export(spec()).submit()?;
                wait(async { hyper().resume(submitted.checkpoint).bytes(LIMIT).await }).map(file)
            }
            (Goal::Status(id), Adapter::Hyper) => {
                wait(async { hyper().attach(id).status().await }).map(status)
            }
            (Goal::Status(id), Adapter::Ureq) => ureq().attach(id).status().map(status),
        }
    }

    fn client<A: FromSettings>(&self, builder: ClientBuilder<A>) -> A {
        let builder = match self.server.ca_pem() {
            Some(pem) => builder.ca_bundle(CaBundle::pem(pem)),
            None => builder,
        };
        let client = builder
            .credentials(Credentials::client("the-client", self.case.secret))
            .base_url(self.server.url())
            .proxy(ProxySettings::Off)
            .api_version(self.case.version)
            .limits(self.case.limits)
            .resubmit(self.case.resubmit)
            .pace(Pace::Exact)
            .jitter(0)
            .on_event(self.notes.taker())
            .build();
        client.expect("the settings of a case make a client")
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there are threads for a runtime").block_on(future)
}
