//! A test proxy: open, with a password, intercepting TLS, or refusing.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use test_servers::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A proxy that runs until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    connects: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

/// What a proxy does with CONNECT requests.
#[derive(Clone)]
enum Mode {
    /// Opens a tunnel, if the request has this authorization.
    Open { authorization: Option<&'static str> },
    /// Intercepts TLS.
    Intercept(Arc<InterceptingCa>),
    /// Responds with a status.
    Refuse(&'static str),
}

impl Proxy {
    /// A proxy that requires no password.
    pub(crate) fn open() -> Self {
        Self::start(Mode::Open { authorization: None })
    }

    /// A proxy that requires `me:s3same`.
    pub(crate) fn with_password() -> Self {
        Self::start(Mode::Open { authorization: Some("Basic bWU6czNzYW1l") })
    }

    /// A proxy that intercepts TLS with certificates of its own CA.
    pub(crate) fn intercepting(ca: InterceptingCa) -> Self {
        Self::start(Mode::Intercept(Arc::new(ca)))
    }

    /// A proxy that responds with this status to all requests.
    pub(crate) fn refusing(status: &'static str) -> Self {
        Self::start(Mode::Refuse(status))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all CONNECT requests.
    pub(crate) fn connects(&self) -> Vec<String> {
        self.connects.lock().unwrap().clone()
    }

    fn start(mode: Mode) -> Self {
        let connects = Arc::default();
        let (sender, receiver) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let recorded = Arc::clone(&connects);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                tokio::select! {
                    () = listen(mode, recorded, sender) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: receiver.recv().unwrap(), connects, _stop: stop }
    }
}

async fn listen(mode: Mode, connects: Arc<Mutex<Vec<String>>>, address: Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.send(listener.local_addr().unwrap()).unwrap();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        // Errors are ignored: clients may close a connection at any time.
        tokio::spawn(serve(client, mode.clone(), Arc::clone(&connects)));
    }
}

async fn serve(
    mut client: TcpStream,
    mode: Mode,
    connects: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    connects.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let refusal = match &mode {
        Mode::Refuse(status) => Some(*status),
        Mode::Open { authorization: Some(expected) } if !head.contains(expected) => {
            Some("407 Proxy Authentication Required")
        }
        _ => None,
    };
    if let Some(status) = refusal {
        let response = format!(
            "HTTP/1.1 {status}\r\nProxy-Authenticate: Basic realm=\"company\"\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return client.write_all(response.as_bytes()).await;
    }
    let mut service = TcpStream::connect(&target).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    match mode {
        Mode::Intercept(ca) => ca.intercept(client, service, &target).await,
        _ => copy_bidirectional(&mut client, &mut service).await.map(drop),
    }
}

/// A CA that issues certificates for any host, as that of a proxy that inspects TLS.
pub(crate) struct InterceptingCa {
    pub(crate) authority: Authority,
    trusted: RootCertStore,
}

impl InterceptingCa {
    /// A CA whose proxy trusts services with certificates of the CA in `pem`.
    pub(crate) fn new(name: &str, pem: &str) -> Self {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        Self { authority: Authority::new(name), trusted }
    }

    async fn intercept(
        &self,
        client: TcpStream,
        service: TcpStream,
        target: &str,
    ) -> io::Result<()> {
        let host = target.rsplit_once(':').unwrap().0.to_owned();
        let server = Arc::new(self.authority.server(&host));
        let mut client = TlsAcceptor::from(server).accept(client).await?;
        let name = ServerName::try_from(host).unwrap();
        let mut service = TlsConnector::from(self.client()).connect(name, service).await?;
        copy_bidirectional(&mut client, &mut service).await.map(drop)
    }

    fn client(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.trusted.clone())
            .with_no_client_auth();
        Arc::new(config)
    }
}
