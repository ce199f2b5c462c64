//! HTTP `CONNECT`: a tunnel through a proxy.

use std::fmt::{self, Write};

use export_core::FailureKind;
use http::{StatusCode, Uri};

use crate::host_port::host_and_port;
use crate::proxy::Proxy;

/// The request for a tunnel, and the parser of the proxy's response.
///
/// **Source:** RFC 9110, 9.3.6, and 11.7.2 for the credentials.
///
/// ```
/// use export_host::{ProxySettings, Tunnel, TunnelError};
///
/// let rules = ProxySettings::Url("http://proxy.example:3128".into()).rules()?;
/// let target = "https://api.app.wdesk.com/operations/1".parse()?;
/// let tunnel = Tunnel::new(rules.for_url(&target).expect("it applies to all URLs"), &target);
/// assert!(tunnel.request().starts_with("CONNECT api.app.wdesk.com:443 HTTP/1.1\r\n"));
///
/// let opened = b"HTTP/1.1 200 OK\r\n\r\n";
/// assert_eq!(tunnel.parse_response(opened), Some(Ok(opened.len())));
/// assert_eq!(tunnel.parse_response(b"HTTP/1.1 200"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tunnel {
    request: String,
    has_credentials: bool,
}

impl fmt::Debug for Tunnel {
    /// Without the request, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tunnel")
    }
}

/// The longest head of a response that is read, in **bytes**. That of a proxy is short.
const LONGEST_HEAD: usize = 16_384;

impl Tunnel {
    /// A tunnel through `proxy` to the host of `target`.
    #[must_use]
    pub fn new(proxy: &Proxy, target: &Uri) -> Self {
        let (_, port) = host_and_port(target);
        // With the brackets of an IPv6 address.
        let authority = format!("{}:{port}", target.host().unwrap_or_default());
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(Ok(credentials)) = proxy.authorization().map(http::HeaderValue::to_str) {
            write!(request, "Proxy-Authorization: {credentials}\r\n")
                .expect("writing to a string does not fail");
        }
        request.push_str("\r\n");
        Self { request, has_credentials: proxy.authorization().is_some() }
    }

    /// The request to send to the proxy. It may hold a password.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Parses the proxy's response so far. Returns its length, after which the bytes of the tunnel
    /// begin; `None` if it is not complete.
    ///
    /// # Errors
    ///
    /// Fails if the proxy does not open the tunnel.
    #[must_use]
    pub fn parse_response(&self, so_far: &[u8]) -> Option<Result<usize, TunnelError>> {
        let mut start = 0;
        let (head, end) = loop {
            let Some(length) = end_of_head(&so_far[start..]) else {
                return (so_far.len() > LONGEST_HEAD).then_some(Err(TunnelError::NotHttp));
            };
            let head = &so_far[start..start + length];
            start += length;
            // An interim response precedes the response itself (RFC 9110, 15.2).
            match status(head) {
                Some(status) if status.is_informational() => {}
                _ => break (head, start),
            }
        };
        Some(match status(head) {
            None => Err(TunnelError::NotHttp),
            Some(status) if status.is_success() => Ok(end),
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) if !accepts_basic(head) => {
                Err(TunnelError::Authentication)
            }
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) if self.has_credentials => {
                Err(TunnelError::Credentials)
            }
            // The body of a refusal is for browsers, and is not read.
            Some(status) => Err(TunnelError::Refused(status)),
        })
    }
}

/// The length of the head, with the empty line. Some proxies end a line with a LF only, which a
/// recipient may accept (RFC 9112, 2.2).
fn end_of_head(so_far: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let line = so_far[start..].iter().position(|byte| *byte == b'\n')?;
        let is_empty = matches!(&so_far[start..start + line], b"" | b"\r");
        start += line + 1;
        if is_empty {
            return Some(start);
        }
    }
}

/// Whether a 407 asks for the credentials that this client can send. A proxy that names no scheme may
/// accept them.
fn accepts_basic(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut offered = head
        .lines()
        .filter_map(|line| line.strip_prefix("proxy-authenticate:"))
        .flat_map(|schemes| schemes.split(','))
        .peekable();
    offered.peek().is_none() || offered.any(|scheme| scheme.trim_start().starts_with("basic"))
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut words = line.split(|byte| *byte == b' ');
    let is_http = words.next()?.starts_with(b"HTTP/1.");
    is_http.then(|| StatusCode::from_bytes(words.next()?).ok())?
}

