//! Why a peer is not trusted, and whether it has closed the connection.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Returns why a peer is not trusted, if `error` or one of its sources says so.
///
/// `None` for all other errors, such as a connection that was closed during the handshake: another
/// try may succeed after those, and cannot after these.
///
/// ```
/// use std::io;
/// use export_host::tls_verdict;
///
/// let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
/// let error = io::Error::new(io::ErrorKind::InvalidData, expired);
/// assert_eq!(tls_verdict(&error).as_deref(), Some("its certificate has expired"));
/// assert_eq!(tls_verdict(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
/// ```
#[must_use]
pub fn tls_verdict(error: &(dyn StdError + 'static)) -> Option<String> {
    tls_unexpected(error).or_else(|| verdict(find(error)?))
}

/// Like [`tls_verdict`], for a request that was sent already. Only an alert from the peer proves
/// that it did not read the request. Other TLS errors, such as plain text in the middle of a
/// connection, do not.
#[must_use]
pub fn tls_alert(error: &(dyn StdError + 'static)) -> Option<String> {
    tls_unexpected(error).or_else(|| match find(error)? {
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => None,
    })
}

/// The peer answered a plain-text request with TLS: it has not understood the request.
///
/// ```
/// use export_host::{UnexpectedTls, tls_alert};
///
/// assert!(UnexpectedTls::check(b"HTTP/1").is_ok());
/// let alert = UnexpectedTls::check(&[21, 3, 3, 0, 2, 2]).expect_err("this is a TLS record");
/// let said = tls_alert(&alert).expect("this is a verdict");
/// assert_eq!(said, "it expects TLS on this port, but the URL is http");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it expects TLS on this port, but the URL is http")]
#[non_exhaustive]
pub struct UnexpectedTls;

impl UnexpectedTls {
    /// The number of bytes that [`check`](Self::check) needs.
    pub const CHECKED_BYTES: usize = 3;

    /// Checks the first bytes that were received over a plain-text connection.
    ///
    /// # Errors
    ///
    /// Fails if they begin a TLS alert or handshake.
    pub fn check(first: &[u8]) -> io::Result<()> {
        // RFC 8446, 5.1: the type of the record, and a version whose first byte is always 3.
        match first {
            [21 | 22, 3, ..] => Err(io::Error::other(Self)),
            _ => Ok(()),
        }
    }
}

fn tls_unexpected(error: &(dyn StdError + 'static)) -> Option<String> {
    find::<UnexpectedTls>(error).map(ToString::to_string)
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // The source of an io::Error is that of the error it wraps, not the wrapped error itself.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

fn verdict(error: &Error) -> Option<String> {
    Some(match error {
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        Error::AlertReceived(alert) => return of_alert(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS on this port".into()
        }
        Error::NoCertificatesPresented => "it sent no certificate".into(),
        Error::PeerIncompatible(reason) => {
            format!("there is no common TLS version or cipher suite: {reason:?}")
        }
        Error::InvalidCertRevocationList(_) | Error::UnsupportedNameType => error.to_string(),
        _ => return None,
    })
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "its certificate was issued by a CA that this machine \
             does not trust; if it is your company's CA, pass its CA bundle"
            .into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let names = match names.as_slice() {
                [] => "and has no names".into(),
                names => format!("only for {}", names.join(", ")),
            };
            format!("its certificate is not valid for {}, {names}", expected.to_str())
        }
        CertificateError::NotValidForName => "its certificate is for another host name".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; this machine's clock may be wrong".into()
        }
        CertificateError::Revoked => "its certificate was revoked".into(),
        CertificateError::BadSignature => "the signature of its certificate is invalid".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not valid for servers".into()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

/// The name itself: rustls formats it as `DnsName("x")`.
fn bare(name: &str) -> &str {
    let quoted = name.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
    quoted.map_or(name, |(bare, _)| bare)
}

/// Alerts that another try would receive again. Others, such as an internal error, may be
/// temporary.
fn of_alert(alert: AlertDescription) -> Option<String> {
    Some(match alert {
        AlertDescription::CertificateRequired => {
            "it requires a client certificate, which is not supported".into()
        }
        AlertDescription::UnrecognisedName => {
            "it does not recognise the requested host name".into()
        }
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity
        | AlertDescription::NoApplicationProtocol
        | AlertDescription::ProtocolVersion
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => {
            format!("it rejected the TLS handshake: {alert:?}")
        }
        _ => return None,
    })
}

/// Whether writing failed because the peer has closed the connection. What it sent before can still
/// be read: a server may answer a request that it has not read to the end.
#[must_use]
pub fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_alert_proves_a_request_unread() {
        let text = io::Error::other(Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(tls_verdict(&text).is_some());
        assert_eq!(tls_alert(&text), None);
        let alert = io::Error::other(Error::AlertReceived(AlertDescription::CertificateRequired));
        assert!(tls_alert(&alert).is_some());
    }
}
