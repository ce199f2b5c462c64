//! Why a peer is not trusted, and whether it has closed the connection.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};

use export_core::FailureKind;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};

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
    tls_unexpected(error).or_else(|| verdict(find_cause(error)?))
}

/// Like [`tls_verdict`], for a request that was sent already. Only an alert from the peer proves
/// that it did not read the request. Other TLS errors, such as plain text in the middle of a
/// connection, do not.
#[must_use]
pub fn tls_alert(error: &(dyn StdError + 'static)) -> Option<String> {
    tls_unexpected(error).or_else(|| match find_cause(error)? {
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
    find_cause::<UnexpectedTls>(error).map(ToString::to_string)
}

/// The error of this type among an error and its sources.
#[must_use]
pub fn find_cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
}

/// What an error of an unknown transport proves by itself, if it proves that the request was not sent:
/// the connection was refused, or the certificate of the server is invalid.
///
/// ```
/// use std::io;
/// use export_core::FailureKind;
/// use export_host::unsent_kind;
///
/// let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
/// assert_eq!(unsent_kind(&io::Error::other(refused)), Some(FailureKind::NotSent));
/// assert_eq!(unsent_kind(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
/// ```
#[must_use]
pub fn unsent_kind(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    causes(error).find_map(|cause| match cause.downcast_ref::<io::Error>() {
        // Only connecting fails with this.
        Some(io) if io.kind() == ErrorKind::ConnectionRefused => Some(FailureKind::NotSent),
        Some(_) => None,
        // It is verified before the first byte of a request is sent.
        None => match cause.downcast_ref() {
            Some(Error::InvalidCertificate(_)) => Some(FailureKind::Untrusted),
            _ => None,
        },
    })
}

/// An error and its sources.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        // The source of an io::Error is that of the error it wraps, not the wrapped error itself.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
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
            format!("there is no common TLS version or cipher suite: {}", in_words(reason))
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
        CertificateError::Other(OtherError(error)) => match in_words(error).as_str() {
            "CA used as end entity" => "its certificate is that of a CA, which may not be used by \
                 a server: issue one for the server with basicConstraints CA:FALSE"
                .into(),
            reason => format!("its certificate is not accepted: {reason}"),
        },
        other => format!("its certificate is not accepted: {}", in_words(other)),
    }
}

/// The name of an enum's variant in words: many errors of rustls have no other text.
fn in_words(error: &impl fmt::Debug) -> String {
    let name = format!("{error:?}");
    let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = true;
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !(c.is_ascii_uppercase() && was_lower) => word.push(c),
            _ => words.push(c.into()),
        }
        was_lower = !c.is_ascii_uppercase();
    }
    let lower = |word: &String| match word.as_str() {
        // `CA` and `TLS` stay as they are.
        "Ca" | "CA" => "CA".to_owned(),
        _ if word.starts_with("Tls") => word.replacen("Tls", "TLS", 1),
        _ => word.to_ascii_lowercase(),
    };
    words.iter().map(lower).collect::<Vec<_>>().join(" ")
}

/// The text of the root cause of an error, with TLS errors in words.
///
/// ```
/// use std::io;
/// use export_host::root_cause;
///
/// let error = rustls::Error::AlertReceived(rustls::AlertDescription::InternalError);
/// let error = io::Error::other(error);
/// assert_eq!(root_cause(&error), "it ended the TLS connection: internal error");
/// ```
#[must_use]
pub fn root_cause(error: &(dyn StdError + 'static)) -> String {
    if let Some(error) = find_cause::<Error>(error) {
        return match error {
            Error::AlertReceived(alert) => {
                format!("it ended the TLS connection: {}", in_words(alert))
            }
            Error::InvalidMessage(reason) => {
                format!("it sent an invalid TLS message: {}", in_words(reason))
            }
            Error::PeerMisbehaved(reason) => {
                format!("it broke the TLS protocol: {}", in_words(reason))
            }
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                "it sent an unexpected TLS message".into()
            }
            other => other.to_string(),
        };
    }
    causes(error).last().map(ToString::to_string).unwrap_or_default()
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
            format!("it rejected the TLS handshake: {}", in_words(&alert))
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
    fn names_of_variants_are_written_in_words() {
        use rustls::PeerIncompatible;

        let incompatible = PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig;
        assert_eq!(in_words(&incompatible), "server TLS version is disabled by our config");
        assert_eq!(in_words(&AlertDescription::UnknownCA), "unknown CA");
        let unknown = CertificateError::UnhandledCriticalExtension;
        let said = tls_verdict(&Error::InvalidCertificate(unknown));
        let expected = "its certificate is not accepted: unhandled critical extension";
        assert_eq!(said.as_deref(), Some(expected));
    }

    #[test]
    fn only_an_alert_proves_a_request_unread() {
        let text = io::Error::other(Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(tls_verdict(&text).is_some());
        assert_eq!(tls_alert(&text), None);
        let alert = io::Error::other(Error::AlertReceived(AlertDescription::CertificateRequired));
        assert!(tls_alert(&alert).is_some());
    }
}
