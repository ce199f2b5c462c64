//! The server over real sockets, or over in-memory connections with a paused clock where time matters.

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

use crate::client::{
    Ending, download, exchange, exchange_in_memory, exchange_with, plain, split, submit,
};
use crate::fixture::config;

const SIZE: u64 = 1000;

async fn with_fault(fault: Fault) -> Server {
    with_fault_and(fault, config().with_artifact_size(SIZE)).await
}

async fn with_fault_and(fault: Fault, config: Config) -> Server {
    let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Download, fault));
    Server::start(config.with_scenario(scenario)).await.unwrap()
}

/// The head and body of a download with this fault, read until the connection ends.
async fn wire(fault: Fault) -> (String, Vec<u8>) {
    let server = with_fault(fault).await;
    let response = exchange(&server, &download(&server).await).await;
    let (head, body) = split(&response);
    (head, body.to_vec())
}

#[tokio::test]
async fn close_before_head_sends_nothing() {
    let (head, _) = wire(Fault::Close { at: Moment::BeforeHead }).await;
    assert_eq!(head, "");
}

#[tokio::test]
async fn close_after_head_sends_whole_head() {
    let (head, body) = wire(Fault::Close { at: Moment::AfterHead }).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("content-length: 1000\r\n"));
    assert!(body.is_empty());
}

#[tokio::test]
async fn close_cuts_body_at_exact_byte() {
    for byte in [1, 123, 999] {
        let server = with_fault(Fault::Close { at: Moment::Byte(byte) }).await;
        let response = exchange(&server, &download(&server).await).await;
        let expected = server.exports()[0].content().part(0..byte).to_bytes().unwrap();
        assert_eq!(split(&response).1, expected);
    }
}

#[tokio::test]
async fn close_late_in_body_loses_no_bytes() {
    let large = config().with_artifact_size(20_000_000);
    let server = with_fault_and(Fault::Close { at: Moment::Byte(13_333_333) }, large).await;
    let response = exchange(&server, &download(&server).await).await;
    let expected = server.exports()[0].content().part(0..13_333_333).to_bytes().unwrap();
    assert!(split(&response).1 == expected);
}

#[tokio::test]
async fn truncate_keeps_content_length() {
    let (head, body) = wire(Fault::Truncate { to: Some(10) }).await;
    assert!(head.contains("content-length: 1000\r\n"), "{head}");
    assert_eq!(body.len(), 10);
}

#[tokio::test]
async fn overlong_sends_surplus_bytes() {
    let surplus = |length| Fault::Overlong { by: 5, length };
    let (head, body) = wire(surplus(LengthClaim::Lying)).await;
    assert!(head.contains("content-length: 1000\r\n"));
    assert!(body.len() == 1005 && body.ends_with(b"+++++"));
    let (head, body) = wire(surplus(LengthClaim::Honest)).await;
    assert!(head.contains("content-length: 1005\r\n"));
    assert!(body.len() == 1005 && body.ends_with(b"+++++"));
}

#[tokio::test(start_paused = true)]
async fn stall_keeps_connection_open() {
    let stall = |at| Fault::Stall { at, time: None };
    let server = with_fault(stall(Moment::BeforeHead)).await;
    let received = exchange_in_memory(&server, &download(&server).await).await;
    assert_eq!(received, (String::new(), Ending::Open));
    let server = with_fault(stall(Moment::AfterHead)).await;
    let (response, ending) = exchange_in_memory(&server, &download(&server).await).await;
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    assert_eq!(ending, Ending::Open);
}

