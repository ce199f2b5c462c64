//! A tunnel through an HTTP proxy.

use std::fmt::Write;

use export_host::Proxy;
use http::{StatusCode, Uri};
use ureq::Error;
use ureq::unversioned::transport::{NextTimeout, Transport};

/// The answer of a proxy that did not open the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it answered {0} when asked for a connection")]
pub(crate) struct Refused(pub(crate) StatusCode);

/// Longer answers are not read: a proxy that opens the tunnel has little to say.
const LONGEST_HEAD: usize = 16_384;

/// Asks the proxy at the other end for a connection to the host of `target`.
///
/// **Source:** RFC 9110, 9.3.6, and 11.7.2 for the credentials.
pub(crate) fn open(
    mut inner: Box<dyn Transport>,
    proxy: &Proxy,
    target: &Uri,
    timeout: impl Fn() -> NextTimeout,
) -> Result<Box<dyn Transport>, Error> {
    let request = request(proxy, target);
    let output = inner.buffers().output();
    let room = output.get_mut(..request.len()).ok_or(Error::BadUri("it is too long".into()))?;
    room.copy_from_slice(request.as_bytes());
    inner.transmit_output(request.len(), timeout())?;

    loop {
        let more = inner.await_input(timeout())?;
        let input = inner.buffers().input();
        if let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let status = status(input).ok_or_else(not_http)?;
            // A refusal may have a body; what it says is for browsers.
            if !status.is_success() {
                return Err(Error::Other(Refused(status).into()));
            }
            inner.buffers().input_consume(end + 4);
            return Ok(inner);
        }
        if !more || input.len() > LONGEST_HEAD {
            return Err(not_http());
        }
        // Nothing is consumed yet: the next read appends.
        inner.buffers().input_consume(0);
    }
}

fn not_http() -> Error {
    Error::Other("it closed the connection or did not answer in HTTP".into())
}

fn request(proxy: &Proxy, target: &Uri) -> String {
    let default = if target.scheme_str() == Some("https") { 443 } else { 80 };
    let port = target.port_u16().unwrap_or(default);
    let authority = format!("{}:{port}", target.host().unwrap_or_default());
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(Ok(credentials)) = proxy.authorization().map(http::HeaderValue::to_str) {
        // Writing to a string does not fail.
        let _ = write!(request, "Proxy-Authorization: {credentials}\r\n");
    }
    request.push_str("\r\n");
    request
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = line.split(|byte| *byte == b' ');
    let is_http = words.next()?.starts_with(b"HTTP/1.");
    is_http.then(|| StatusCode::from_bytes(words.next()?).ok())?
}
