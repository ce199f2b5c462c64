//! A scripted loopback server, with or without TLS.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
pub(crate) enum Action {
    /// Sends an answer and waits for the next request on this connection.
    Send(Vec<u8>),
    /// Sends an answer and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends an answer and waits until the client closes the connection.
    SendAndHang(Vec<u8>),
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// Connections that were closed by the client or the server.
    ended: AtomicUsize,
}

type Handler = Arc<dyn Fn(usize, &str) -> Action + Send + Sync>;
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Server {
    /// Handles each request as `act` returns for its number, from 0, and its text.
    pub(crate) async fn start(act: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Self {
        let act: Handler = Arc::new(act);
        Self::listen(move |stream, seen| Box::pin(serve_connection(stream, Arc::clone(&act), seen)))
            .await
    }

    /// The same with TLS.
    pub(crate) async fn tls(
        config: ServerConfig,
        act: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let act: Handler = Arc::new(act);
        Self::listen(move |stream, seen| {
            let (acceptor, act) = (acceptor.clone(), Arc::clone(&act));
            Box::pin(async move {
                // The client may refuse the certificate.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_connection(stream, act, seen).await;
                }
            })
        })
        .await
    }

    async fn listen(
        serve_connection: impl Fn(TcpStream, Arc<Seen>) -> Serving + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let conversation = serve_connection(stream, Arc::clone(&counted));
                let seen = Arc::clone(&counted);
                tokio::spawn(async move {
                    conversation.await;
                    seen.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, listening }
    }

    /// The heads and bodies of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The first lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let first = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.requests().iter().map(first).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Waits until this many connections were closed.
    pub(crate) async fn ended(&self, connections: usize) {
        while self.seen.ended.load(Ordering::SeqCst) < connections {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve_connection<S: AsyncRead + AsyncWrite + Send + Unpin>(
    mut wire: S,
    act: Handler,
    seen: Arc<Seen>,
) {
    while let Some(request) = next_request(&mut wire).await {
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let (bytes, then) = match act(number, &request) {
            Action::Send(bytes) => (bytes, Then::Listen),
            Action::SendAndClose(bytes) => (bytes, Then::Close),
            Action::SendAndHang(bytes) => (bytes, Then::Hang),
        };
        // Ignores errors: in some tests the client closes the connection.
        let said = wire.write_all(&bytes).await.is_ok() && wire.flush().await.is_ok();
        match then {
            Then::Listen if said => {}
            Then::Hang if said => {
                let _ = wire.read(&mut [0]).await;
                return;
            }
            _ => return,
        }
    }
}

enum Then {
    Listen,
    Close,
    Hang,
}

/// Reads a head and its body.
async fn next_request<S: AsyncRead + Unpin>(wire: &mut S) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(wire.read_u8().await.ok()?);
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    wire.read_exact(&mut body).await.ok()?;
    Some(head + std::str::from_utf8(&body).unwrap())
}

/// A generated certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
    roots: RootCertStore,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", MADE.fetch_add(1, Ordering::SeqCst));
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key), roots }
    }

    /// A config for a server with the host name `name`.
    pub(crate) fn server(&self, name: &str) -> ServerConfig {
        self.server_for(name, ClientAuth::None)
    }

    /// The same, with or without client certificates.
    pub(crate) fn server_for(&self, name: &str, auth: ClientAuth) -> ServerConfig {
        let params = CertificateParams::new([name.into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Required => {
                let roots = Arc::new(self.roots.clone());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// Whether a server requires a client certificate.
pub(crate) enum ClientAuth {
    None,
    Required,
}

/// An answer with a body of this type.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

pub(crate) fn json(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut all = vec!["content-type: application/json"];
    all.extend(headers);
    answer(status, &all, body)
}
