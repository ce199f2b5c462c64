//! CA bundles: each certificate is read, or the bundle is refused.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::TlsError;

/// Certificates of trusted authorities: any number in PEM, or one in DER.
#[derive(Clone, Debug)]
pub struct CaBundle(Source);

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    Text(Vec<u8>),
}

/// The longest bundle that is read, in **bytes**. That of Mozilla has 250 KB.
const MAX_LENGTH: u64 = 16 << 20;

impl CaBundle {
    /// A file, which is read when a client is built.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// PEM text.
    #[must_use]
    pub fn pem(text: impl Into<Vec<u8>>) -> Self {
        Self(Source::Text(text.into()))
    }

    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let fail = |reason: String| TlsError::Bundle { bundle: self.name(), reason };
        let read;
        let bytes = match &self.0 {
            Source::Text(text) => text,
            Source::File(path) => {
                read = read_file(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
                &read
            }
        };
        let found = parse(bytes).map_err(fail)?;
        let mut certificates = Vec::with_capacity(found.len());
        for Found { line, der } in found {
            let certificate = CertificateDer::from(der);
            let added = RootCertStore::empty().add(certificate.clone());
            // The error of rustls has no more than the name of a variant.
            added.map_err(|_| fail(invalid_at(line, "it is not an X.509 certificate")))?;
            certificates.push(certificate);
        }
        Ok(certificates)
    }

    fn name(&self) -> String {
        match &self.0 {
            Source::File(path) => path.display().to_string(),
            Source::Text(_) => "given as text".into(),
        }
    }
}

impl From<&Path> for CaBundle {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for CaBundle {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other(format!("it is longer than {MAX_LENGTH} bytes")));
    }
    Ok(bytes)
}

/// A certificate of a bundle.
struct Found {
    /// The line in which it begins, from 1.
    line: usize,
    der: Vec<u8>,
}

/// Finds the certificates of a bundle. Text between them is ignored.
///
/// Their marks may be anywhere in a line: concatenated files leave byte order marks in the middle, and
/// `-----END CERTIFICATE----------BEGIN CERTIFICATE-----` where a line break is missing. The reader
/// of `rustls-pki-types` skips such certificates, and other forms, without an error.
///
/// # Errors
///
/// Fails with the reason, which has nothing of the content: it may be a private key.
fn parse(bytes: &[u8]) -> Result<Vec<Found>, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is UTF-16: save it as UTF-8".into());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut sections = text.split("-----BEGIN ");
    let before = sections.next().unwrap_or_default();
    let mut line = 1;
    check_between(before, line)?;
    line += line_breaks(before);
    let mut found = Vec::new();
    for section in sections {
        let (der, after) = parse_section(section).map_err(|reason| invalid_at(line, &reason))?;
        found.push(Found { line, der });
        line += line_breaks(section);
        check_between(after, line - line_breaks(after))?;
    }
    if let (true, Some(reason)) = (found.is_empty(), container(bytes)) {
        return Err(reason.into());
    }
    match (found.is_empty(), bytes.first()) {
        (false, _) => Ok(found),
        // The tag of a sequence: DER.
        (true, Some(0x30)) if PrivateKeyDer::try_from(bytes).is_ok() => {
            Err("is a private key, not a certificate".into())
        }
        (true, Some(0x30)) => Ok(vec![Found { line: 1, der: bytes.into() }]),
        (true, _) => Err("contains no certificate".into()),
    }
}

/// Why the DER of another container than a certificate cannot be read, if it is one.
///
/// **Source:** RFC 7292, 4: a PKCS#12 store begins with its version, 3. RFC 2315, 7: what is in it, and
/// PKCS#7 itself, begins with an identifier below 1.2.840.113549.1.7.
fn container(bytes: &[u8]) -> Option<&'static str> {
    const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    let start = bytes.get(..bytes.len().min(40))?;
    let has = |part: &[u8]| start.windows(part.len()).any(|window| window == part);
    match start.first()? {
        0x30 if has(PKCS7) && has(b"\x02\x01\x03\x30") => Some(
            "is a PKCS#12 store (.p12, .pfx), not a certificate: convert it with `openssl pkcs12 \
             -nokeys`",
        ),
        0x30 if has(PKCS7) => Some(
            "is PKCS#7 (.p7b), not a certificate: convert it with `openssl pkcs7 -inform DER \
             -print_certs`",
        ),
        _ => None,
    }
}

/// Parses the section after `-----BEGIN `: its label, its content, and the mark of its end. Returns
/// the certificate, and the text after it.
fn parse_section(section: &str) -> Result<(Vec<u8>, &str), String> {
    let (label, content) = section.split_once("-----").unwrap_or_default();
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => {}
        "TRUSTED CERTIFICATE" => {
            return Err("a TRUSTED CERTIFICATE, which only OpenSSL reads: convert it with \
                        `openssl x509`"
                .into());
        }
        _ if label.ends_with("PRIVATE KEY") => {
            return Err("a private key, which no CA bundle needs: remove it".into());
        }
        _ => return Err(EXPECTED.into()),
    }
    let end = format!("-----END {label}-----");
    let (content, after) =
        content.split_once(&end).ok_or_else(|| format!("a certificate without {end}"))?;
    let base64: String = content.split_ascii_whitespace().collect();
    let der = BASE64_STANDARD.decode(base64);
    Ok((der.map_err(|_| "a certificate that is not base64, or not complete")?, after))
}

const EXPECTED: &str = "expected -----BEGIN CERTIFICATE-----";

/// Checks that the text between two certificates has no mark of another, such as one that a word
/// processor has changed. `line` is that of its start.
fn check_between(text: &str, line: usize) -> Result<(), String> {
    let marks = ["BEGIN CERTIFICATE", "-----END "];
    match marks.iter().filter_map(|mark| text.find(mark)).min() {
        Some(mark) => Err(invalid_at(line + line_breaks(&text[..mark]), EXPECTED)),
        None => Ok(()),
    }
}

fn invalid_at(line: usize, reason: &str) -> String {
    format!("is invalid at line {line}: {reason}")
}

fn line_breaks(text: &str) -> usize {
    text.matches('\n').count()
}
