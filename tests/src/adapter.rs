//! Runs a case with an adapter.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use export_core::pacer::{Pacer, Rates};
use export_core::workiva::ListedFile;
use export_core::{Artifact, Pace};
use export_host::{
    CaBundle, ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings, Status,
};
use export_sim::Server;
use test_servers::any_bundle;

use crate::case::{BaseUrl, Case, Goal, Login, TOKEN, TrustedCa};
use crate::leaks;
use crate::recorder::Recorder;
use crate::transcript::{self, End};

/// An adapter of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Adapter {
    /// `export-hyper`, async.
    Hyper,
    /// `export-ureq`, blocking.
    Ureq,
}

impl Adapter {
    /// All adapters.
    pub const ALL: [Self; 2] = [Self::Hyper, Self::Ureq];
}

/// The result of a successful case.
pub(crate) enum CaseOutput {
    File(Box<Artifact>, Vec<u8>),
    Files(Vec<ListedFile>),
    Status(Box<Status>),
}

/// The observable behaviour of a run of a case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaseRun {
    /// All observable behaviour in order, with random values replaced by placeholders.
    pub transcript: String,
    /// The secrets of the run: the client secret, the tokens, and the signatures of URLs.
    pub secrets: Vec<String>,
}

/// Runs a case and records its behaviour.
///
/// # Panics
///
/// Panics if the case cannot be run, or if a secret leaked.
#[must_use]
pub fn run(case: &Case, adapter: Adapter) -> CaseRun {
    let server = Server::start_blocking(case.service());
    let server = Arc::new(server.expect("there is a free port on loopback"));
    let recorder = Recorder::new(&server);
    let clients = Clients { case, server: &server, recorder: &recorder };
    let started = Instant::now();
    let result = clients.run(adapter);
    let elapsed = started.elapsed();
    let mut text = transcript::write(&server, &recorder, &End::of(&result));
    if elapsed > case.within {
        text += &format!("took {elapsed:?}, which is longer than {:?}\n", case.within);
    }
    recorder.print_result(&result);
    let secrets = leaks::check(case, &server, &[&text, &recorder.printed()]);
    CaseRun { transcript: text, secrets }
}

/// Creates clients of both adapters with the same settings.
struct Clients<'a> {
    case: &'a Case,
    server: &'a Server,
    recorder: &'a Recorder,
}

impl Clients<'_> {
    fn run(&self, adapter: Adapter) -> Result<CaseOutput, ExportError> {
        const LIMIT: usize = 1 << 20;
        let file = |(artifact, bytes)| CaseOutput::File(Box::new(artifact), bytes);
        let status = |status| CaseOutput::Status(Box::new(status));
        match (self.case.goal, adapter) {
            (Goal::File(limit), Adapter::Hyper) => {
                block_on(async { self.hyper_export().bytes(limit).await }).map(file)
            }
            (Goal::File(limit), Adapter::Ureq) => self.ureq_export().bytes(limit).map(file),
            (Goal::Handover, Adapter::Hyper) => {
                let submitted = block_on(async { self.hyper_export().submit().await })?;
                self.ureq().resume(submitted.checkpoint).bytes(LIMIT).map(file)
            }
            (Goal::Handover, Adapter::Ureq) => {
                let submitted = self.ureq_export().submit()?;
                block_on(async { self.hyper().resume(submitted.checkpoint).bytes(LIMIT).await })
                    .map(file)
            }
            (Goal::Files(kind), Adapter::Hyper) => {
                block_on(async { self.hyper().files(Case::files_query(kind)).await })
                    .map(CaseOutput::Files)
            }
            (Goal::Files(kind), Adapter::Ureq) => {
                self.ureq().files(Case::files_query(kind)).map(CaseOutput::Files)
            }
            (Goal::Status(id), Adapter::Hyper) => {
                block_on(async { self.hyper().attach(id).status().await }).map(status)
            }
            (Goal::Status(id), Adapter::Ureq) => self.ureq().attach(id).status().map(status),
        }
    }

    fn hyper(&self) -> export_hyper::Client {
        let store: Arc<dyn export_hyper::CheckpointStore> = Arc::new(self.recorder.clone());
        let client = self.client(export_hyper::Client::builder().checkpoints(store));
        self.recorder.print(&client);
        client
    }

    fn ureq(&self) -> export_ureq::Client {
        let store: Arc<dyn export_ureq::CheckpointStore> = Arc::new(self.recorder.clone());
        let client = self.client(export_ureq::Client::builder().checkpoints(store));
        self.recorder.print(&client);
        client
    }

    fn hyper_export(&self) -> export_hyper::Export {
        let export = self.hyper().export(self.case.spec.clone()).with_key("case");
        self.recorder.print(&export);
        export
    }

    fn ureq_export(&self) -> export_ureq::Export {
        let export = self.ureq().export(self.case.spec.clone()).with_key("case");
        self.recorder.print(&export);
        export
    }

    fn client<A: FromSettings>(&self, builder: ClientBuilder<A>) -> A {
        let builder = match (self.case.trusted_ca, self.server.ca_pem()) {
            (TrustedCa::Service, Some(pem)) => builder.ca_bundle(CaBundle::pem(pem)),
            (TrustedCa::Service, None) => builder,
            (TrustedCa::Other, _) => builder.ca_bundle(any_bundle()),
        };
        let credentials = match self.case.login {
            Login::Secret(secret) => Credentials::client("the-client", secret),
            Login::Token => Credentials::token(TOKEN),
        };
        self.recorder.print(&credentials);
        let client = builder
            .credentials(credentials)
            .base_url(base_url(self.case, self.server))
            .proxy(ProxySettings::Off)
            .pacer(Pacer::new(Rates::unlimited()))
            .api_version(self.case.version)
            .limits(self.case.limits)
            .resubmit(self.case.resubmit)
            .pace(Pace::Exact)
            .jitter(0)
            .on_event(self.recorder.event_handler())
            .build();
        client.expect("the settings of a case are valid")
    }
}

/// The base URL of the clients of a case.
pub(crate) fn base_url(case: &Case, server: &Server) -> String {
    let url = server.url();
    match case.base_url {
        BaseUrl::Service => url.to_owned(),
        BaseUrl::OtherScheme => match url.strip_prefix("http://") {
            Some(rest) => format!("https://{rest}"),
            None => url.replace("https://", "http://"),
        },
        // Port 1 (tcpmux) is not in use on current systems.
        BaseUrl::ClosedPort => "http://127.0.0.1:1".to_owned(),
        BaseUrl::UnknownHost => "https://no-such-host.invalid".to_owned(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the runtime can be built").block_on(future)
}