/// Why a tunnel was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The proxy requires an authentication that is not supported, such as NTLM or Negotiate.
    #[error("it requires another authentication than a user name and password (Basic)")]
    Authentication,
    /// The proxy does not accept the user name and password that were sent.
    #[error("it refused the user name and password (407)")]
    Credentials,
    /// The proxy closed the connection, or does not speak HTTP.
    #[error("it closed the connection or sent no HTTP response")]
    NotHttp,
    /// The proxy refused.
    #[error("it responded to CONNECT with {0}{hint}", hint = hint(*.0))]
    Refused(StatusCode),
}

const fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => ": it requires a user name and password",
        _ => "",
    }
}

impl TunnelError {
    /// The kind of failure for the request, which was not sent.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            // 502, 503, 504: it could not connect. Another try may succeed.
            Self::Refused(status) if !status.is_server_error() => FailureKind::Untrusted,
            Self::Authentication | Self::Credentials => FailureKind::Untrusted,
            Self::NotHttp | Self::Refused(_) => FailureKind::NotSent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProxySettings;

    fn parse(user: &str, response: &[u8]) -> Option<Result<usize, TunnelError>> {
        let rules = ProxySettings::Url(format!("http://{user}proxy.example:1")).rules().unwrap();
        let target = "https://api.example/".parse().unwrap();
        Tunnel::new(rules.for_url(&target).unwrap(), &target).parse_response(response)
    }

    #[test]
    fn response_is_read_to_its_end() {
        let response = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x16\x03";
        for end in 0..response.len() - 2 {
            assert_eq!(parse("", &response[..end]), None, "{end}");
        }
        assert_eq!(parse("", response), Some(Ok(response.len() - 2)));
        assert_eq!(parse("", &[b'x'; LONGEST_HEAD + 1]), Some(Err(TunnelError::NotHttp)));
    }

    #[test]
    fn line_may_end_with_a_line_feed_only() {
        let response = b"HTTP/1.1 200 OK\nVia: x\n\n\x16\x03";
        assert_eq!(parse("", &response[..23]), None);
        assert_eq!(parse("", response), Some(Ok(24)));
        let mixed = b"HTTP/1.1 403 No\r\nVia: x\n\r\n";
        let refused = TunnelError::Refused(StatusCode::FORBIDDEN);
        assert_eq!(parse("", mixed), Some(Err(refused)));
    }

    #[test]
    fn unsupported_authentication_is_told() {
        let error = |schemes: &str| {
            let head = format!("HTTP/1.1 407 Who?\r\n{schemes}\r\n");
            parse("", head.as_bytes()).unwrap().unwrap_err()
        };
        let password = TunnelError::Refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        assert_eq!(error(""), password);
        assert_eq!(error("Proxy-Authenticate: Basic realm=\"x, y\"\r\n"), password);
        assert_eq!(error("proxy-authenticate: Negotiate, basic realm=x\r\n"), password);
        let both = "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n";
        assert_eq!(error(both), TunnelError::Authentication);
    }

    #[test]
    fn interim_responses_are_skipped() {
        let response =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        for end in 0..response.len() {
            assert_eq!(parse("", &response[..end]), None, "{end}");
        }
        assert_eq!(parse("", response), Some(Ok(response.len())));
        let refused = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n";
        assert_eq!(parse("", refused), Some(Err(TunnelError::Refused(StatusCode::FORBIDDEN))));
        let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000);
        assert_eq!(parse("", &endless), Some(Err(TunnelError::NotHttp)));
    }

    #[test]
    fn refused_password_is_told() {
        let head = b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\n\r\n";
        assert_eq!(parse("me:secret@", head), Some(Err(TunnelError::Credentials)));
        let wants = TunnelError::Refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        assert_eq!(parse("", head), Some(Err(wants)));
    }

    #[test]
    fn refusal_differs_from_failure() {
        let kind = |head: &[u8]| parse("", head).unwrap().unwrap_err().kind();
        assert_eq!(kind(b"HTTP/1.1 407 Who?\r\n\r\n"), FailureKind::Untrusted);
        assert_eq!(kind(b"HTTP/1.0 403 No\r\n\r\n"), FailureKind::Untrusted);
        assert_eq!(kind(b"HTTP/1.1 502 Gone\r\n\r\n"), FailureKind::NotSent);
        assert_eq!(kind(b"SSH-2.0-x\r\n\r\n"), FailureKind::NotSent);
        let wants = TunnelError::Refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        assert!(wants.to_string().contains("password"));
    }
}
