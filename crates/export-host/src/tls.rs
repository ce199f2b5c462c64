//! TLS settings: the trusted certificate authorities.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::cert_recorder::CertRecorder;

/// The certificate authorities that a client trusts.
///
/// Those of the system, and those of each CA bundle, which companies need whose proxy inspects TLS.
///
/// ```
/// use export_host::{CaBundle, TlsOptions};
///
/// let options = TlsOptions::new().with_ca_bundle(CaBundle::pem("no certificate in here"));
/// let error = options.client_config().expect_err("the bundle is empty");
/// assert_eq!(error.to_string(), "the CA bundle given as text contains no certificate");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    bundles: Vec<CaBundle>,
    #[cfg(feature = "webpki-roots")]
    compiled_in: bool,
}

impl TlsOptions {
    /// Trusts the system's certificate authorities.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts those of `bundle` as well. With a bundle, the system need not have any.
    #[must_use]
    pub fn with_ca_bundle(mut self, bundle: impl Into<CaBundle>) -> Self {
        self.bundles.push(bundle.into());
        self
    }

    /// Trusts Mozilla's list, as of compile time, in place of the system's.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub const fn with_compiled_in_roots(mut self) -> Self {
        self.compiled_in = true;
        self
    }

    /// Reads the bundles and creates a rustls config. ALPN is left empty.
    ///
    /// # Errors
    ///
    /// Fails if a bundle cannot be read or contains no certificate, and if there are no certificate
    /// authorities at all.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(provider());
        let verifier = self.verifier(&self.bundles, &provider)?;
        Ok(config(provider, verifier))
    }

    /// The same config, with a recorder of the certificates that servers present, for diagnostics.
    /// It keeps that of the last handshake, so make one connection at a time.
    ///
    /// # Errors
    ///
    /// As [`client_config`](Self::client_config).
    pub fn recording_client_config(&self) -> Result<(ClientConfig, CertRecorder), TlsError> {
        let provider = Arc::new(provider());
        let verifier = self.verifier(&self.bundles, &provider)?;
        // `None` if the system has no certificate authorities.
        let system = self.verifier(&[], &provider).ok();
        let (verifier, recorder) = CertRecorder::wrap(verifier, system);
        Ok((config(provider, Arc::new(verifier)), recorder))
    }

    fn verifier(
        &self,
        bundles: &[CaBundle],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let mut extra = Vec::new();
        for bundle in bundles {
            extra.extend(bundle.certificates()?);
        }
        #[cfg(feature = "webpki-roots")]
        if self.compiled_in {
            let mut roots = rustls::RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            roots.add_parsable_certificates(extra);
            let builder = rustls::client::WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots),
                Arc::clone(provider),
            );
            let verifier = builder.build();
            return verifier
                .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
                .map_err(|error| TlsError::NoRoots(error.to_string()));
        }
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(provider));
        Ok(Arc::new(verifier.map_err(|error| TlsError::NoRoots(error.to_string()))?))
    }
}

fn config(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("each provider supports the default versions")
        // rustls calls any custom verifier dangerous; this one is that of the platform.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Certificates of trusted authorities, in PEM.
#[derive(Clone, Debug)]
pub struct CaBundle(Source);

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    Text(Vec<u8>),
}

impl CaBundle {
    /// A PEM file, which is read when a client is built.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// PEM text.
    #[must_use]
    pub fn pem(text: impl Into<Vec<u8>>) -> Self {
        Self(Source::Text(text.into()))
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let fail = |reason: String| TlsError::Bundle { bundle: self.name(), reason };
        let read;
        let text = match &self.0 {
            Source::Text(text) => text,
            Source::File(path) => {
                read = fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
                &read
            }
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = certificates.map_err(|error| fail(format!("is not PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(fail("contains no certificate".into()));
        }
        let mut roots = rustls::RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            let added = roots.add(certificate.clone());
            added.map_err(|error| {
                fail(format!("is invalid at certificate {}: {error}", index + 1))
            })?;
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

/// Why TLS cannot be set up.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A CA bundle is unreadable or invalid.
    #[error("the CA bundle {bundle} {reason}")]
    Bundle {
        /// The path of the bundle, or `given as text`.
        bundle: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are no certificate authorities.
    #[error(
        "this machine has no certificate authorities ({0}): install them (the package is often \
         called ca-certificates), name a file of them in SSL_CERT_FILE, or give a CA bundle"
    )]
    NoRoots(String),
}
