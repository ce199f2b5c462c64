//! What a case is.

use std::time::Duration;

use export_core::{
    ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport, Limits, Resubmit,
};
use export_sim::{Certificate, Config, Downloads, Framing, RandomRule, Scenario};

/// What is exported, what goes wrong meanwhile, and how that ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// The name of its snapshot.
    pub name: String,
    /// What to export.
    pub spec: ExportSpec,
    /// How far to go.
    pub goal: Goal,
    /// With which generation of the API.
    pub version: ApiVersion,
    /// The certificate that the service shows, if it speaks TLS.
    pub tls: Option<Certificate>,
    /// What the client takes for the service's address.
    pub address: Address,
    /// Whom the client believes, if it speaks TLS.
    pub trust: Trust,
    /// What goes wrong: the rules of the simulator's scenario, each in its JSON.
    pub rules: Vec<String>,
    /// What goes wrong with connections: the scenario's rules for those.
    pub connections: Vec<String>,
    /// What goes wrong at random with everything else.
    pub random: Option<RandomRule>,
    /// Where the file comes from.
    pub downloads: Downloads,
    /// How a download says where it ends.
    pub framing: Framing,
    /// The scopes that the token has.
    pub scopes: &'static [&'static str],
    /// How long a token lives.
    pub token_lifetime: Duration,
    /// What the client signs in with.
    pub login: Login,
    /// The client's budgets.
    pub limits: Limits,
    /// Whether a person gets a mail for each export.
    pub mails: bool,
    /// When the client sends a submit again.
    pub resubmit: Resubmit,
    /// How it ends: the last line of what is written down.
    pub ends: &'static str,
    /// How long it may take at most, with each adapter.
    pub within: Duration,
}

/// What a client takes for the service's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// What it is.
    Right,
    /// The right host and port, spoken to in the clear if it wants TLS, and by TLS if it does not.
    OtherScheme,
    /// A port at which nobody listens.
    NobodyThere,
    /// A name that nobody has.
    NoSuchName,
}

/// Whom a client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The authority of the service's certificate.
    ItsAuthority,
    /// Another one.
    Another,
}

/// What a client signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// The id of the one client that the service knows, and this secret.
    Secret(&'static str),
    /// A token that somebody else has obtained.
    Token,
}

/// How far a case goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Goal {
    /// To the file, in memory, as long as it is not longer than this.
    File(usize),
    /// Until the export is accepted; from there to the file with the next adapter.
    HandedOver,
    /// Until the service has said how far this operation is, which somebody else started.
    Status(&'static str),
}

/// The secret of the one client that the service knows.
pub const SECRET: &str = "s3cret-of-the-client";

/// A token that the service knows from the start.
pub const TOKEN: &str = "t0ken-from-elsewhere";

/// The end of a case in which all is well.
pub(crate) const FILE: &str = "the file, whole";

impl Case {
    /// A document is exported as a pdf, and nothing goes wrong.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            spec: ExportSpec::document("d1", DocumentExport::pdf()),
            goal: Goal::File(1 << 20),
            version: ApiVersion::V2026_01_01,
            tls: None,
            address: Address::Right,
            trust: Trust::ItsAuthority,
            rules: Vec::new(),
            connections: Vec::new(),
            random: None,
            downloads: Downloads::ApiHost,
            framing: Framing::Length,
            scopes: &["file:read", "file:write", "graph:read"],
            token_lifetime: Duration::from_secs(3_600),
            login: Login::Secret(SECRET),
            limits: quick(),
            mails: false,
            resubmit: Resubmit::IfHarmless,
            ends: FILE,
            within: Duration::from_secs(60),
        }
    }

    /// A document is exported over one way of many, and each request may go wrong.
    #[must_use]
    pub fn at_random(random: RandomRule) -> Self {
        let ways = [Downloads::ApiHost, Downloads::Redirect(302), Downloads::Signed];
        let seed = random.seed as usize;
        Self::new(format!("random-{seed}")).with(|case| {
            case.downloads = ways[seed % ways.len()];
            case.random = Some(random);
            case.limits.attempt = Duration::from_millis(700);
            case.limits.stall = Duration::from_millis(700);
            case.limits.grace = Duration::from_millis(100);
        })
    }

    /// Exports something of which a person gets a mail.
    pub(crate) fn mails(mut self) -> Self {
        let mail = ArchiveOptions { email_on_complete: Some(true), ..ArchiveOptions::default() };
        self.spec = ExportSpec::file("f1", FileExport::folder(mail));
        self.mails = true;
        self
    }

    /// Adds a rule: `fault` happens to the requests to `endpoint` that `nth` names, all of them in
    /// the simulator's words.
    pub(crate) fn rule(mut self, endpoint: &str, nth: &str, fault: &str) -> Self {
        let requests = format!(r#"{{"endpoint": "{endpoint}", "nth": {nth}}}"#);
        self.rules.push(format!(r#"{{"match": {requests}, "then": {fault}}}"#));
        self
    }

    /// Lets this become of the first connection to the API. The client brings its token along: to
    /// ask for one would take a connection too.
    pub(crate) fn first_connection(mut self, then: &str) -> Self {
        self.login = Login::Token;
        self.connections.push(format!(r#"{{"origin": "api", "nth": 1, "then": "{then}"}}"#));
        self
    }

    /// Changes anything else of it.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) const fn ends(mut self, ends: &'static str) -> Self {
        self.ends = ends;
        self
    }

    /// The service of this case.
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
            .with_scenario(scenario)
            .with_seed(1);
        match self.tls {
            None => config,
            Some(certificate) => config.with_certificate(certificate),
        }
    }
}

/// Every wait that is the client's own choice is as short as can be.
fn quick() -> Limits {
    let soon = Duration::from_millis(1);
    Limits {
        min_interval: soon,
        backoff_base: soon,
        backoff_cap: 8 * soon,
        failures: 3,
        ..Limits::default()
    }
}
