use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as crypto;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as crypto;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::Certificate;
use crate::random::hash;

/// A certificate authority generated for this run, and a server certificate issued by it.
#[derive(Debug)]
pub(super) struct Tls {
    ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Tls {
    pub(super) fn new<'a>(
        certificate: Certificate,
        hosts: impl Iterator<Item = &'a str>,
    ) -> io::Result<Self> {
        let names = match certificate {
            Certificate::WrongName => vec!["wrong-name.example.net".to_owned()],
            Certificate::Valid | Certificate::Expired => ["127.0.0.1", "::1", "localhost"]
                .into_iter()
                .chain(hosts.map(|host| host.trim_matches(['[', ']'])))
                .map(str::to_owned)
                .collect(),
        };
        let (ca_pem, chain, key) = issue(certificate, names).map_err(io::Error::other)?;
        let provider = Arc::new(crypto::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { ca_pem, config: Arc::new(config) })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }

    pub(super) fn into_ca_pem(self) -> String {
        self.ca_pem
    }
}

type Issued = (String, Vec<rustls::pki_types::CertificateDer<'static>>, PrivateKeyDer<'static>);

fn issue(certificate: Certificate, names: Vec<String>) -> Result<Issued, rcgen::Error> {
    let mut params = CertificateParams::default();
    let ca_key = KeyPair::generate()?;
    // A unique name: clients that trust two authorities of the same name may verify against the wrong one.
    let number = hash(0, ca_key.public_key_raw());
    params.distinguished_name.push(DnType::CommonName, format!("export-sim CA {number:016x}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = params.self_signed(&ca_key)?.pem();
    let ca = Issuer::new(params, ca_key);

    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "export-sim");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    if certificate == Certificate::Expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 12, 31);
    }
    let key = KeyPair::generate()?;
    let chain = vec![params.signed_by(&key, &ca)?.der().clone()];
    Ok((ca_pem, chain, PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}
