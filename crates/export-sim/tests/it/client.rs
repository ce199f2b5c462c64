//! HTTP/1.1 by hand: what stands on the wire, not what a library makes of it.

use std::time::Duration;

use export_sim::{Origin, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request over a socket and reads until the server closes.
pub(crate) async fn talk(server: &Server, request: &str) -> Vec<u8> {
    talk_to(&server.address().to_string(), request).await
}

pub(crate) async fn talk_to(address: &str, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is broken rather than closed is an error here.
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

/// Sends a request without sockets, for paused clocks, and reads until the server closes or has nothing more to say
/// for an hour.
pub(crate) async fn watch(server: &Server, request: &str) -> (String, Ending) {
    let mut stream = server.connect(Origin::Api);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let hour = Duration::from_secs(3600);
    let ending = match tokio::time::timeout(hour, stream.read_to_end(&mut answer)).await {
        Ok(read) => read.map(|_| Ending::Closed).unwrap(),
        Err(_) => Ending::Open,
    };
    (String::from_utf8_lossy(&answer).into_owned(), ending)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Open,
}

/// A request of one line and headers. The connection is to be closed after the answer.
pub(crate) fn plain(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
}

/// A request for the file of an export that has just been made.
pub(crate) async fn download(server: &Server) -> String {
    let (answer, _) = watch(server, &submit()).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    let url = format!("/exports/{}/content", server.exports()[0].operation());
    plain("GET", &url, "authorization: Bearer good\r\n")
}

pub(crate) fn submit() -> String {
    let headers =
        "authorization: Bearer good\r\ncontent-type: application/json\r\ncontent-length: 16\r\n";
    plain("POST", "/platform/v1/documents/d1/export", headers) + r#"{"format":"pdf"}"#
}

/// Where the head ends and the body begins.
pub(crate) fn split(answer: &[u8]) -> (String, &[u8]) {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let (head, body) = answer.split_at(head.unwrap_or(answer.len()));
    (String::from_utf8_lossy(head).into_owned(), body)
}
