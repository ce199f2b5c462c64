//! A server that does as it is told, and one inside TLS.

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

/// What a server does about a request.
pub(crate) enum Act {
    /// Answers, and waits for the next request on this connection.
    Say(Vec<u8>),
    /// Answers, and closes the connection.
    SayAndClose(Vec<u8>),
    /// Answers, and does nothing more until the client hangs up.
    SayAndHang(Vec<u8>),
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
    /// Conversations that are over: the client or the server has hung up.
    ended: AtomicUsize,
}

type Handler = Arc<dyn Fn(usize, &str) -> Act + Send + Sync>;
type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Server {
    /// Answers the nth request, from 0, with what `act` makes of its number and its text.
    pub(crate) async fn start(act: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        let act: Handler = Arc::new(act);
        Self::listen(move |stream, seen| Box::pin(converse(stream, Arc::clone(&act), seen))).await
    }

    /// The same inside TLS.
    pub(crate) async fn tls(
        config: ServerConfig,
        act: impl Fn(usize, &str) -> Act + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let act: Handler = Arc::new(act);
        Self::listen(move |stream, seen| {
            let (acceptor, act) = (acceptor.clone(), Arc::clone(&act));
            Box::pin(async move {
                // The client may not like the certificate.
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(stream, act, seen).await;
                }
            })
        })
        .await
    }

    async fn listen(
        converse: impl Fn(TcpStream, Arc<Seen>) -> Conversation + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let conversation = converse(stream, Arc::clone(&counted));
                let seen = Arc::clone(&counted);
                tokio::spawn(async move {
                    conversation.await;
                    seen.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, listening }
    }

    /// The heads of all requests so far, and their bodies.
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

    /// Waits until so many connections are over.
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

async fn converse<S: AsyncRead + AsyncWrite + Send + Unpin>(
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
            Act::Say(bytes) => (bytes, Then::Listen),
            Act::SayAndClose(bytes) => (bytes, Then::Close),
            Act::SayAndHang(bytes) => (bytes, Then::Hang),
        };
        // The client may have gone: that is what some of these tests are about.
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

/// A certificate authority that was made for a test.
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

    /// Settings for a server that is called `name`.
    pub(crate) fn server(&self, name: &str) -> ServerConfig {
        self.server_for(name, Callers::Anybody)
    }

    /// Settings for such a server that wants to know its callers.
    pub(crate) fn server_for(&self, name: &str, callers: Callers) -> ServerConfig {
        let params = CertificateParams::new([name.into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match callers {
            Callers::Anybody => builder.with_no_client_auth(),
            Callers::WithCertificate => {
                let roots = Arc::new(self.roots.clone());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// Whom a server talks to.
pub(crate) enum Callers {
    Anybody,
    WithCertificate,
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
