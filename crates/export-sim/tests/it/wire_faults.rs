//! Faults of connections and of the bytes of a head.

use std::io::ErrorKind;
use std::time::Duration;

use export_sim::{Config, Origin, Scenario, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{Ending, exchange, exchange_in_memory, plain, split, submit};
use crate::fixture::config;

async fn with(scenario: Value) -> Server {
    let scenario = Scenario::from_json(&scenario.to_string()).unwrap();
    Server::start(config().with_scenario(scenario)).await.unwrap()
}

/// A server with this fault for the first request to an unknown path and for the first submit.
async fn faulty(fault: Value) -> Server {
    with(json!({"rules": [
        {"match": {"endpoint": "other", "nth": 1}, "then": fault},
        {"match": {"endpoint": "submit", "nth": 1}, "then": fault},
    ]}))
    .await
}

/// The bytes of a 404 response with this fault.
async fn wire(fault: Value) -> String {
    let server = faulty(fault).await;
    String::from_utf8(exchange(&server, &plain("GET", "/nothing", "")).await).unwrap()
}

/// The bytes received on a connection, and the error that ended it.
async fn ending(server: &Server, request: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let ended = stream.read_to_end(&mut response).await;
    (response, ended.err().map(|error| error.kind()))
}

#[tokio::test]
async fn close_cuts_head_at_exact_byte() {
    for byte in [0, 1, 20] {
        let response = wire(json!({"fault": "close", "at": {"head_byte": byte}})).await;
        assert_eq!(response, "HTTP/1.1 404 Not Found\r\n"[..byte]);
    }
}

#[tokio::test(start_paused = true)]
async fn stall_in_head_at_exact_byte() {
    let server = faulty(json!({"fault": "stall", "at": {"head_byte": 8}})).await;
    let received = exchange_in_memory(&server, &plain("GET", "/nothing", "")).await;
    assert_eq!(received, ("HTTP/1.1".to_owned(), Ending::Open));
    let server = faulty(json!({"fault": "stall", "at": {"head_byte": 8}, "for": "30s"})).await;
    let start = Instant::now();
    let (response, ending) = exchange_in_memory(&server, &plain("GET", "/nothing", "")).await;
    assert!(response.starts_with("HTTP/1.1 404") && response.ends_with('}'), "{response}");
    assert_eq!((ending, start.elapsed().as_secs()), (Ending::Closed, 30));
}

#[tokio::test(start_paused = true)]
async fn slow_head_sends_pieces_with_pauses() {
    let server = faulty(json!({"fault": "slow_head", "bytes": 10, "pause": "1s"})).await;
    let start = Instant::now();
    let (response, _) = exchange_in_memory(&server, &plain("GET", "/nothing", "")).await;
    let (head, body) = split(response.as_bytes());
    assert_eq!(start.elapsed().as_secs() as usize, head.len().div_ceil(10));
    assert!(body.ends_with(b"}"));
}

#[tokio::test]
async fn reset_and_close_differ_on_the_wire() {
    let request = plain("GET", "/nothing", "");
    for (at, length) in [(json!("before_head"), 0), (json!({"head_byte": 5}), 5)] {
        let server = faulty(json!({"fault": "reset", "at": at})).await;
        let (response, error) = ending(&server, &request).await;
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{at}");
        assert!(response.len() <= length, "{at}");
        let server = faulty(json!({"fault": "close", "at": at})).await;
        let (response, error) = ending(&server, &request).await;
        assert_eq!((response.len(), error), (length, None), "{at}");
    }
    let server = faulty(json!({"fault": "reset", "at": {"byte": 3}})).await;
    assert_eq!(ending(&server, &request).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn connection_ends_after_complete_response() {
    // A keep-alive request: without the fault the server would wait for the next request.
    let keep_alive = plain("GET", "/nothing", "").replace("connection: close\r\n", "");
    for (fault, error) in [("close", None), ("reset", Some(ErrorKind::ConnectionReset))] {
        for framing in [json!([]), json!([{"fault": "chunked"}])] {
            let mut faults = framing.as_array().unwrap().clone();
            faults.push(json!({"fault": fault, "at": "end"}));
            let server = faulty(json!(faults)).await;
            let (response, ended) = ending(&server, &keep_alive).await;
            assert_eq!(ended, error, "{faults:?}");
            if error.is_none() {
                let (head, body) = split(&response);
                assert!(!head.contains("connection: close"), "{head}");
                assert!(body.ends_with(b"}") || body.ends_with(b"}\r\n0\r\n\r\n"), "{body:?}");
            }
        }
    }
}

#[tokio::test]
async fn interim_responses_precede_the_final_one() {
    let response = wire(json!({"fault": "interim", "statuses": [100, 102, 103]})).await;
    let lines: Vec<_> = response.lines().filter(|line| line.starts_with("HTTP/")).collect();
    assert_eq!(
        lines,
        [
            "HTTP/1.1 100 Not Yet",
            "HTTP/1.1 102 Not Yet",
            "HTTP/1.1 103 Not Yet",
            "HTTP/1.1 404 Not Found"
        ]
    );
}

#[tokio::test]
async fn head_lines_are_sent_unchanged() {
    let lines = ["content-length: 5", "transfer-encoding: chunked", "no header"];
    let response = wire(json!({"fault": "head_lines", "lines": lines})).await;
    let start = "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\
                 transfer-encoding: chunked\r\nno header\r\n";
    assert!(response.starts_with(start), "{response}");
}

#[tokio::test]
async fn http10_has_no_chunks_and_closes() {
    for faults in [json!([{"fault": "http10"}]), json!([{"fault": "chunked"}, {"fault": "http10"}])]
    {
        let server = faulty(faults).await;
        let keep_alive = plain("GET", "/nothing", "").replace("connection: close\r\n", "");
        let response = exchange(&server, &keep_alive).await;
        let (head, body) = split(&response);
        assert!(head.starts_with("HTTP/1.0 404 Not Found\r\n"), "{head}");
        assert!(!head.contains("transfer-encoding") && !head.contains("keep-alive"), "{head}");
        assert!(body.starts_with(b"{") && body.ends_with(b"}"), "{body:?}");
    }
}

#[tokio::test]
async fn raw_text_replaces_the_response() {
    let text = "220 mail.example.net ESMTP\r\n";
    assert_eq!(wire(json!({"fault": "raw", "text": text})).await, text);
    assert_eq!(wire(json!({"fault": "raw", "text": ""})).await, "");
}

#[tokio::test]
async fn early_responds_before_the_body_is_read() {
    let early = json!([{"fault": "early"}, {"fault": "status", "status": 503}]);
    let server = faulty(early).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The body is never sent.
    let head = submit().replace(r#"{"format":"pdf"}"#, "").replace("connection: close\r\n", "");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let (head, _) = split(&response);
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("connection: close"), "{head}");
    assert_eq!(server.requests()[0].faults(), ["early", "status"]);
    // The next request is read as usual.
    let response = exchange(&server, &submit()).await;
    assert!(response.starts_with(b"HTTP/1.1 202"));
}

#[tokio::test]
async fn page_and_endless_bodies() {
    let page = json!({"fault": "status", "status": 500, "body": {"page": 3_000_000}});
    let response = wire(page).await;
    let (head, body) = split(response.as_bytes());
    assert!(head.contains("content-length: 3000000\r\ncontent-type: text/html"), "{head}");
    assert!(body.len() == 3_000_000 && body.starts_with(b"<!DOCTYPE html>"));
    let server = faulty(json!({"fault": "body", "body": "endless"})).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(plain("GET", "/nothing", "").as_bytes()).await.unwrap();
    let mut some = vec![0; 20_000_000];
    stream.read_exact(&mut some).await.unwrap();
    assert!(some.starts_with(b"HTTP/1.1 404") && some.ends_with(b"   "));
}

#[tokio::test]
async fn connection_faults_end_the_connection() {
    let request = plain("GET", "/nothing", "");
    for (then, ended) in
        [("close", None), ("reset", Some(ErrorKind::ConnectionReset)), ("garbage", None)]
    {
        let server =
            with(json!({"connections": [{"origin": "api", "nth": 1, "then": then}]})).await;
        let (response, error) = ending(&server, &request).await;
        assert_eq!(error, ended, "{then}");
        let expected = if then == "garbage" { "220 mail.example.net ESMTP\r\n\r\n" } else { "" };
        assert_eq!(String::from_utf8_lossy(&response), expected);
        assert!(server.requests().is_empty(), "{then}");
        assert!(exchange(&server, &request).await.starts_with(b"HTTP/1.1 404"), "{then}");
        assert_eq!(server.connections(Origin::Api), 2);
        assert_eq!(server.connections(Origin::Storage), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_connection_sends_nothing() {
    let server = with(json!({"connections": [{"origin": "api", "then": "hang"}]})).await;
    let received = exchange_in_memory(&server, &plain("GET", "/nothing", "")).await;
    assert_eq!(received, (String::new(), Ending::Open));
}

#[tokio::test]
async fn tls_handshake_is_reset() {
    let rule = json!({"connections": [{"origin": "api", "nth": 1, "then": "reset"}]});
    let scenario = Scenario::from_json(&rule.to_string()).unwrap();
    let server = Server::start(Config::default().with_tls().with_scenario(scenario)).await.unwrap();
    let hello = "\u{16}\u{3}\u{1}";
    let (response, error) = ending(&server, hello).await;
    assert_eq!((response.len(), error), (0, Some(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn redirect_to_other_port_keeps_the_path() {
    let scenario = json!({"rules": [
        {"match": {"endpoint": "other", "nth": 1}, "then": {"fault": "redirect", "to": "other_port"}},
    ]});
    let server = with(scenario).await;
    let response = exchange(&server, &plain("GET", "/some/path?a=b", "")).await;
    let (head, _) = split(&response);
    let there = format!("location: {}/some/path?a=b\r\n", server.storage_url());
    assert!(head.contains(&there), "{head}");
}

/// Sockets need a running clock, so that the test uses short real pauses.
#[tokio::test]
async fn slow_head_pauses_on_a_socket() {
    let server = faulty(json!({"fault": "slow_head", "bytes": 50, "pause": "5ms"})).await;
    let start = Instant::now();
    let response = exchange(&server, &plain("GET", "/nothing", "")).await;
    assert!(response.starts_with(b"HTTP/1.1 404") && response.ends_with(b"}"));
    assert!(start.elapsed() >= Duration::from_millis(15));
}
