//! HTTP/1.1 by hand: what stands on the wire, not what a library makes of it.

use export_sim::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request and reads until the server closes, or has nothing more to say for an hour.
pub(crate) async fn talk(server: &Server, request: &str) -> (String, Ending) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let hour = std::time::Duration::from_secs(3600);
    let read = tokio::time::timeout(hour, stream.read_to_end(&mut answer)).await;
    let ending = match read {
        Ok(Ok(_)) => Ending::Closed,
        Ok(Err(error)) => panic!("the connection was not closed but broken: {error}"),
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

/// The URL of a file on the API host, exported over the wire.
pub(crate) async fn exported(server: &Server) -> String {
    let body = r#"{"format":"pdf"}"#;
    let headers = format!(
        "authorization: Bearer good\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let request = plain("POST", "/platform/v1/documents/d1/export", &headers) + body;
    let (answer, _) = talk(server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    format!("/exports/{}/content", server.exports()[0].operation())
}

/// Fetches the exported file.
pub(crate) async fn download(server: &Server, target: &str) -> (String, Ending) {
    talk(server, &plain("GET", target, "authorization: Bearer good\r\n")).await
}

/// Where the head ends and the body begins.
pub(crate) fn split(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap_or((answer, ""))
}
