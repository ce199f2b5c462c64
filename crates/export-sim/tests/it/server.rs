//! The server over real sockets; where time plays a part, without sockets under a paused clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use export_sim::{
    Certificate, Config, Downloads, Endpoint, Fault, Framing, LengthClaim, Moment, Nth, Origin,
    Rule, Scenario, Server,
};
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Ending, download, plain, split, submit, talk, talk_to, watch};
use crate::world::config;

const SIZE: u64 = 1000;

async fn with_fault(fault: Fault) -> Server {
    with_fault_and(fault, config().with_artifact_size(SIZE)).await
}

async fn with_fault_and(fault: Fault, config: Config) -> Server {
    let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Download, fault));
    Server::start(config.with_scenario(scenario)).await.unwrap()
}

/// What stands on the wire when a fault befalls a download: the head and the body, up to the end of the connection.
async fn wire(fault: Fault) -> (String, Vec<u8>) {
    let server = with_fault(fault).await;
    let answer = talk(&server, &download(&server).await).await;
    let (head, body) = split(&answer);
    (head, body.to_vec())
}

#[tokio::test]
async fn a_connection_closed_before_the_head_sends_nothing() {
    let (head, _) = wire(Fault::Close { at: Moment::BeforeHead }).await;
    assert_eq!(head, "");
}

#[tokio::test]
async fn a_connection_closed_after_the_head_sends_the_whole_head() {
    let (head, body) = wire(Fault::Close { at: Moment::AfterHead }).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("content-length: 1000\r\n"));
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_body_is_cut_at_exactly_that_byte() {
    for byte in [1, 123, 999] {
        let server = with_fault(Fault::Close { at: Moment::Byte(byte) }).await;
        let answer = talk(&server, &download(&server).await).await;
        let expected = server.exports()[0].content().part(0..byte).to_bytes().unwrap();
        assert_eq!(split(&answer).1, expected);
    }
}

#[tokio::test]
async fn a_cut_far_into_a_large_body_loses_nothing_before_it() {
    let large = config().with_artifact_size(20_000_000);
    let server = with_fault_and(Fault::Close { at: Moment::Byte(13_333_333) }, large).await;
    let answer = talk(&server, &download(&server).await).await;
    let expected = server.exports()[0].content().part(0..13_333_333).to_bytes().unwrap();
    assert!(split(&answer).1 == expected);
}

#[tokio::test]
async fn a_truncated_body_keeps_the_length_it_promised() {
    let (head, body) = wire(Fault::Truncate { to: Some(10) }).await;
    assert!(head.contains("content-length: 1000\r\n"), "{head}");
    assert_eq!(body.len(), 10);
}

#[tokio::test]
async fn a_surplus_nobody_was_told_of_follows_the_body() {
    let surplus = |length| Fault::Overlong { by: 5, length };
    let (head, body) = wire(surplus(LengthClaim::Lying)).await;
    assert!(head.contains("content-length: 1000\r\n"));
    assert!(body.len() == 1005 && body.ends_with(b"+++++"));
    let (head, body) = wire(surplus(LengthClaim::Honest)).await;
    assert!(head.contains("content-length: 1005\r\n"));
    assert!(body.len() == 1005 && body.ends_with(b"+++++"));
}

#[tokio::test(start_paused = true)]
async fn a_stall_keeps_the_connection_open() {
    let stall = |at| Fault::Stall { at, time: None };
    let server = with_fault(stall(Moment::BeforeHead)).await;
    let seen = watch(&server, &download(&server).await).await;
    assert_eq!(seen, (String::new(), Ending::Open));
    let server = with_fault(stall(Moment::AfterHead)).await;
    let (answer, ending) = watch(&server, &download(&server).await).await;
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(ending, Ending::Open);
}

