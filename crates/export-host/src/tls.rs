//! TLS settings: the trusted certificate authorities.

use std::sync::Arc;

use export_core::origins::Origin;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;

use crate::ca_bundle::CaBundle;
use crate::cert_recorder::CertRecorder;
use crate::client_certificate::ClientCertificate;

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
    /// Fails if a bundle cannot be read or contains no certificate, if there are no certificate
    /// authorities at all, and without the features `aws-lc-rs` and `ring`.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        self.client_config_with(None)
    }

    pub(crate) fn client_config_with(
        &self,
        certificate: Option<&ClientCertificate>,
    ) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(provider()?);
        let verifier = self.verifier(&self.bundles, &provider)?;
        config(provider, verifier, certificate)
    }

    /// The same config, with a recorder of the certificates that servers present, for diagnostics.
    /// It keeps that of the last handshake, so make one connection at a time.
    ///
    /// # Errors
    ///
    /// As [`client_config`](Self::client_config).
    pub fn recording_client_config(&self) -> Result<(ClientConfig, CertRecorder), TlsError> {
        let provider = Arc::new(provider()?);
        let verifier = self.verifier(&self.bundles, &provider)?;
        // `None` if the system has no certificate authorities.
        let system = self.verifier(&[], &provider).ok();
        let (verifier, recorder) = CertRecorder::wrap(verifier, system);
        Ok((config(provider, Arc::new(verifier), None)?, recorder))
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

fn config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Option<&ClientCertificate>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("each provider supports the default versions")
        // rustls calls any custom verifier dangerous; this one is that of the platform.
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(certificate) = certificate else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = certificate.load()?;
    builder.with_client_auth_cert(chain, key).map_err(|error| TlsError::ClientCertificate {
        reason: match error {
            rustls::Error::InconsistentKeys(_) => "its key is that of another certificate".into(),
            other => other.to_string(),
        },
    })
}

#[cfg(feature = "aws-lc-rs")]
#[expect(clippy::unnecessary_wraps, reason = "a build without a provider has none to return")]
fn provider() -> Result<CryptoProvider, TlsError> {
    Ok(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn provider() -> Result<CryptoProvider, TlsError> {
    Ok(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn provider() -> Result<CryptoProvider, TlsError> {
    Err(TlsError::NoProvider)
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
    /// The certificate of the client is unreadable or invalid.
    #[error("invalid client certificate: {reason}")]
    ClientCertificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The program was built without cryptography for TLS.
    #[error(
        "this program was built without TLS: enable the feature `aws-lc-rs` or `ring` of its HTTP \
         client, or send requests with a transport of your own"
    )]
    NoProvider,
    /// There are no certificate authorities.
    #[error(
        "this machine has no certificate authorities ({0}): install them (the package is often \
         called ca-certificates), name a file of them in SSL_CERT_FILE, or give a CA bundle"
    )]
    NoRoots(String),
}

impl TlsError {
    /// Whether a client of a service at this origin cannot be built. A service over plain http works
    /// without TLS, but not with an invalid setting.
    #[must_use]
    pub fn is_fatal_for(&self, base: &Origin) -> bool {
        base.is_https() || !matches!(self, Self::NoProvider | Self::NoRoots(_))
    }
}
