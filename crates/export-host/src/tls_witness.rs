//! What a server shows of itself, for whoever has to explain why it is not believed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Remembers what the last server has shown, whether it was believed or not.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<Mutex<Option<Shown>>>);

/// A server's certificate, and who knows the authority that it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shown {
    /// The certificate itself, DER. Nothing in it was verified unless the handshake succeeded.
    pub certificate: Vec<u8>,
    /// Who knows its authority.
    pub authority: Authority,
}

/// Who knows a certificate's authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever explains it handles each of these")]
pub enum Authority {
    /// The system, whatever else was given.
    System,
    /// A CA bundle alone, and not the system: a company's own, or that of a proxy that re-signs.
    Bundle,
    /// Nobody here.
    Nobody,
    /// It was not looked for, because something else is wrong with the certificate.
    NotAsked,
}

impl Witness {
    /// A verifier that judges as `verifier` does, and the witness of what it sees. `system` is the
    /// same without bundles, if there can be such a one.
    pub(crate) fn beside(
        verifier: Arc<dyn ServerCertVerifier>,
        system: Option<Arc<dyn ServerCertVerifier>>,
    ) -> (Watched, Self) {
        let witness = Self::default();
        (Watched { verifier, system, witness: witness.clone() }, witness)
    }

    /// What the last server has shown; `None` if none came so far.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A verifier with a witness.
pub(crate) struct Watched {
    verifier: Arc<dyn ServerCertVerifier>,
    system: Option<Arc<dyn ServerCertVerifier>>,
    witness: Witness,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judge = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
        };
        let verdict = judge(&self.verifier);
        let authority = match (&verdict, self.system.as_ref().map(judge)) {
            (Ok(_), Some(Ok(_))) => Authority::System,
            (Ok(_), _) => Authority::Bundle,
            (Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)), _) => {
                Authority::Nobody
            }
            (Err(_), _) => Authority::NotAsked,
        };
        let shown = Shown { certificate: end_entity.to_vec(), authority };
        *self.witness.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        verdict
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
