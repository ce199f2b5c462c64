//! The classification of failures: whether a request was not sent or may have arrived decides
//! whether it is sent again.

use std::future::Future;
use std::time::Duration;

use export_hyper::{
    CaBundle, Client, ClientBuilder, Credentials, DocumentExport, Error, ExportError, ExportSpec,
    FailureKind, Limits, Pacer, ProxySettings, Rates,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::server::{Action, Authority, ClientAuth, Server, json};
use crate::service::failures;

pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// The first failure ends the job, and timeouts are short.
pub(crate) fn limits() -> Limits {
    Limits::default()
        .with_max_failures(0)
        .with_max_submits(1)
        .with_request_timeout(Duration::from_secs(20))
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
pub(crate) async fn poll(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    run(builder, async |client| client.attach("op1").status().await.map(drop)).await
}

pub(crate) async fn submit(builder: ClientBuilder<Client>) -> (Vec<FailureKind>, String) {
    let spec = ExportSpec::document("d1", DocumentExport::pdf());
    run(builder, async |client| client.export(spec).submit().await.map(drop)).await
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

pub(crate) fn only(kind: FailureKind, outcome: (Vec<FailureKind>, String)) -> String {
    assert_eq!(outcome.0, [kind], "{}", outcome.1);
    outcome.1
}

/// An address on which no server listens.
async fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// For clients with TLS, since the system may have no certificate authorities.
pub(crate) fn any_bundle() -> CaBundle {
    CaBundle::pem(Authority::new().pem)
}

/// Submits to a local port, and handles the first connection to it.
async fn submit_to<F: Future<Output = ()>>(
    scheme: &str,
    change: impl FnOnce(ClientBuilder<Client>) -> ClientBuilder<Client>,
    serve: impl FnOnce(tokio::net::TcpStream) -> F,
) -> (Vec<FailureKind>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
    let client = change(builder(&url).ca_bundle(any_bundle()));
    let server = async { serve(listener.accept().await.unwrap().0).await };
    tokio::join!(submit(client), server).0
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let text = only(FailureKind::NotSent, submit(builder(&unused_address().await)).await);
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn unknown_host_is_not_sent() {
    let quick = limits().with_request_timeout(Duration::from_secs(5));
    let there = builder("https://no-such-host.invalid").limits(quick).ca_bundle(any_bundle());
    only(FailureKind::NotSent, submit(there).await);
}

#[tokio::test]
async fn closed_handshake_is_not_sent() {
    only(FailureKind::NotSent, submit_to("https", |it| it, async |stream| drop(stream)).await);
}

#[tokio::test]
async fn reset_handshake_is_not_sent() {
    let reset = async |stream: tokio::net::TcpStream| stream.set_zero_linger().unwrap();
    only(FailureKind::NotSent, submit_to("https", |it| it, reset).await);
}

#[tokio::test]
async fn unanswered_handshake_is_not_sent() {
    let quick = |it: ClientBuilder<Client>| it.limits(limits().with_request_timeout(SHORT));
    let hang = async |mut stream: tokio::net::TcpStream| {
        // Until the client closes the connection.
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    };
    let text = only(FailureKind::NotSent, submit_to("https", quick, hang).await);
    assert!(text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn closed_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndClose(Vec::new())).await;
    only(FailureKind::Unanswered, submit(builder(&server.url())).await);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn reset_post_may_have_arrived() {
    let reset = async |stream: tokio::net::TcpStream| {
        assert_eq!(stream.peek(&mut [0]).await.unwrap(), 1);
        stream.set_zero_linger().unwrap();
    };
    only(FailureKind::Unanswered, submit_to("http", |it| it, reset).await);
}

#[tokio::test]
async fn unanswered_post_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new())).await;
    let quick = limits().with_request_timeout(SHORT);
    let text = only(FailureKind::Unanswered, submit(builder(&server.url()).limits(quick)).await);
    assert!(text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn slow_head_ends_with_the_attempt() {
    let server =
        Server::start(|_, _| Action::SendAndHang(b"HTTP/1.1 200 OK\r\ncontent-".into())).await;
    let quick = limits().with_request_timeout(SHORT);
    only(FailureKind::Unanswered, poll(builder(&server.url()).limits(quick)).await);
}

#[tokio::test]
async fn half_a_head_is_unanswered() {
    let server =
        Server::start(|_, _| Action::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-".into())).await;
    only(FailureKind::Unanswered, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn non_http_is_unanswered() {
    let server =
        Server::start(|_, _| Action::SendAndClose(b"220 mail.example ESMTP\r\n\r\n".into()));
    only(FailureKind::Unanswered, poll(builder(&server.await.url())).await);
}

#[tokio::test]
async fn endless_head_is_too_long() {
    let server = Server::start(|_, _| {
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(1_000_000, b'x');
        Action::SendAndClose(head)
    })
    .await;
    only(FailureKind::TooLong, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn large_head_is_read() {
    let server = Server::start(|_, _| {
        let large = format!("x-large: {}", "x".repeat(50_000));
        Action::Send(json("200 OK", &[&large], r#"{"id":"op1","status":"started"}"#))
    })
    .await;
    let client = builder(&server.url()).build().unwrap();
    let status = client.attach("op1").status().await.unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("started"));
}

#[tokio::test]
async fn informational_answers_are_skipped() {
    let server = Server::start(|_, _| {
        let mut early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec();
        early.extend(b"HTTP/1.1 102 Processing\r\n\r\n");
        early.extend(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#));
        Action::Send(early)
    })
    .await;
    let client = builder(&server.url()).build().unwrap();
    let status = client.attach("op1").status().await.unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("started"));
}

#[tokio::test]
async fn short_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into())).await;
    only(FailureKind::Cut, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn short_chunked_body_is_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n";
    let server = Server::start(move |_, _| Action::SendAndClose(head.into())).await;
    only(FailureKind::Cut, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn slow_api_answer_ends_with_the_attempt() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let server = Server::start(move |_, _| Action::SendAndHang(head.into())).await;
    let quick = limits().with_request_timeout(SHORT);
    only(FailureKind::Stalled, poll(builder(&server.url()).limits(quick)).await);
}

#[tokio::test]
async fn endless_api_answer_is_too_long() {
    let server = Server::start(|_, _| {
        let mut body = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{".to_vec();
        body.resize(2_000_000, b' ');
        Action::SendAndClose(body)
    })
    .await;
    only(FailureKind::TooLong, poll(builder(&server.url())).await);
}

#[tokio::test]
async fn untrusted_server_is_final_and_gets_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
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
        let server =
            Server::tls(authority.server(name), |_, _| Action::SendAndClose(Vec::new())).await;
        let url = format!("https://localhost:{}", server.address.port());
        let patient = limits().with_max_failures(10);
        let there = builder(&url).limits(patient).ca_bundle(CaBundle::pem(ours.pem.clone()));
        let text = only(FailureKind::Untrusted, submit(there).await);
        assert!(text.starts_with("submit: the peer is not trusted: "), "{text}");
        assert!(text.contains(verdict), "{text}");
        assert!(server.requests().is_empty());
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn client_certificate_request_is_untrusted() {
    let ours = Authority::new();
    let config = ours.server_for("localhost", ClientAuth::Required);
    let server = Server::tls(config, |_, _| Action::SendAndClose(Vec::new())).await;
    let url = format!("https://localhost:{}", server.address.port());
    let there = builder(&url).ca_bundle(CaBundle::pem(ours.pem.clone()));
    let text = only(FailureKind::Untrusted, submit(there).await);
    assert!(text.contains("it requires a client certificate"), "{text}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn server_of_a_bundle_authority_is_trusted() {
    let ours = Authority::new();
    let server = Server::tls(ours.server("localhost"), |_, _| {
        Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"queued"}"#))
    })
    .await;
    let url = format!("https://localhost:{}", server.address.port());
    let client = builder(&url).ca_bundle(CaBundle::pem(ours.pem.clone())).build().unwrap();
    let status = client.attach("op1").status().await.unwrap();
    assert_eq!(status.facts.status.as_deref(), Some("queued"));
}

#[tokio::test]
async fn closed_idle_connection_is_not_sent() {
    let server = Server::start(|_, _| {
        Action::SendAndClose(json("200 OK", &[], r#"{"id":"op1","status":"queued"}"#))
    })
    .await;
    let client = builder(&server.url()).build().unwrap();
    for connections in 1..=3 {
        client.attach("op1").status().await.unwrap();
        server.ended(connections).await;
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn poll_request_on_the_wire() {
    let server = Server::start(|_, _| {
        Action::Send(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#))
    })
    .await;
    let client = builder(&server.url())
        .headers(|headers| {
            headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        })
        .build()
        .unwrap();
    client.attach("op1").status().await.unwrap();
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

#[tokio::test]
async fn error_returns_the_checkpoint() {
    let client = builder(&unused_address().await).build().unwrap();
    let error = client.attach("op1").status().await.unwrap_err();
    assert!(matches!(error.job(), Some(Error::GaveUp { .. })));
    let operation = error.checkpoint().unwrap().operation().unwrap().to_owned();
    assert!(operation.ends_with("/platform/v1/operations/op1"), "{operation}");
}
