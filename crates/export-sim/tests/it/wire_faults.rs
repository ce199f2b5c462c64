//! What a scenario does to connections and to the bytes of a head.

use std::io::ErrorKind;
use std::time::Duration;

use export_sim::{Config, Origin, Scenario, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{Ending, plain, split, submit, talk, watch};
use crate::world::config;

async fn with(scenario: Value) -> Server {
    let scenario = Scenario::from_json(&scenario.to_string()).unwrap();
    Server::start(config().with_scenario(scenario)).await.unwrap()
}

/// A server with a fault for the first request, whatever it is for.
async fn faulty(fault: Value) -> Server {
    with(json!({"rules": [
        {"match": {"endpoint": "other", "nth": 1}, "then": fault},
        {"match": {"endpoint": "submit", "nth": 1}, "then": fault},
    ]}))
    .await
}

/// What stands on the wire when a fault befalls a request that nothing answers but a 404.
async fn wire(fault: Value) -> String {
    let server = faulty(fault).await;
    String::from_utf8(talk(&server, &plain("GET", "/nothing", "")).await).unwrap()
}

/// How a connection ended, and what came before.
async fn ending(server: &Server, request: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    (answer, ended.err().map(|error| error.kind()))
}

#[tokio::test]
async fn a_head_is_cut_at_exactly_that_byte() {
    for byte in [0, 1, 20] {
        let answer = wire(json!({"fault": "close", "at": {"head_byte": byte}})).await;
        assert_eq!(answer, "HTTP/1.1 404 Not Found\r\n"[..byte]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_stalls_where_it_is_told_to() {
    let server = faulty(json!({"fault": "stall", "at": {"head_byte": 8}})).await;
    let seen = watch(&server, &plain("GET", "/nothing", "")).await;
    assert_eq!(seen, ("HTTP/1.1".to_owned(), Ending::Open));
    let server = faulty(json!({"fault": "stall", "at": {"head_byte": 8}, "for": "30s"})).await;
    let start = Instant::now();
    let (answer, ending) = watch(&server, &plain("GET", "/nothing", "")).await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with('}'), "{answer}");
    assert_eq!((ending, start.elapsed().as_secs()), (Ending::Closed, 30));
}

#[tokio::test(start_paused = true)]
async fn a_head_drips() {
    let server = faulty(json!({"fault": "slow_head", "bytes": 10, "pause": "1s"})).await;
    let start = Instant::now();
    let (answer, _) = watch(&server, &plain("GET", "/nothing", "")).await;
    let (head, body) = split(answer.as_bytes());
    assert_eq!(start.elapsed().as_secs() as usize, head.len().div_ceil(10));
    assert!(body.ends_with(b"}"));
}

#[tokio::test]
async fn a_reset_is_one_and_a_close_is_none() {
    let request = plain("GET", "/nothing", "");
    for (at, length) in [(json!("before_head"), 0), (json!({"head_byte": 5}), 5)] {
        let server = faulty(json!({"fault": "reset", "at": at})).await;
        let (answer, error) = ending(&server, &request).await;
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{at}");
        assert!(answer.len() <= length, "{at}");
        let server = faulty(json!({"fault": "close", "at": at})).await;
        let (answer, error) = ending(&server, &request).await;
        assert_eq!((answer.len(), error), (length, None), "{at}");
    }
    let server = faulty(json!({"fault": "reset", "at": {"byte": 3}})).await;
    assert_eq!(ending(&server, &request).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_connection_ends_behind_an_answer_without_notice() {
    // Nothing asks for the end: without the fault this would wait for the next request.
    let patient = plain("GET", "/nothing", "").replace("connection: close\r\n", "");
    for (fault, error) in [("close", None), ("reset", Some(ErrorKind::ConnectionReset))] {
        for framing in [json!([]), json!([{"fault": "chunked"}])] {
            let mut faults = framing.as_array().unwrap().clone();
            faults.push(json!({"fault": fault, "at": "end"}));
            let server = faulty(json!(faults)).await;
            let (answer, ended) = ending(&server, &patient).await;
            assert_eq!(ended, error, "{faults:?}");
            if error.is_none() {
                let (head, body) = split(&answer);
                assert!(!head.contains("connection: close"), "{head}");
                assert!(body.ends_with(b"}") || body.ends_with(b"}\r\n0\r\n\r\n"), "{body:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_comes_before_the_answer_comes_before_it() {
    let answer = wire(json!({"fault": "interim", "statuses": [100, 102, 103]})).await;
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("HTTP/")).collect();
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
async fn lines_of_a_head_may_be_anything() {
    let lines = ["content-length: 5", "transfer-encoding: chunked", "no header"];
    let answer = wire(json!({"fault": "head_lines", "lines": lines})).await;
    let start = "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\
                 transfer-encoding: chunked\r\nno header\r\n";
    assert!(answer.starts_with(start), "{answer}");
}

#[tokio::test]
async fn an_answer_of_http_1_0_has_no_chunks_and_an_end() {
    for faults in [json!([{"fault": "http10"}]), json!([{"fault": "chunked"}, {"fault": "http10"}])]
    {
        let server = faulty(faults).await;
        let patient = plain("GET", "/nothing", "").replace("connection: close\r\n", "");
        let answer = talk(&server, &patient).await;
        let (head, body) = split(&answer);
        assert!(head.starts_with("HTTP/1.0 404 Not Found\r\n"), "{head}");
        assert!(!head.contains("transfer-encoding") && !head.contains("keep-alive"), "{head}");
        assert!(body.starts_with(b"{") && body.ends_with(b"}"), "{body:?}");
    }
}

#[tokio::test]
async fn a_text_in_place_of_the_answer_is_all_there_is() {
    let text = "220 mail.example.net ESMTP\r\n";
    assert_eq!(wire(json!({"fault": "raw", "text": text})).await, text);
    assert_eq!(wire(json!({"fault": "raw", "text": ""})).await, "");
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_read() {
    let early = json!([{"fault": "early"}, {"fault": "status", "status": 503}]);
    let server = faulty(early).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The body stays away.
    let head = submit().replace(r#"{"format":"pdf"}"#, "").replace("connection: close\r\n", "");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let (head, _) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("connection: close"), "{head}");
    assert_eq!(server.requests()[0].faults(), ["early", "status"]);
    // The next one is read first.
    let answer = talk(&server, &submit()).await;
    assert!(answer.starts_with(b"HTTP/1.1 202"));
}

#[tokio::test]
async fn a_body_may_be_larger_than_anybody_wants() {
    let page = json!({"fault": "status", "status": 500, "body": {"page": 3_000_000}});
    let answer = wire(page).await;
    let (head, body) = split(answer.as_bytes());
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
async fn a_connection_on_which_nothing_is_said_ends_as_it_is_told_to() {
    let request = plain("GET", "/nothing", "");
    for (then, ended) in
        [("close", None), ("reset", Some(ErrorKind::ConnectionReset)), ("babble", None)]
    {
        let server =
            with(json!({"connections": [{"origin": "api", "nth": 1, "then": then}]})).await;
        let (answer, error) = ending(&server, &request).await;
        assert_eq!(error, ended, "{then}");
        let said = if then == "babble" { "220 mail.example.net ESMTP\r\n\r\n" } else { "" };
        assert_eq!(String::from_utf8_lossy(&answer), said);
        assert!(server.requests().is_empty(), "{then}");
        assert!(talk(&server, &request).await.starts_with(b"HTTP/1.1 404"), "{then}");
        assert_eq!(server.connections(Origin::Api), 2);
        assert_eq!(server.connections(Origin::Storage), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_hang() {
    let server = with(json!({"connections": [{"origin": "api", "then": "hang"}]})).await;
    let seen = watch(&server, &plain("GET", "/nothing", "")).await;
    assert_eq!(seen, (String::new(), Ending::Open));
}

#[tokio::test]
async fn a_handshake_can_be_reset() {
    let rule = json!({"connections": [{"origin": "api", "nth": 1, "then": "reset"}]});
    let scenario = Scenario::from_json(&rule.to_string()).unwrap();
    let server = Server::start(Config::default().with_tls().with_scenario(scenario)).await.unwrap();
    let hello = "\u{16}\u{3}\u{1}";
    let (answer, error) = ending(&server, hello).await;
    assert_eq!((answer.len(), error), (0, Some(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn what_befalls_a_download_befalls_the_storage_origin_too() {
    let scenario = json!({"rules": [
        {"match": {"endpoint": "other", "nth": 1}, "then": {"fault": "redirect", "to": "other_port"}},
    ]});
    let server = with(scenario).await;
    let answer = talk(&server, &plain("GET", "/some/path?a=b", "")).await;
    let (head, _) = split(&answer);
    let there = format!("location: {}/some/path?a=b\r\n", server.storage_url());
    assert!(head.contains(&there), "{head}");
}

/// No clock is paused where sockets are: a pause that is too short shows nothing.
#[tokio::test]
async fn a_head_drips_over_a_socket_too() {
    let server = faulty(json!({"fault": "slow_head", "bytes": 50, "pause": "5ms"})).await;
    let start = Instant::now();
    let answer = talk(&server, &plain("GET", "/nothing", "")).await;
    assert!(answer.starts_with(b"HTTP/1.1 404") && answer.ends_with(b"}"));
    assert!(start.elapsed() >= Duration::from_millis(15));
}
