//! The classification of failures: whether a request was not sent or may have arrived decides
//! whether it is sent again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_ureq::{Client, ClientBuilder, Error, Event, ExportError, FailureKind, Stopper};
use test_servers::{
    Action, Authority, Server, any_bundle, failures, json, one_attempt, only, operation, spec,
    unused_url,
};

use crate::clients::builder_at;

pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn builder(url: &str) -> ClientBuilder<Client> {
    builder_at(url).limits(one_attempt())
}

/// The kinds of all failures of one poll, and the text of the error that ended it.
fn poll(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, |client| client.attach("op1").status().map(drop))
}

pub(crate) fn submit(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, |client| client.export(spec()).submit().map(drop))
}

fn run(
    builder: ClientBuilder<Client>,
    request: impl FnOnce(Client) -> Result<(), ExportError>,
) -> (Vec<FailureKind>, String) {
    let (client, kinds) = failures(builder);
    let error = request(client).unwrap_err();
    let kinds = kinds.lock().unwrap().clone();
    (kinds, error.to_string())
}

#[test]
fn refused_connection_is_not_sent() {
    let text = only(FailureKind::NotSent, submit(builder(&unused_url())));
    assert!(text.contains("127.0.0.1: connecting: Connection refused"), "{text}");
}

#[test]
fn unknown_host_is_not_sent() {
    let quick = one_attempt().with_request_timeout(SHORT);
    let text = only(
        FailureKind::NotSent,
        submit(builder("https://no-such-host.invalid").limits(quick).ca_bundle(any_bundle())),
    );
    assert!(text.contains("no-such-host.invalid: resolving the host name: "), "{text}");
}

#[test]
fn closed_handshake_is_not_sent() {
    let there = builder(&Server::closing("https").url()).ca_bundle(any_bundle());
    let text = only(FailureKind::NotSent, submit(there));
    assert!(text.contains("localhost: establishing TLS: "), "{text}");
}

#[test]
fn unanswered_handshake_is_not_sent() {
    let server = Server::silent("https");
    let quick = one_attempt().with_request_timeout(SHORT);
    let there = builder(&server.url()).limits(quick).ca_bundle(any_bundle());
    let text = only(FailureKind::NotSent, submit(there));
    assert!(text.contains("localhost: establishing TLS: timed out"), "{text}");
}

#[test]
fn unanswered_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let quick = one_attempt().with_request_timeout(SHORT);
    let text = only(FailureKind::Unanswered, submit(builder(&server.url()).limits(quick)));
    assert!(text.contains("timed out"), "{text}");
}

#[test]
fn endless_head_is_too_long() {
    let server = Server::start(|_, _| {
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(1_000_000, b'x');
        Action::SendAndClose(head)
    });
    only(FailureKind::TooLong, poll(builder(&server.url())));
}

#[test]
fn every_status_reaches_the_core() {
    let client_errors = (400..=431).chain([451, 499]);
    let statuses = [200, 201, 204, 205, 206, 299].into_iter().chain(300..=308);
    for status in statuses.chain(client_errors).chain(500..=511).chain([599, 999]) {
        let server = Server::start(move |_, _| {
            Action::Send(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").into_bytes())
        });
        let seen = Arc::new(Mutex::new(Vec::new()));
        let statuses = Arc::clone(&seen);
        let client = builder(&server.url()).limits(one_attempt().with_grace_period(Duration::ZERO));
        let client = client.on_event(move |event| {
            if let Event::Response { status, .. } = event {
                statuses.lock().unwrap().push(status.as_u16());
            }
        });
        let stopper = Stopper::new();
        let answered = client.build().unwrap().attach("op1").with_stopper(&stopper);
        // A 429 would be retried.
        let stop = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                while seen.lock().unwrap().is_empty() && Arc::strong_count(&seen) > 2 {
                    std::thread::yield_now();
                }
                stopper.stop();
            }
        });
        let outcome = answered.bytes(9).map(drop);
        stop.join().unwrap();
        assert!(outcome.is_err(), "{status}");
        assert_eq!(seen.lock().unwrap().first(), Some(&status), "{outcome:?}");
    }
}

