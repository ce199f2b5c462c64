//! Test cases as data.

use std::time::Duration;

use export_core::workiva::{
    ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport, FilesQuery,
};
use export_core::{Limits, Resubmit};
use export_sim::{Certificate, Config, Downloads, Framing, RandomRule, Scenario};

/// An export, the faults during it, and its expected end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// The name of the case and of its snapshot.
    pub name: String,
    /// What to export.
    pub spec: ExportSpec,
    /// The requested result.
    pub goal: Goal,
    /// The generation of the API.
    pub version: ApiVersion,
    /// The certificate of the service, if it uses TLS.
    pub tls: Option<Certificate>,
    /// The base URL of the client.
    pub base_url: BaseUrl,
    /// The certificate authority that the client trusts.
    pub trusted_ca: TrustedCa,
    /// The rules of the simulator's scenario, each as JSON.
    pub rules: Vec<String>,
    /// The scenario's rules for connections, each as JSON.
    pub connections: Vec<String>,
    /// The random faults of all requests that no rule matches.
    pub random: Option<RandomRule>,
    /// Where the file is downloaded from.
    pub downloads: Downloads,
    /// How the end of a download is signalled.
    pub framing: Framing,
    /// The scopes of the token.
    pub scopes: &'static [&'static str],
    /// The lifetime of a token.
    pub token_lifetime: Duration,
    /// The credentials of the client.
    pub login: Login,
    /// The client's limits.
    pub limits: Limits,
    /// Whether the export sends an email.
    pub sends_email: bool,
    /// When the client repeats a submit.
    pub resubmit: Resubmit,
    /// The expected end: a part of the last line of the transcript.
    pub ends: &'static str,
    /// The maximum duration of the case with each adapter.
    pub within: Duration,
}

/// The base URL of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseUrl {
    /// The URL of the service.
    Service,
    /// The URL of the service with the other scheme: http if the service uses TLS, https if not.
    OtherScheme,
    /// A closed port.
    ClosedPort,
    /// A host name that does not exist.
    UnknownHost,
}

/// The certificate authority that a client trusts, in addition to the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustedCa {
    /// The authority of the service's certificate.
    Service,
    /// Another authority.
    Other,
}

/// The credentials of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// The id of the registered client, with this secret.
    Secret(&'static str),
    /// A token that was obtained elsewhere.
    Token,
}

/// The requested result of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Goal {
    /// The file in memory, with this size limit.
    File(usize),
    /// The file, where the first adapter submits the export and the other one resumes it.
    Handover,
    /// The files of this kind, in pages of one.
    Files(&'static str),
    /// The status of this operation, which another client has started.
    Status(&'static str),
}

/// The secret of the registered client.
pub const SECRET: &str = "s3cret-of-the-client";

/// A token that the service accepts.
pub const TOKEN: &str = "t0ken-from-elsewhere";

/// The length of the exported file: three pieces of at most 500 bytes.
pub(crate) const LENGTH: usize = 1206;

/// The end of a successful case.
pub(crate) const FILE: &str = "the file, whole";

impl Case {
    /// A case that exports a document as a PDF, without faults.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            spec: ExportSpec::document("d1", DocumentExport::pdf()),
            goal: Goal::File(1 << 20),
            version: ApiVersion::V2026_01_01,
            tls: None,
            base_url: BaseUrl::Service,
            trusted_ca: TrustedCa::Service,
            rules: Vec::new(),
            connections: Vec::new(),
            random: None,
            downloads: Downloads::ApiHost,
            framing: Framing::Length,
            scopes: &["file:read", "file:write", "graph:read"],
            token_lifetime: Duration::from_secs(3_600),
            login: Login::Secret(SECRET),
            limits: quick(),
            sends_email: false,
            resubmit: Resubmit::IfHarmless,
            ends: FILE,
            within: Duration::from_secs(60),
        }
    }

    /// A case with random faults, and with a source of the file that depends on the seed.
    #[must_use]
    pub fn at_random(random: RandomRule) -> Self {
        let sources = [Downloads::ApiHost, Downloads::Redirect(302), Downloads::Signed];
        let seed = random.seed as usize;
        Self::new(format!("random-{seed}")).with(|case| {
            case.downloads = sources[seed % sources.len()];
            case.random = Some(random);
            case.limits.request_timeout = Duration::from_millis(700);
            case.limits.read_timeout = Duration::from_millis(700);
            case.limits.grace_period = Duration::from_millis(100);
        })
    }

    /// Changes the export to one that sends an email on completion.
    pub(crate) fn sends_email(mut self) -> Self {
        let email = ArchiveOptions::default().email_on_complete(true);
        self.spec = ExportSpec::file("f1", FileExport::folder(email));
        self.sends_email = true;
        self
    }

    /// Adds a rule that injects `fault` into the requests to `endpoint` that `nth` selects. All
    /// three are in the JSON format of the simulator's scenarios.
    pub(crate) fn rule(mut self, endpoint: &str, nth: &str, fault: &str) -> Self {
        let requests = format!(r#"{{"endpoint": "{endpoint}", "nth": {nth}}}"#);
        self.rules.push(format!(r#"{{"match": {requests}, "then": {fault}}}"#));
        self
    }

    /// Injects a fault into the first connection to the API. The client uses a fixed token, because
    /// a token request would use the first connection.
    pub(crate) fn first_connection(mut self, then: &str) -> Self {
        self.login = Login::Token;
        self.connections.push(format!(r#"{{"origin": "api", "nth": 1, "then": "{then}"}}"#));
        self
    }

    /// Changes other fields of the case.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) const fn ends(mut self, ends: &'static str) -> Self {
        self.ends = ends;
        self
    }

    /// The query of a case that lists files.
    pub(crate) fn files_query(kind: &str) -> FilesQuery {
        FilesQuery::new().with_kind(kind).with_page_size(1)
    }

    /// The configuration of the service.
    pub(crate) fn service(&self) -> Config {
        let (rules, connections) = (self.rules.join(","), self.connections.join(","));
        let scenario = format!(r#"{{"rules": [{rules}], "connections": [{connections}]}}"#);
        let scenario = Scenario::from_json(&scenario)
            .unwrap_or_else(|error| panic!("the case {}: {error}", self.name));
        let scenario = match self.random.clone() {
            Some(random) => scenario.with_random(random),
            None => scenario,
        };
        let config = Config::default()
            .with_client("the-client", SECRET)
            .with_token(TOKEN)
            .with_scopes(self.scopes.iter().copied())
            .with_token_lifetime(self.token_lifetime)
            .with_retry_after(0)
            .with_operations_rate(0.0)
            .with_downloads(self.downloads)
            .with_framing(self.framing)
            .with_artifact_size(LENGTH as u64)
            .with_scenario(scenario)
            .with_seed(1);
        match self.tls {
            None => config,
            Some(certificate) => config.with_certificate(certificate),
        }
    }
}

/// Limits with the shortest possible intervals, to keep the cases fast.
fn quick() -> Limits {
    let soon = Duration::from_millis(1);
    Limits::default()
        .with_min_poll_interval(soon)
        .with_backoff_base(soon)
        .with_backoff_cap(8 * soon)
        .with_max_failures(3)
}
