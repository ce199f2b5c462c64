//! The host and port of a URL.

use http::Uri;

/// The host of a URL, without the brackets of an IPv6 address, and its port. Without a port, that
/// of https is 443, and that of all other schemes is 80.
///
/// ```
/// use export_host::host_and_port;
///
/// assert_eq!(host_and_port(&"https://api.app.wdesk.com/".parse()?), ("api.app.wdesk.com", 443));
/// assert_eq!(host_and_port(&"http://[::1]:8080/".parse()?), ("::1", 8080));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[must_use]
pub fn host_and_port(url: &Uri) -> (&str, u16) {
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let host = url.host().unwrap_or_default();
    (without_brackets(host), url.port_u16().unwrap_or(default))
}

/// A host without the brackets of an IPv6 address.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
