//! A case, run by an adapter.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use export_core::{Artifact, Pace, Pacer, Rates};
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

/// What a run of a case has left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ran {
    /// All that could be seen from outside, in order, without what is chance.
    pub transcript: String,
    /// What nobody may find anywhere else: the client's secret, the tokens, the signatures of URLs.
    pub secrets: Vec<String>,
}

/// Runs a case, and writes down what happened.
///
/// # Panics
///
/// Panics if the case cannot be run, or if a secret was seen where it must not be.
#[must_use]
pub fn run(case: &Case, adapter: Adapter) -> Ran {
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
    notes.print_outcome(&outcome);
    let secrets = leaks::check(case, &server, &[&text, &notes.printed()]);
    Ran { transcript: text, secrets }
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
        let file = |(artifact, bytes)| Outcome::File(Box::new(artifact), bytes);
        let status = |status| Outcome::Status(Box::new(status));
        match (self.case.goal, adapter) {
            (Goal::File(limit), Adapter::Hyper) => {
                wait(async { self.hyper_export().bytes(limit).await }).map(file)
            }
            (Goal::File(limit), Adapter::Ureq) => self.ureq_export().bytes(limit).map(file),
            (Goal::HandedOver, Adapter::Hyper) => {
                let submitted = wait(async { self.hyper_export().submit().await })?;
                self.ureq().resume(submitted.checkpoint).bytes(LIMIT).map(file)
            }
            (Goal::HandedOver, Adapter::Ureq) => {
                let submitted = self.ureq_export().submit()?;
                wait(async { self.hyper().resume(submitted.checkpoint).bytes(LIMIT).await })
                    .map(file)
            }
            (Goal::Status(id), Adapter::Hyper) => {
                wait(async { self.hyper().attach(id).status().await }).map(status)
            }
            (Goal::Status(id), Adapter::Ureq) => self.ureq().attach(id).status().map(status),
        }
    }

    fn hyper(&self) -> export_hyper::Client {
        let store: Arc<dyn export_hyper::CheckpointStore> = Arc::new(self.notes.clone());
        let client = self.client(export_hyper::Client::builder().checkpoints(store));
        self.notes.print(&client);
        client
    }

    fn ureq(&self) -> export_ureq::Client {
        let store: Arc<dyn export_ureq::CheckpointStore> = Arc::new(self.notes.clone());
        let client = self.client(export_ureq::Client::builder().checkpoints(store));
        self.notes.print(&client);
        client
    }

    fn hyper_export(&self) -> export_hyper::Export {
        let export = self.hyper().export(self.case.spec.clone()).with_key("case");
        self.notes.print(&export);
        export
    }

    fn ureq_export(&self) -> export_ureq::Export {
        let export = self.ureq().export(self.case.spec.clone()).with_key("case");
        self.notes.print(&export);
        export
    }

    fn client<A: FromSettings>(&self, builder: ClientBuilder<A>) -> A {
        let builder = match (self.case.trust, self.server.ca_pem()) {
            (Trust::ItsAuthority, Some(pem)) => builder.ca_bundle(CaBundle::pem(pem)),
            (Trust::ItsAuthority, None) => builder,
            (Trust::Another, _) => builder.ca_bundle(CaBundle::pem(another_authority())),
        };
        let credentials = match self.case.login {
            Login::Secret(secret) => Credentials::client("the-client", secret),
            Login::Token => Credentials::token(TOKEN),
        };
        self.notes.print(&credentials);
        let client = builder
            .credentials(credentials)
            .base_url(self.address())
            .proxy(ProxySettings::Off)
            .pacer(Pacer::new(Rates::unlimited()))
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
