//! Records the certificate that a server presents, for diagnostics.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// The certificate of the last server, whether it was trusted or not.
#[derive(Clone, Debug, Default)]
pub struct CertRecorder(Arc<Mutex<Option<PeerCertificate>>>);

/// A server's certificate, and whether its issuer is trusted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerCertificate {
    /// The certificate, DER. Nothing in it was verified unless the handshake succeeded.
    pub certificate: Vec<u8>,
    /// By whom its issuer is trusted.
    pub issuer: IssuerTrust,
}

/// By whom the issuer of a certificate is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "diagnostics explain each of these")]
pub enum IssuerTrust {
    /// By the system, whether or not a CA bundle contains it as well.
    System,
    /// Only by a CA bundle: a company's own issuer, or that of a proxy that inspects TLS.
    Bundle,
    /// By neither.
    Untrusted,
    /// Not checked, because something else is wrong with the certificate.
    NotChecked,
}

impl CertRecorder {
    /// A verifier that decides as `verifier` does, and the recorder of what it sees. `system` is
    /// the same verifier without CA bundles, if the system has certificate authorities.
    pub(crate) fn wrap(
        verifier: Arc<dyn ServerCertVerifier>,
        system: Option<Arc<dyn ServerCertVerifier>>,
    ) -> (RecordingVerifier, Self) {
        let recorder = Self::default();
        (RecordingVerifier { verifier, system, recorder: recorder.clone() }, recorder)
    }

    /// The certificate of the last server; `None` if no server has presented one.
    #[must_use]
    pub fn last(&self) -> Option<PeerCertificate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A verifier that records each certificate.
pub(crate) struct RecordingVerifier {
    verifier: Arc<dyn ServerCertVerifier>,
    system: Option<Arc<dyn ServerCertVerifier>>,
    recorder: CertRecorder,
}

impl fmt::Debug for RecordingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordingVerifier")
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
        };
        let verified = verify(&self.verifier);
        let issuer = match (&verified, self.system.as_ref().map(verify)) {
            (Ok(_), Some(Ok(_))) => IssuerTrust::System,
            (Ok(_), _) => IssuerTrust::Bundle,
            (Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)), _) => {
                IssuerTrust::Untrusted
            }
            (Err(_), _) => IssuerTrust::NotChecked,
        };
        let presented = PeerCertificate { certificate: end_entity.to_vec(), issuer };
        *self.recorder.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(presented);
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
