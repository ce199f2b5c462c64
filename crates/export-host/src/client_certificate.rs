//! The certificate of a client, and which servers see it.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use export_core::origins::{Origin, Origins};
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::tls::{TlsError, TlsOptions};

/// A certificate with its chain, and its key, in PEM: for services and gateways that require mutual
/// TLS. The key is never printed.
///
/// ```
/// use export_host::ClientCertificate;
///
/// let certificate = ClientCertificate::files("client.pem", "client.key");
/// assert_eq!(format!("{certificate:?}"), "ClientCertificate(***)");
/// ```
#[derive(Clone)]
pub struct ClientCertificate {
    chain: Source,
    key: Source,
}

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Text(Zeroizing<Vec<u8>>),
}

impl ClientCertificate {
    /// PEM text: the certificate, those of the authorities that it needs, and the key. One text may
    /// have both.
    #[must_use]
    pub fn pem(chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let text = |text: Vec<u8>| Source::Text(Zeroizing::new(text));
        Self { chain: text(chain.into()), key: text(key.into()) }
    }

    /// Files with PEM text, which are read when a client is built.
    #[must_use]
    pub fn files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: Source::File(chain.into()), key: Source::File(key.into()) }
    }

    /// The chain, and the key.
    pub(crate) fn load(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        Ok((self.chain.read("chain", certificates)?, self.key.read("key", private_key)?))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(***)")
    }
}

impl Source {
    fn read<T>(
        &self,
        part: &str,
        parse: fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, TlsError> {
        let fail = |name: String, reason: String| TlsError::ClientCertificate {
            reason: format!("its {part} {name} {reason}"),
        };
        match self {
            Self::Text(text) => {
                parse(text).map_err(|reason| fail("given as text".into(), reason.into()))
            }
            Self::File(path) => {
                let name = path.display().to_string();
                let text = fs::read(path).map(Zeroizing::new);
                let text =
                    text.map_err(|error| fail(name.clone(), format!("cannot be read: {error}")))?;
                parse(&text).map_err(|reason| fail(name, reason.into()))
            }
        }
    }
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|_| "is not valid PEM")?;
    // The reader skips what it cannot read.
    let marks = String::from_utf8_lossy(text).matches("-----BEGIN CERTIFICATE-----").count();
    match found.len() {
        0 => Err("contains no certificate in PEM"),
        count if count != marks => Err("is not valid PEM"),
        _ => Ok(found),
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if String::from_utf8_lossy(text).contains("ENCRYPTED") {
        return Err("is encrypted: decrypt it, with `openssl pkey` for example");
    }
    // Its error may have a part of the text.
    PrivateKeyDer::from_pem_slice(text).map_err(|_| "contains no private key in PEM")
}

/// A certificate, and the origins that are shown it: those that may be sent the token, and that of
/// the token endpoint. Other servers, such as storage hosts, must not learn who the client is.
#[derive(Clone, Debug)]
pub struct ScopedCertificate {
    certificate: ClientCertificate,
    origins: Origins,
}

impl ScopedCertificate {
    pub(crate) const fn new(certificate: ClientCertificate, origins: Origins) -> Self {
        Self { certificate, origins }
    }

    /// Whether it is shown to the server of this URL.
    #[must_use]
    pub fn is_for(&self, url: &Uri) -> bool {
        Origin::parse(&url.to_string()).is_ok_and(|origin| self.origins.trusts(&origin))
    }

    /// A config for these servers.
    ///
    /// # Errors
    ///
    /// Fails if the certificate or the key is invalid, and as [`TlsOptions::client_config`] does.
    pub fn client_config(&self, tls: &TlsOptions) -> Result<ClientConfig, TlsError> {
        tls.client_config_with(Some(&self.certificate))
    }
}