#[tokio::test(start_paused = true)]
async fn a_stall_and_a_slow_body_take_the_time_they_should() {
    let minute = Duration::from_secs(60);
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(minute) };
    let slow = Fault::Slow { bytes: 100, pause: minute / 9 };
    for fault in [stall, slow] {
        let server = with_fault(fault).await;
        let request = download(&server).await;
        let start = tokio::time::Instant::now();
        let (answer, ending) = watch(&server, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(ending, Ending::Closed);
        let took = start.elapsed();
        assert!((minute..minute + Duration::from_secs(1)).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_chunked() {
    let chunked = config().with_artifact_size(4).with_framing(Framing::Chunked);
    let server = Server::start(chunked).await.unwrap();
    let answer = talk(&server, &download(&server).await).await;
    let (head, body) = split(&answer);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body, b"4\r\n%PDF\r\n0\r\n\r\n");
}

#[tokio::test]
async fn huge_headers_go_out() {
    let (head, body) = wire(Fault::HugeHeaders { count: 100, bytes: 8192 }).await;
    assert!(head.len() > 800_000);
    assert_eq!(body.len(), 1000);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_read_and_refused() {
    let server = Server::start(config()).await.unwrap();
    let large = submit().replace("content-length: 16", "content-length: 30000000");
    let answer = talk(&server, &(large + &" ".repeat(30_000_000 - 16))).await;
    let (head, body) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{head}");
    assert!(String::from_utf8_lossy(body).contains("413PayloadTooLarge"));
    assert!(server.requests()[0].body_len() > 10_485_760);
}

#[tokio::test]
async fn what_is_no_http_does_not_stop_the_server() {
    let server = Server::start(config()).await.unwrap();
    for noise in ["GET\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        talk(&server, noise).await;
    }
    let answer = talk(&server, &plain("GET", "/", "")).await;
    assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn both_origins_are_recorded_and_told_apart() {
    let server = Server::start(config().with_downloads(Downloads::Redirect(302))).await.unwrap();
    let redirect = talk(&server, &download(&server).await).await;
    let (head, _) = split(&redirect);
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let target = location.strip_prefix(server.storage_url()).unwrap();
    // The path alone does not make it: the API host knows nothing of it.
    let request = plain("GET", target, "");
    let answer = talk(&server, &request).await;
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    let storage = server.storage_url().strip_prefix("http://").unwrap();
    let answer = talk_to(storage, &request).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    let origins: Vec<_> = server.requests().iter().map(|request| request.origin()).collect();
    assert_eq!(origins, [Origin::Api, Origin::Api, Origin::Api, Origin::Storage]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_sockets_reaches_both_origins() {
    let server = Server::start(config()).await.unwrap();
    for origin in [Origin::Api, Origin::Storage] {
        let mut stream = server.connect(origin);
        stream.write_all(plain("GET", "/", "").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 404"));
    }
    let origins: Vec<_> = server.requests().iter().map(|request| request.origin()).collect();
    assert_eq!(origins, [Origin::Api, Origin::Storage]);
}

#[tokio::test]
async fn urls_name_the_public_address() {
    let public = "https://exports.example.org:8443".parse().unwrap();
    let server = Server::start(config().with_public_url(public)).await.unwrap();
    assert_eq!(server.url(), "https://exports.example.org:8443");
    let answer = talk(&server, &submit()).await;
    let (head, _) = split(&answer);
    assert!(head.contains("location: https://exports.example.org:8443/platform/v1/operations/"));
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_server_is_the_clock_of_the_runtime() {
    let server = Server::start(config()).await.unwrap();
    let before = server.now();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(server.now().since(before).as_secs(), 3600);
}

#[test]
fn a_server_that_is_dropped_is_gone() {
    let server = Server::start_blocking(config()).unwrap();
    let address = server.address();
    std::net::TcpStream::connect(address).unwrap();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn an_address_in_use_is_an_error() {
    let server = Server::start_blocking(config()).unwrap();
    let again = Server::start_blocking(config().with_listen(server.address()));
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

/// A TLS connection that trusts the server's CA.
async fn tls(server: &Server, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(server.ca_pem().unwrap().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn tls_speaks_http_2_where_the_client_wants_it() {
    let server = Server::start(config().with_tls()).await.unwrap();
    let io = TokioIo::new(tls(&server, b"h2").await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("{}/platform/v1/documents/d1/export", server.url()))
        .header("authorization", "Bearer good")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(br#"{"format":"pdf"}"#)))
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 202));
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(server.url()), "{location}");
    drop(client);
    connection.abort();
}

#[tokio::test]
async fn a_stream_of_http_2_is_cut_and_the_connection_lives_on() {
    let fault = Fault::Close { at: Moment::Byte(100) };
    let rule = Rule::new(Endpoint::Download, fault).on(Nth::Only(1));
    let scenario = Scenario::default().with_rule(rule);
    let sized = config().with_artifact_size(SIZE).with_scenario(scenario).with_tls();
    let server = Server::start(sized).await.unwrap();
    let io = TokioIo::new(tls(&server, b"h2").await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let submit = Request::post(format!("{}/platform/v1/documents/d1/export", server.url()))
        .header("authorization", "Bearer good")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(br#"{"format":"pdf"}"#)))
        .unwrap();
    client.send_request(submit).await.unwrap();
    let mut lengths = Vec::new();
    for _ in 0..2 {
        let id = server.exports()[0].operation().to_owned();
        let get = Request::get(format!("{}/exports/{id}/content", server.url()))
            .header("authorization", "Bearer good")
            .body(Full::default())
            .unwrap();
        let mut body = client.send_request(get).await.unwrap().into_body();
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.into_data().map_or(0, |data| data.len());
        }
        lengths.push(length);
    }
    assert_eq!(lengths, [100, SIZE as usize]);
    drop(client);
    connection.abort();
}

#[tokio::test]
async fn tls_falls_back_to_http_1() {
    let server = Server::start(config().with_tls()).await.unwrap();
    let mut stream = tls(&server, b"http/1.1").await.unwrap();
    stream.write_all(plain("GET", "/", "").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The server may leave out the goodbye of TLS.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 404"));
}

#[tokio::test]
async fn a_wrong_certificate_is_not_trusted() {
    for (certificate, word) in
        [(Certificate::Expired, "expired"), (Certificate::WrongName, "not valid for name")]
    {
        let server = Server::start(config().with_certificate(certificate)).await.unwrap();
        let error = tls(&server, b"http/1.1").await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
