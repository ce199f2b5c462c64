//! Proxies as companies have them: one that wants a password, one that re-signs TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

/// What a proxy does with who asks it for a connection.
#[derive(Clone)]
enum Manner {
    /// Opens it for whoever knows the password.
    Open { authorization: Option<&'static str> },
    /// Opens it, and reads along.
    Resign(Arc<Forger>),
    /// Answers this.
    Answer(&'static str),
}

impl Proxy {
    /// Lets everybody through.
    pub(crate) fn open() -> Self {
        Self::start(Manner::Open { authorization: None })
    }

    /// Lets `me:s3same` through.
    pub(crate) fn with_password() -> Self {
        Self::start(Manner::Open { authorization: Some("Basic bWU6czNzYW1l") })
    }

    /// Shows certificates of an authority of its own, and believes the service's.
    pub(crate) fn resigning(forger: Forger) -> Self {
        Self::start(Manner::Resign(Arc::new(forger)))
    }

    /// Answers with this status, whatever it is asked for.
    pub(crate) fn answering(status: &'static str) -> Self {
        Self::start(Manner::Answer(status))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests for a connection.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn start(manner: Manner) -> Self {
        let asked = Arc::default();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                tokio::select! {
                    () = listen(manner, seen, tell) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), asked, _stop: stop }
    }
}

async fn listen(manner: Manner, asked: Arc<Mutex<Vec<String>>>, tell: Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        // Who goes away in the middle is of no interest.
        tokio::spawn(serve(client, manner.clone(), Arc::clone(&asked)));
    }
}

async fn serve(
    mut client: TcpStream,
    manner: Manner,
    asked: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    asked.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let refusal = match &manner {
        Manner::Answer(status) => Some(*status),
        Manner::Open { authorization: Some(expected) } if !head.contains(expected) => {
            Some("407 Proxy Authentication Required")
        }
        _ => None,
    };
    if let Some(status) = refusal {
        let answer = format!(
            "HTTP/1.1 {status}\r\nProxy-Authenticate: Basic realm=\"company\"\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let mut service = TcpStream::connect(&target).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    match manner {
        Manner::Resign(forger) => forger.sit_between(client, service, &target).await,
        _ => copy_bidirectional(&mut client, &mut service).await.map(drop),
    }
}

/// An authority that signs certificates for hosts that are not its own.
pub(crate) struct Forger {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
    believes: RootCertStore,
}

impl Forger {
    /// One that believes the authority in `pem`.
    pub(crate) fn new(name: &str, pem: Option<&str>) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut believes = RootCertStore::empty();
        if let Some(pem) = pem {
            believes.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        }
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key), believes }
    }

    async fn sit_between(
        &self,
        client: TcpStream,
        service: TcpStream,
        target: &str,
    ) -> io::Result<()> {
        let host = target.rsplit_once(':').unwrap().0.to_owned();
        let mut client = TlsAcceptor::from(self.server(&host)).accept(client).await?;
        let name = ServerName::try_from(host).unwrap();
        let mut service = TlsConnector::from(self.client()).connect(name, service).await?;
        copy_bidirectional(&mut client, &mut service).await.map(drop)
    }

    fn server(&self, host: &str) -> Arc<ServerConfig> {
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }

    fn client(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.believes.clone())
            .with_no_client_auth();
        Arc::new(config)
    }
}
