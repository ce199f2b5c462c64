//! Certificates of generated certificate authorities.

use std::sync::Arc;

use export_host::CaBundle;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

/// A generated certificate authority.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// An authority with this name. Two authorities of a test need different names.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate of the authority, in DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    /// The certificate of the authority, for a client that trusts it.
    #[must_use]
    pub fn bundle(&self) -> CaBundle {
        CaBundle::pem(self.pem())
    }

    /// A new certificate for this host name, and its key. `change` changes the certificate first.
    pub fn issue(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.into()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A config for a server with this host name.
    #[must_use]
    pub fn server(&self, name: &str) -> ServerConfig {
        self.server_with(name, |_| {})
    }

    /// The same with another certificate.
    pub fn server_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        config(self.issue(name, change), WebPkiClientVerifier::no_client_auth())
    }

    /// A config for a server that requires a client certificate of this authority.
    #[must_use]
    pub fn server_for_known_clients(&self, name: &str) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let known = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config(self.issue(name, |_| {}), known.build().unwrap())
    }
}

fn config(
    (certificate, key): (Certificate, KeyPair),
    clients: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}
