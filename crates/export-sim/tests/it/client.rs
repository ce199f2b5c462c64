//! A raw HTTP/1.1 client, which shows the bytes on the wire.

use std::time::Duration;

use export_sim::{Origin, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request over a socket and reads until the server closes the connection.
pub(crate) async fn exchange(server: &Server, request: &str) -> Vec<u8> {
    exchange_with(&server.address().to_string(), request).await
}

pub(crate) async fn exchange_with(address: &str, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // Fails if the connection is reset.
    stream.read_to_end(&mut response).await.unwrap();
    response
}

/// Sends a request over an in-memory connection, for use with a paused clock. Reads until the server closes the
/// connection or sends nothing for an hour.
pub(crate) async fn exchange_in_memory(server: &Server, request: &str) -> (String, Ending) {
    let mut stream = server.connect(Origin::Api);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let hour = Duration::from_secs(3600);
    let ending = match tokio::time::timeout(hour, stream.read_to_end(&mut response)).await {
        Ok(read) => read.map(|_| Ending::Closed).unwrap(),
        Err(_) => Ending::Open,
    };
    (String::from_utf8_lossy(&response).into_owned(), ending)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Open,
}

/// A request without a body. The connection is closed after the response.
pub(crate) fn plain(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
}

/// Starts an export and returns the request that downloads its file.
pub(crate) async fn download(server: &Server) -> String {
    let (response, _) = exchange_in_memory(server, &submit()).await;
    assert!(response.starts_with("HTTP/1.1 202 Accepted\r\n"), "{response}");
    let url = format!("/exports/{}/content", server.exports()[0].operation());
    plain("GET", &url, "authorization: Bearer good\r\n")
}

pub(crate) fn submit() -> String {
    let headers =
        "authorization: Bearer good\r\ncontent-type: application/json\r\ncontent-length: 16\r\n";
    plain("POST", "/platform/v1/documents/d1/export", headers) + r#"{"format":"pdf"}"#
}

/// Splits a response into head and body.
pub(crate) fn split(response: &[u8]) -> (String, &[u8]) {
    let head = response.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let (head, body) = response.split_at(head.unwrap_or(response.len()));
    (String::from_utf8_lossy(head).into_owned(), body)
}
