//! A case, run by an adapter.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use export_core::{Artifact, Pace};
use export_host::{
    CaBundle, ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings, Status,
};
use export_sim::{Config, Server};

use crate::case::{Address, Case, Goal, Login, TOKEN, Trust};
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
    let started = Instant::now();
    let outcome = clients.drive(adapter);
    let took = started.elapsed();
    let mut text = transcript::write(&server, &notes, &outcome);
    if took > case.within {
        text += &format!("and that took {took:?}\n");
    }
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
        let builder = match (self.case.trust, self.server.ca_pem()) {
            (Trust::ItsAuthority, Some(pem)) => builder.ca_bundle(CaBundle::pem(pem)),
            (Trust::ItsAuthority, None) => builder,
            (Trust::Another, _) => builder.ca_bundle(CaBundle::pem(another_authority())),
        };
        let client = builder
            .credentials(match self.case.login {
                Login::Secret(secret) => Credentials::client("the-client", secret),
                Login::Token => Credentials::token(TOKEN),
            })
            .base_url(self.address())
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

impl Clients<'_> {
    fn address(&self) -> String {
        let url = self.server.url();
        match self.case.address {
            Address::Right => url.to_owned(),
            Address::OtherScheme => match url.strip_prefix("http://") {
                Some(rest) => format!("https://{rest}"),
                None => url.replace("https://", "http://"),
            },
            // The first port is for a service that is long forgotten.
            Address::NobodyThere => "http://127.0.0.1:1".to_owned(),
            Address::NoSuchName => "https://no-such-host.invalid".to_owned(),
        }
    }
}

/// The certificate of an authority that has nothing to do with the service's.
fn another_authority() -> &'static str {
    static PEM: LazyLock<String> = LazyLock::new(|| {
        let server = Server::start_blocking(Config::default().with_tls());
        let server = server.expect("there is a free port on loopback");
        server.ca_pem().unwrap_or_default().to_owned()
    });
    &PEM
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there are threads for a runtime").block_on(future)
}
