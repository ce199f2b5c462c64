//! What the libraries say about each status of each endpoint, in both generations of the API.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fmt::Write as _;
use std::time::Duration;

use export_core::pacer::{Pacer, Rates};
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Limits, Pace};
use export_host::{ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings};
use export_sim::{Config, Endpoint, Fault, RedirectTo, RetryAfter, Rule, Scenario, Server};
use http::StatusCode;

const STATUSES: [u16; 17] =
    [200, 202, 204, 400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504];

#[test]
fn libraries_explain_each_status_alike() {
    let mut text = String::new();
    for (endpoint, name, done) in [
        (Endpoint::Submit, "submit", 202),
        (Endpoint::Operation, "operation", 200),
        (Endpoint::Download, "download", 200),
        (Endpoint::Token, "token", 200),
    ] {
        let _ = writeln!(text, "## {name}\n");
        for status in STATUSES.into_iter().filter(|status| *status != done) {
            // A 202 of an operation is polled again.
            if (endpoint, status) == (Endpoint::Operation, 202) {
                continue;
            }
            let status = StatusCode::from_u16(status).unwrap();
            // Without a wait that exceeds the time limit, a 429 would be repeated until then.
            let is_throttled = status == StatusCode::TOO_MANY_REQUESTS
                && matches!(endpoint, Endpoint::Submit | Endpoint::Operation);
            let retry_after = is_throttled.then_some(RetryAfter::Seconds(7_200));
            let fault = Fault::Status { status, retry_after, body: Default::default() };
            explain(&mut text, endpoint, &status.as_u16().to_string(), &fault);
        }
        // A redirect of a download is followed.
        if endpoint != Endpoint::Download {
            let to = RedirectTo::Url("https://login.example/".into());
            let fault = Fault::Redirect { status: StatusCode::FOUND, to };
            explain(&mut text, endpoint, "302 to a login page", &fault);
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

/// Adds what both adapters say in both generations of the API, which has to be the same.
fn explain(text: &mut String, endpoint: Endpoint, name: &str, fault: &Fault) {
    let said = [ApiVersion::V2026_01_01, ApiVersion::V2022_01_01].map(|version| {
        let scenario = Scenario::default().with_rule(Rule::new(endpoint, fault.clone()));
        let [hyper, ureq] = [with_hyper, with_ureq].map(|run| {
            let config = Config::default()
                .with_client("an-id", "a-secret")
                .with_retry_after(0)
                .with_operations_rate(0.0)
                .with_seed(1)
                .with_scenario(scenario.clone());
            let server = Server::start_blocking(config).unwrap();
            summary(&server, &run(&server, version))
        });
        assert_eq!(hyper, ureq, "{endpoint:?} {name}");
        hyper
    });
    assert_eq!(said[0], said[1], "{endpoint:?} {name}");
    let _ = writeln!(text, "{name}: {}", said[0]);
}

fn summary(server: &Server, error: &ExportError) -> String {
    let resumable = if error.checkpoint().is_some() { "resumable" } else { "not resumable" };
    let requests = server.requests().len();
    let message = error.to_string();
    let message = match message.split_once("allowed at ") {
        Some((before, after)) => {
            format!("{before}allowed at TIME{}", after.trim_start_matches(|c| c != ','))
        }
        None => message,
    };
    format!("{resumable} after {requests} requests, {:?}\n    {message}", error.fault())
}

fn with_hyper(server: &Server, version: ApiVersion) -> ExportError {
    let client = client(export_hyper::Client::builder(), server, version);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.export(spec()).bytes(1 << 20)).unwrap_err()
}

fn with_ureq(server: &Server, version: ApiVersion) -> ExportError {
    let client = client(export_ureq::Client::builder(), server, version);
    client.export(spec()).bytes(1 << 20).unwrap_err()
}

fn spec() -> ExportSpec {
    ExportSpec::document("d1", DocumentExport::pdf())
}

fn client<A: FromSettings>(builder: ClientBuilder<A>, server: &Server, version: ApiVersion) -> A {
    let soon = Duration::from_millis(1);
    let limits = Limits::default()
        .with_min_poll_interval(soon)
        .with_backoff_base(soon)
        .with_grace_period(Duration::ZERO)
        .with_max_failures(1);
    let client = builder
        .credentials(Credentials::client("an-id", "a-secret"))
        .base_url(server.url())
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .api_version(version)
        .limits(limits)
        .pace(Pace::Exact)
        .jitter(0)
        .build();
    client.unwrap()
}
