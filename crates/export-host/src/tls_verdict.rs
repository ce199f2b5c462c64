//! What TLS found wrong with a peer, in plain words.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Says why a peer is not trusted, if `error`, or anything it was caused by, says that it is not.
///
/// `None` for every other trouble, such as a connection that was closed in the middle of the
/// handshake: to try again may help there, and does not here.
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

/// Like [`tls_verdict`], for a request that was sent already: what the peer itself has said, as an
/// alert, before it listened to the request. Anything else that TLS finds wrong by then, such as
/// plain text in the middle of a connection, does not prove that nobody heard it.
#[must_use]
pub fn tls_alert(error: &(dyn StdError + 'static)) -> Option<String> {
    tls_unexpected(error).or_else(|| match find(error)? {
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => None,
    })
}

/// The other side answered a request in the clear by TLS: it has understood nothing of it.
///
/// ```
/// use export_host::{UnexpectedTls, tls_alert};
///
/// assert!(UnexpectedTls::check(b"HTTP/1").is_ok());
/// let alert = UnexpectedTls::check(&[21, 3, 3, 0, 2, 2]).expect_err("it is a record of TLS");
/// let said = tls_alert(&alert).expect("it is a verdict");
/// assert_eq!(said, "it speaks TLS on this port, and the URL says http");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it speaks TLS on this port, and the URL says http")]
#[non_exhaustive]
pub struct UnexpectedTls;

impl UnexpectedTls {
    /// In so many bytes it shows.
    pub const SHOWS_IN: usize = 3;

    /// Looks at the first bytes that came over a connection in the clear.
    ///
    /// # Errors
    ///
    /// Fails if they are those of an alert, or of a handshake, of TLS.
    pub fn check(first: &[u8]) -> io::Result<()> {
        // RFC 8446, 5.1: the kind of the record, and a version that begins with 3 for ever.
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
        // An io::Error passes over what it wraps when it is asked for its source.
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
        Error::NoCertificatesPresented => "it shows no certificate".into(),
        Error::PeerIncompatible(reason) => {
            format!("it and this client have no TLS version or cipher in common: {reason:?}")
        }
        Error::InvalidCertRevocationList(_) | Error::UnsupportedNameType => error.to_string(),
        _ => return None,
    })
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "its certificate comes from an authority that this \
             machine does not know; if it is your company's, give its CA bundle"
            .into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = match presented.as_slice() {
                [] => "for no name at all".into(),
                // rustls writes `DnsName("x")`; the quotes hold all that matters.
                names => names.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "),
            };
            format!("its certificate is not for {} but for {names}", expected.to_str())
        }
        CertificateError::NotValidForName => "its certificate is for another host name".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; this machine's clock may be wrong".into()
        }
        CertificateError::Revoked => "its certificate was revoked".into(),
        CertificateError::BadSignature => "its certificate is not signed by who it says".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers".into()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

fn bare(name: &str) -> &str {
    let quoted = name.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
    quoted.map_or(name, |(bare, _)| bare)
}

/// A refusal that will be the same next time. Others, such as an internal error, may pass.
fn of_alert(alert: AlertDescription) -> Option<String> {
    Some(match alert {
        AlertDescription::CertificateRequired => {
            "it asks for a client certificate, and this client has none".into()
        }
        AlertDescription::UnrecognisedName => "it does not know the host name asked for".into(),
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity
        | AlertDescription::NoApplicationProtocol
        | AlertDescription::ProtocolVersion
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => {
            format!("it refuses the TLS handshake: {alert:?}")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_peer_itself_can_prove_that_it_did_not_listen() {
        let text = io::Error::other(Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(tls_verdict(&text).is_some());
        assert_eq!(tls_alert(&text), None);
        let alert = io::Error::other(Error::AlertReceived(AlertDescription::CertificateRequired));
        assert!(tls_alert(&alert).is_some());
    }
}