#[tokio::test(start_paused = true)]
async fn stall_and_slow_take_time() {
    let minute = Duration::from_secs(60);
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(minute) };
    let slow = Fault::Slow { bytes: 100, pause: minute / 9 };
    for fault in [stall, slow] {
        let server = with_fault(fault).await;
        let request = download(&server).await;
        let start = tokio::time::Instant::now();
        let (response, ending) = exchange_in_memory(&server, &request).await;
        assert!(response.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(ending, Ending::Closed);
        let took = start.elapsed();
        assert!((minute..minute + Duration::from_secs(1)).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn body_without_length_is_chunked() {
    let chunked = config().with_artifact_size(4).with_framing(Framing::Chunked);
    let server = Server::start(chunked).await.unwrap();
    let response = exchange(&server, &download(&server).await).await;
    let (head, body) = split(&response);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body, b"4\r\n%PDF\r\n0\r\n\r\n");
}

#[tokio::test]
async fn huge_headers_are_sent() {
    let (head, body) = wire(Fault::HugeHeaders { count: 100, bytes: 8192 }).await;
    assert!(head.len() > 800_000);
    assert_eq!(body.len(), 1000);
}

#[tokio::test]
async fn too_large_request_body_is_rejected() {
    let server = Server::start(config()).await.unwrap();
    let large = submit().replace("content-length: 16", "content-length: 30000000");
    let response = exchange(&server, &(large + &" ".repeat(30_000_000 - 16))).await;
    let (head, body) = split(&response);
    assert!(head.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{head}");
    assert!(String::from_utf8_lossy(body).contains("413PayloadTooLarge"));
    assert!(server.requests()[0].body_len() > 10_485_760);
}

#[tokio::test]
async fn invalid_http_does_not_stop_the_server() {
    let server = Server::start(config()).await.unwrap();
    for noise in ["GET\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        exchange(&server, noise).await;
    }
    let response = exchange(&server, &plain("GET", "/", "")).await;
    assert!(response.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn origins_are_recorded_separately() {
    let server = Server::start(config().with_downloads(Downloads::Redirect(302))).await.unwrap();
    let redirect = exchange(&server, &download(&server).await).await;
    let (head, _) = split(&redirect);
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let target = location.strip_prefix(server.storage_url()).unwrap();
    // The API host does not serve the path of a signed URL.
    let request = plain("GET", target, "");
    let response = exchange(&server, &request).await;
    assert!(response.starts_with(b"HTTP/1.1 404"));
    let storage = server.storage_url().strip_prefix("http://").unwrap();
    let response = exchange_with(storage, &request).await;
    assert!(response.starts_with(b"HTTP/1.1 200 OK"));
    let origins: Vec<_> = server.requests().iter().map(|request| request.origin()).collect();
    assert_eq!(origins, [Origin::Api, Origin::Api, Origin::Api, Origin::Storage]);
}

#[tokio::test(start_paused = true)]
async fn in_memory_connection_reaches_both_origins() {
    let server = Server::start(config()).await.unwrap();
    for origin in [Origin::Api, Origin::Storage] {
        let mut stream = server.connect(origin);
        stream.write_all(plain("GET", "/", "").as_bytes()).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        assert!(response.starts_with(b"HTTP/1.1 404"));
    }
    let origins: Vec<_> = server.requests().iter().map(|request| request.origin()).collect();
    assert_eq!(origins, [Origin::Api, Origin::Storage]);
}

#[tokio::test]
async fn urls_use_the_public_address() {
    let public = "https://exports.example.org:8443".parse().unwrap();
    let server = Server::start(config().with_public_url(public)).await.unwrap();
    assert_eq!(server.url(), "https://exports.example.org:8443");
    let response = exchange(&server, &submit()).await;
    let (head, _) = split(&response);
    assert!(head.contains("location: https://exports.example.org:8443/platform/v1/operations/"));
}

#[tokio::test(start_paused = true)]
async fn server_uses_the_runtime_clock() {
    let server = Server::start(config()).await.unwrap();
    let before = server.now();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(server.now().since(before).as_secs(), 3600);
}

#[test]
fn dropping_the_server_closes_its_port() {
    let server = Server::start_blocking(config()).unwrap();
    let address = server.address();
    std::net::TcpStream::connect(address).unwrap();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn address_in_use_is_an_error() {
    let server = Server::start_blocking(config()).unwrap();
    let again = Server::start_blocking(config().with_listen(server.address()));
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

/// Opens a TLS connection that trusts the server's CA.
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
async fn tls_negotiates_http2() {
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
    let response = client.send_request(request).await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_2, 202));
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(server.url()), "{location}");
    drop(client);
    connection.abort();
}

#[tokio::test]
async fn http2_stream_is_cut_and_connection_survives() {
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
async fn tls_falls_back_to_http1() {
    let server = Server::start(config().with_tls()).await.unwrap();
    let mut stream = tls(&server, b"http/1.1").await.unwrap();
    stream.write_all(plain("GET", "/", "").as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // The server may omit the close_notify of TLS.
    let _ = stream.read_to_end(&mut response).await;
    assert!(response.starts_with(b"HTTP/1.1 404"));
}

#[tokio::test]
async fn invalid_certificate_is_rejected() {
    for (certificate, word) in
        [(Certificate::Expired, "expired"), (Certificate::WrongName, "not valid for name")]
    {
        let server = Server::start(config().with_certificate(certificate)).await.unwrap();
        let error = tls(&server, b"http/1.1").await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_share_the_bandwidth() {
    let config = config().with_artifact_size(1_000_000).with_bandwidth(100_000);
    let server = Server::start(config).await.unwrap();
    let request = download(&server).await;
    let began = tokio::time::Instant::now();
    let both =
        tokio::join!(exchange_in_memory(&server, &request), exchange_in_memory(&server, &request));
    assert!(both.0.0.len() > 1_000_000 && both.1.0.len() > 1_000_000);
    // All but the last piece, which nothing follows, takes its time.
    let seconds = began.elapsed().as_secs_f64();
    assert!((19.9..20.1).contains(&seconds), "{seconds}");
}
