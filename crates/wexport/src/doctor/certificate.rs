//! What a certificate says of itself.

use export_hyper::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Who has signed a certificate, and until when it is good.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) issuer: String,
    pub(super) ends: Timestamp,
}

/// Reads a certificate; `None` if it cannot be read.
pub(super) fn read(der: &[u8]) -> Option<Facts> {
    let certificate = Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let name = certificate.issuer();
    let common = name.common_name().ok().flatten().map(|name| shown(&name.value()));
    let organization = name.organization().ok().flatten().map(|name| shown(&name.value()));
    let issuer = match (common, organization) {
        (Some(common), Some(organization)) if common != organization => {
            format!("{common} ({organization})")
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => shown(&name.to_string()),
    };
    let ends = Timestamp::EPOCH + certificate.validity().not_after.to_unix_duration();
    Some(Facts { issuer, ends })
}

/// As much of a name as is shown.
const LONGEST: usize = 100;

/// A name that anybody may have written, so that it cannot steer a terminal.
fn shown(name: &str) -> String {
    let is_plain = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_punctuation();
    name.chars().take(LONGEST).map(|c| if is_plain(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_not_read() {
        for der in [&b""[..], b"\x30\x80", b"hello", &[0x30; 1_000]] {
            assert_eq!(read(der), None);
        }
    }

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        assert_eq!(shown("a\x1b[2J\u{202e}b\r\n"), "a?[2J?b??");
        assert_eq!(shown("Société Générale, R&D"), "Société Générale, R&D");
        assert_eq!(shown(&"x".repeat(1_000)).len(), LONGEST);
    }
}
