//! The issuer of a certificate, and when it expires.

use export_hyper::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The members of a certificate that the report shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CertificateInfo {
    pub(super) issuer: String,
    pub(super) not_after: Timestamp,
}

impl CertificateInfo {
    /// Parses a certificate; `None` if it is invalid.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let name = certificate.issuer();
        let common = name.common_name().ok().flatten().map(|name| sanitize(&name.value()));
        let organization = name.organization().ok().flatten().map(|name| sanitize(&name.value()));
        let issuer = match (common, organization) {
            (Some(common), Some(organization)) if common != organization => {
                format!("{common} ({organization})")
            }
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => sanitize(&name.to_string()),
        };
        let not_after = Timestamp::EPOCH + certificate.validity().not_after.to_unix_duration();
        Some(Self { issuer, not_after })
    }
}

/// The longest part of a name that is shown, in **characters**.
const MAX_NAME: usize = 100;

/// Truncates a name, and replaces all characters but letters, digits, ASCII punctuation and spaces:
/// the certificate is not trusted yet, and its names may contain anything.
fn sanitize(name: &str) -> String {
    let is_plain = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_punctuation();
    name.chars().take(MAX_NAME).map(|c| if is_plain(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_certificates_are_not_parsed() {
        for der in [&b""[..], b"\x30\x80", b"hello", &[0x30; 1_000]] {
            assert_eq!(CertificateInfo::parse(der), None);
        }
    }

    #[test]
    fn names_are_sanitized_and_truncated() {
        assert_eq!(sanitize("a\x1b[2J\u{202e}b\r\n"), "a?[2J?b??");
        assert_eq!(sanitize("Société Générale, R&D"), "Société Générale, R&D");
        assert_eq!(sanitize(&"x".repeat(1_000)).len(), MAX_NAME);
    }
}
