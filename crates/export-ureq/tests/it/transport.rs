//! The classification of failures: whether a request was not sent or may have arrived decides
//! whether it is sent again.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_ureq::{
    CaBundle, Client, ClientBuilder, Credentials, DocumentExport, Error, Event, ExportError,
    ExportSpec, FailureKind, Limits, Pacer, ProxySettings, Rates, Stopper,
};

use crate::server::{Action, Authority, Server, json};

pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// The first failure ends the job, and timeouts are short.
pub(crate) fn limits() -> Limits {
    Limits::default()
        .with_max_failures(0)
        .with_max_submits(1)
        .with_request_timeout(Duration::from_secs(20))
        .with_backoff_cap(Duration::from_millis(1))
}

pub(crate) fn builder(url: &str) -> ClientBuilder<Client> {
    Client::builder()
        .credentials(Credentials::token("t0ken"))
        .base_url(url)
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .limits(limits())
}

/// The kinds of all failures of one poll, and the text of the error that ended it.
fn poll(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, |client| client.attach("op1").status().map(drop))
}

pub(crate) fn submit(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, |client| {
        client.export(ExportSpec::document("d1", DocumentExport::pdf())).submit().map(drop)
    })
}

fn run(
    builder: ClientBuilder<Client>,
    request: impl FnOnce(Client) -> Result<(), ExportError>,
) -> (Vec<FailureKind>, String) {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let client = builder.on_event(move |event| {
        if let Event::Failed { kind, .. } = event {
            seen.lock().unwrap().push(*kind);
        }
    });
    let error = request(client.build().unwrap()).unwrap_err();
    let kinds = kinds.lock().unwrap().clone();
    (kinds, error.to_string())
}

pub(crate) fn only(kind: FailureKind, outcome: (Vec<FailureKind>, String)) -> String {
    assert_eq!(outcome.0, [kind], "{}", outcome.1);
    outcome.1
}

/// An address on which no server listens.
fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn refused_connection_is_not_sent() {
    let text = only(FailureKind::NotSent, submit(builder(&unused_address())));
    assert!(text.contains("127.0.0.1: connecting: Connection refused"), "{text}");
}

#[test]
fn unknown_host_is_not_sent() {
    let quick = limits().with_request_timeout(SHORT);
    let text = only(
        FailureKind::NotSent,
        submit(builder("https://no-such-host.invalid").limits(quick).ca_bundle(any_bundle())),
    );
    assert!(text.contains("no-such-host.invalid: resolving the host name: "), "{text}");
}

/// For clients with TLS, since the system may have no certificate authorities.
pub(crate) fn any_bundle() -> CaBundle {
    CaBundle::pem(Authority::new().pem)
}

#[test]
fn closed_handshake_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let there = builder(&format!("https://localhost:{port}")).ca_bundle(any_bundle());
    let text = only(FailureKind::NotSent, submit(there));
    assert!(text.contains("localhost: establishing TLS: "), "{text}");
    server.join().unwrap();
}

#[test]
fn unanswered_handshake_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let quick = limits().with_request_timeout(SHORT);
    let there = builder(&format!("https://localhost:{port}")).limits(quick);
    let text = only(FailureKind::NotSent, submit(there.ca_bundle(any_bundle())));
    assert!(text.contains("localhost: establishing TLS: timed out"), "{text}");
}

#[test]
fn closed_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndClose(Vec::new()));
    only(FailureKind::Unanswered, submit(builder(&server.url())));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn reset_post_may_have_arrived() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // The request is not read, so that closing the connection resets it.
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    });
    only(FailureKind::Unanswered, submit(builder(&url)));
    server.join().unwrap();
}

#[test]
fn unanswered_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let quick = limits().with_request_timeout(SHORT);
    let text = only(FailureKind::Unanswered, submit(builder(&server.url()).limits(quick)));
    assert!(text.contains("timed out"), "{text}");
}

#[test]
fn slow_head_ends_with_the_attempt() {
    let server = Server::start(|_, _| Action::SendAndHang(b"HTTP/1.1 200 OK\r\ncontent-".into()));
    let quick = limits().with_request_timeout(SHORT);
    only(FailureKind::Unanswered, poll(builder(&server.url()).limits(quick)));
}

#[test]
fn half_a_head_is_unanswered() {
    let server = Server::start(|_, _| Action::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-".into()));
    only(FailureKind::Unanswered, poll(builder(&server.url())));
}

#[test]
fn non_http_is_unanswered() {
    let server =
        Server::start(|_, _| Action::SendAndClose(b"220 mail.example ESMTP\r\n\r\n".into()));
    only(FailureKind::Unanswered, poll(builder(&server.url())));
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
fn large_head_is_read() {
    let server = Server::start(|_, _| {
        let large = format!("x-large: {}", "x".repeat(50_000));
        Action::Send(json("200 OK", &[&large], r#"{"id":"op1","status":"started"}"#))
    });
    let client = builder(&server.url()).build().unwrap();
    let status = client.attach("op1").status().unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("started"));
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
        let client = builder(&server.url()).limits(limits().with_grace_period(Duration::ZERO));
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
fn informational_answers_are_skipped() {
    let server = Server::start(|_, _| {
        let mut early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec();
        early.extend(b"HTTP/1.1 102 Processing\r\n\r\n");
        early.extend(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#));
        Action::Send(early)
    });
    let client = builder(&server.url()).build().unwrap();
    let status = client.attach("op1").status().unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("started"));
}

#[test]
fn short_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into()));
    only(FailureKind::Cut, poll(builder(&server.url())));
}

#[test]
fn short_chunked_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into()));
    only(FailureKind::Cut, poll(builder(&server.url())));
}

#[test]
fn slow_api_answer_ends_with_the_attempt() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let server = Server::start(move |_, _| Action::SendAndHang(head.into()));
    let quick = limits().with_request_timeout(SHORT);
    only(FailureKind::Stalled, poll(builder(&server.url()).limits(quick)));
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
    let (ours, theirs) = (Authority::new(), Authority::new());
    let said = |authority: &Authority, name: &str| {
        let server = Server::tls(authority.server(name), |_, _| Action::SendAndClose(Vec::new()));
        let url = format!("https://localhost:{}", server.address.port());
        let patient = limits().with_max_failures(10);
        let there = builder(&url).limits(patient).ca_bundle(CaBundle::pem(ours.pem.clone()));
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
fn server_of_a_bundle_authority_is_trusted() {
    let ours = Authority::new();
    let server = Server::tls(ours.server("localhost"), |_, _| {
        Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"queued"}"#))
    });
    let url = format!("https://localhost:{}", server.address.port());
    let client = builder(&url).ca_bundle(CaBundle::pem(ours.pem.clone())).build().unwrap();
    assert_eq!(client.attach("op1").status().unwrap().facts.status.as_deref(), Some("queued"));
}

#[test]
fn poll_request_on_the_wire() {
    let server = Server::start(|_, _| {
        Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#))
    });
    let client = builder(&server.url())
        .headers(|headers| {
            headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        })
        .build()
        .unwrap();
    client.attach("op1").status().unwrap();
    let request = server.requests().remove(0).replace(&server.address.to_string(), "HOST");
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
    let error = builder(&unused_address()).build().unwrap().attach("op1").status().unwrap_err();
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
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = format!("https://{}/f", elsewhere.local_addr().unwrap());
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
