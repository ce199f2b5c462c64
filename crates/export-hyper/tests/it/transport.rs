//! The classification of failures: whether a request was not sent or may have arrived decides
//! whether it is sent again.

use std::time::Duration;

use export_hyper::{Client, ClientBuilder, Error, ExportError, FailureKind};
use test_servers::{
    Action, Authority, Server, any_bundle, failures, json, one_attempt, only, operation, spec,
    unused_url,
};

use crate::clients::{builder_at, ended};

pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn builder(url: &str) -> ClientBuilder<Client> {
    builder_at(url).limits(one_attempt())
}

/// The kinds of all failures of one poll, and the text of the error that ended it.
pub(crate) async fn poll(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, async |client| client.attach("op1").status().await.map(drop)).await
}

pub(crate) async fn submit(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, async |client| client.export(spec()).submit().await.map(drop)).await
}

async fn run(
    builder: ClientBuilder<Client>,
    request: impl AsyncFnOnce(Client) -> Result<(), ExportError>,
) -> (Vec<FailureKind>, String) {
    let (client, kinds) = failures(builder);
    let error = request(client).await.unwrap_err();
    let kinds = kinds.lock().unwrap().clone();
    (kinds, error.to_string())
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let text = only(FailureKind::NotSent, submit(builder(&unused_url())).await);
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn unanswered_handshake_is_not_sent() {
    let server = Server::silent("https");
    let quick = one_attempt().with_request_timeout(SHORT);
    let there = builder(&server.url()).limits(quick).ca_bundle(any_bundle());
    let text = only(FailureKind::NotSent, submit(there).await);
    assert!(text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn unanswered_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let quick = one_attempt().with_request_timeout(SHORT);
    let text = only(FailureKind::Unanswered, submit(builder(&server.url()).limits(quick)).await);
    assert!(text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn endless_head_is_too_long() {
    let server = Server::start(|_, _| {
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(1_000_000, b'x');
        Action::SendAndClose(head)
    });
    only(FailureKind::TooLong, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn short_chunked_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into()));
    only(FailureKind::Cut, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn endless_api_answer_is_too_long() {
    let server = Server::start(|_, _| {
        let mut body = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{".to_vec();
        body.resize(2_000_000, b' ');
        Action::SendAndClose(body)
    });
    only(FailureKind::TooLong, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn untrusted_server_is_final_and_gets_nothing() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (authority, name, verdict) in [
        (
            &theirs,
            "localhost",
            "its certificate was issued by a CA that this machine does not trust; if it is your \
             company's CA, pass its CA bundle",
        ),
        (
            &ours,
            "api.example.com",
            "its certificate is not valid for localhost, only for api.example.com",
        ),
    ] {
        let server = Server::tls(authority.server(name), |_, _| Action::SendAndClose(Vec::new()));
        let patient = one_attempt().with_max_failures(10);
        let there = builder(&server.url()).limits(patient).ca_bundle(ours.bundle());
        let text = only(FailureKind::Untrusted, submit(there).await);
        assert!(text.starts_with("submit: the peer is not trusted: "), "{text}");
        assert!(text.contains(verdict), "{text}");
        assert!(server.requests().is_empty());
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn client_certificate_request_is_untrusted() {
    let ours = Authority::new("ours");
    let config = ours.server_for_known_clients("localhost");
    let server = Server::tls(config, |_, _| Action::SendAndClose(Vec::new()));
    let there = builder(&server.url()).ca_bundle(ours.bundle());
    let text = only(FailureKind::Untrusted, submit(there).await);
    assert!(text.contains("it requires a client certificate"), "{text}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn closed_idle_connection_is_not_sent() {
    let server = Server::start(|_, _| {
        Action::SendAndClose(json("200 OK", &[], r#"{"id":"op1","status":"queued"}"#))
    });
    let client = builder(&server.url()).build().unwrap();
    for connections in 1..=3 {
        client.attach("op1").status().await.unwrap();
        ended(&server, connections).await;
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn poll_request_on_the_wire() {
    let server = Server::start(|_, _| operation("started"));
    let client = builder(&server.url())
        .headers(|headers| {
            headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        })
        .build()
        .unwrap();
    client.attach("op1").status().await.unwrap();
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

#[tokio::test]
async fn error_returns_the_checkpoint() {
    let client = builder(&unused_url()).build().unwrap();
    let error = client.attach("op1").status().await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::GaveUp { .. })));
    let operation = error.checkpoint().unwrap().operation().unwrap().to_owned();
    assert!(operation.ends_with("/platform/v1/operations/op1"), "{operation}");
}