#[test]
fn short_chunked_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into()));
    only(FailureKind::Cut, poll(builder(&server.url())));
}

#[test]
fn endless_api_answer_is_too_long() {
    let server = Server::start(|_, _| {
        let mut body = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{".to_vec();
        body.resize(2_000_000, b' ');
        Action::SendAndClose(body)
    });
    only(FailureKind::TooLong, poll(builder(&server.url())));
}

#[test]
fn untrusted_server_is_final_and_gets_nothing() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let said = |authority: &Authority, name: &str| {
        let server = Server::tls(authority.server(name), |_, _| Action::SendAndClose(Vec::new()));
        let patient = one_attempt().with_max_failures(10);
        let there = builder(&server.url()).limits(patient).ca_bundle(ours.bundle());
        let text = only(FailureKind::Untrusted, submit(there));
        assert!(server.requests().is_empty());
        assert_eq!(server.connections(), 1);
        text
    };
    assert_eq!(
        said(&theirs, "localhost"),
        "submit: the peer is not trusted: localhost: establishing TLS: its certificate was issued \
         by a CA that this machine does not trust; if it is your company's CA, pass its CA bundle; \
         resume the job once that is fixed"
    );
    assert_eq!(
        said(&ours, "api.example.com"),
        "submit: the peer is not trusted: localhost: establishing TLS: its certificate is not valid \
         for localhost, only for api.example.com; resume the job once that is fixed"
    );
}

#[test]
fn poll_request_on_the_wire() {
    let server = Server::start(|_, _| operation("started"));
    let client = builder(&server.url())
        .headers(|headers| {
            headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        })
        .build()
        .unwrap();
    client.attach("op1").status().unwrap();
    let request = server.requests().remove(0).replace(&server.address().to_string(), "HOST");
    let (line, headers) = request.trim_end().split_once("\r\n").unwrap();
    let mut headers: Vec<_> = headers.lines().collect();
    headers.sort_unstable();
    assert_eq!(line, "GET /platform/v1/operations/op1 HTTP/1.1");
    assert_eq!(
        headers,
        [
            "accept: application/json",
            "authorization: Bearer t0ken",
            "host: HOST",
            "traceparent: 00-1-2-01",
            concat!("user-agent: wexport-client/", env!("CARGO_PKG_VERSION")),
            "x-version: 2022-01-01",
        ]
    );
}

#[test]
fn error_returns_the_checkpoint() {
    let error = builder(&unused_url()).build().unwrap().attach("op1").status().unwrap_err();
    assert!(matches!(error.job(), Some(Error::GaveUp { .. })));
    let operation = error.checkpoint().unwrap().operation().unwrap().to_owned();
    assert!(operation.ends_with("/platform/v1/operations/op1"), "{operation}");
}

/// The system's store is set by environment variables, which a test cannot change in its own
/// process: it runs itself a second time.
#[cfg(target_os = "linux")]
#[test]
fn plain_http_needs_no_certificate_authorities() {
    const CHILD: &str = "EXPORT_UREQ_TEST_WITHOUT_AUTHORITIES";
    if std::env::var_os(CHILD).is_some() {
        let error = builder("https://localhost").build().unwrap_err().to_string();
        assert!(error.contains("no certificate authorities"), "{error}");
        // The service is on this machine, and its file on a server with TLS.
        let file = format!("{}/f", Server::silent("https").url());
        let server = Server::start(move |_, _| {
            let body = format!(r#"{{"status":"completed","resourceUrl":"{file}"}}"#);
            Action::Send(json("200 OK", &[], &body))
        });
        let text = only(
            FailureKind::Untrusted,
            run(builder(&server.url()), |client| client.attach("op1").bytes(9).map(drop)),
        );
        assert!(text.contains("no certificate authorities"), "{text}");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "transport::plain_http_needs_no_certificate_authorities"])
        .env(CHILD, "1")
        .env("SSL_CERT_DIR", empty.path())
        .env_remove("SSL_CERT_FILE")
        .status()
        .unwrap();
    assert!(status.success());
}
