//! A scripted loopback server, with or without TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does with a request.
pub(crate) enum Action {
    /// Sends an answer and waits for the next request on this connection.
    Send(Vec<u8>),
    /// Sends an answer and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends an answer and waits until the client closes the connection.
    SendAndHang(Vec<u8>),
    /// The same, and calls a function when the client has closed it.
    SendAndNotify(Vec<u8>, Box<dyn FnOnce() + Send>),
    /// Sends an answer and resets the connection.
    SendAndReset(Vec<u8>),
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Handles each request as `act` returns for its number, from 0, and its head.
    pub(crate) fn start(act: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Self {
        Self::wrapped(|stream| Box::new(stream), act)
    }

    /// The same with TLS.
    pub(crate) fn tls(
        config: ServerConfig,
        act: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        let wrap = move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream)) as Box<dyn Wire>
        };
        Self::wrapped(wrap, act)
    }

    fn wrapped(
        wrap: impl Fn(TcpStream) -> Box<dyn Wire> + Send + Sync + 'static,
        act: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let server = Self {
            address,
            requests: Arc::clone(&requests),
            connections: Arc::clone(&connections),
        };
        let (wrap, act) = (Arc::new(wrap), Arc::new(act));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (wrap, act, requests) =
                    (Arc::clone(&wrap), Arc::clone(&act), Arc::clone(&requests));
                thread::spawn(move || serve_connection(wrap(stream), &*act, &requests));
            }
        });
        server
    }

    /// The heads and bodies of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The first lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let first = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.requests().iter().map(first).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

fn serve_connection(
    mut wire: Box<dyn Wire>,
    act: &(dyn Fn(usize, &str) -> Action + Send + Sync),
    requests: &Mutex<Vec<String>>,
) {
    while let Some(request) = next_request(&mut *wire) {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let mut say = |bytes: Vec<u8>| wire.write_all(&bytes).and_then(|()| wire.flush());
        // Ignores errors: in some tests the client closes the connection.
        match act(number, &request) {
            Action::Send(bytes) => {
                if say(bytes).is_err() {
                    return;
                }
            }
            Action::SendAndClose(bytes) => {
                let _ = say(bytes);
                return;
            }
            Action::SendAndHang(bytes) => {
                let _ = say(bytes);
                let _ = wire.read(&mut [0]);
                return;
            }
            Action::SendAndNotify(bytes, tell) => {
                let _ = say(bytes);
                let _ = wire.read(&mut [0]);
                return tell();
            }
            Action::SendAndReset(bytes) => {
                let _ = say(bytes);
                // Closing a connection with unread bytes resets it: see `next_request`.
                return;
            }
        }
    }
}

/// Reads a head and its body. In a fetch that is to be reset, it stops at the `x-reset` header.
fn next_request(wire: &mut dyn Wire) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if wire.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.extend(byte);
        if request.starts_with(b"GET /file") && request.ends_with(b"x-reset: yes\r\n") {
            break;
        }
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    wire.read_exact(&mut body).ok()?;
    Some(head + std::str::from_utf8(&body).unwrap())
}

/// A generated certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", MADE.fetch_add(1, Ordering::SeqCst));
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A config for a server with the host name `name`.
    pub(crate) fn server(&self, name: &str) -> ServerConfig {
        let params = CertificateParams::new([name.into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
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
