//! A scripted HTTP server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, Stream};
use socket2::SockRef;

/// What a server does with a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Sends a response and waits for the next request on this connection.
    Send(Vec<u8>),
    /// Sends a response and closes the connection, with TLS without its closing alert.
    SendAndClose(Vec<u8>),
    /// Sends a response and waits until the client closes the connection.
    SendAndHang(Vec<u8>),
    /// Sends a response and resets the connection.
    SendAndReset(Vec<u8>),
}

/// A server on a port of its own. Each of its connections has a thread.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
    ended: usize,
}

impl Server {
    /// Handles each request as `act` returns for its number, from 0, and its text.
    pub fn start(act: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Self {
        Self::listen("http", move |socket, seen| serve(&mut &*socket, socket, &act, seen))
    }

    /// The same with TLS, for clients that connect to `localhost`.
    pub fn tls(
        config: ServerConfig,
        act: impl Fn(usize, &str) -> Action + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::listen("https", move |socket, seen| {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(&mut Stream::new(&mut connection, &mut &*socket), socket, &act, seen);
        })
    }

    /// A server that sends nothing, not even a TLS handshake.
    #[must_use]
    pub fn silent(scheme: &'static str) -> Self {
        Self::listen(scheme, |mut socket, _| until_closed(&mut socket))
    }

    /// A server that closes each connection at once.
    #[must_use]
    pub fn closing(scheme: &'static str) -> Self {
        Self::listen(scheme, |_, _| {})
    }

    fn listen(
        scheme: &'static str,
        serve: impl Fn(&TcpStream, &Mutex<Seen>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, serve) = (Arc::<Mutex<Seen>>::default(), Arc::new(serve));
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                all.lock().unwrap().connections += 1;
                let (seen, serve) = (Arc::clone(&all), Arc::clone(&serve));
                thread::spawn(move || {
                    serve(&socket, &seen);
                    drop(socket);
                    seen.lock().unwrap().ended += 1;
                });
            }
        });
        Self { address, scheme, seen }
    }

    /// The address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        match self.scheme {
            "https" => format!("https://localhost:{}", self.address.port()),
            scheme => format!("{scheme}://{}", self.address),
        }
    }

    /// The heads and bodies of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.seen().requests.clone()
    }

    /// The first lines of all requests so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let first = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.seen().requests.iter().map(first).collect()
    }

    /// The number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen().connections
    }

    /// The number of connections that both sides have closed.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.seen().ended
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

/// A URL with a port on which no server listens.
#[must_use]
pub fn unused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A response with a body of this type.
#[must_use]
pub fn response(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// A response with a JSON body.
#[must_use]
pub fn json(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    response(status, &[&["content-type: application/json"], headers].concat(), body)
}

/// The value of a header of a request.
#[must_use]
pub fn header(request: &str, name: &str) -> Option<String> {
    let mut headers = request.lines().skip(1).filter_map(|line| line.split_once(": "));
    headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.into())
}

fn serve(
    wire: &mut (impl Read + Write),
    mut socket: &TcpStream,
    act: &dyn Fn(usize, &str) -> Action,
    seen: &Mutex<Seen>,
) {
    while let Some(request) = next_request(wire) {
        let number = {
            let requests = &mut seen.lock().unwrap().requests;
            requests.push(request.clone());
            requests.len() - 1
        };
        // Ignores errors: in some tests the client closes the connection.
        let mut send = |bytes: Vec<u8>| wire.write_all(&bytes).and_then(|()| wire.flush()).is_ok();
        match act(number, &request) {
            Action::Send(bytes) => {
                if send(bytes) {
                    continue;
                }
            }
            Action::SendAndClose(bytes) => {
                send(bytes);
            }
            Action::SendAndHang(bytes) => {
                send(bytes);
                until_closed(wire);
            }
            Action::SendAndReset(bytes) => {
                send(bytes);
                return SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        break;
    }
    // The client sees the end of the stream, and no reset, even if it has sent more meanwhile.
    let _ = socket.shutdown(Shutdown::Write);
    until_closed(&mut socket);
}

/// Waits until the client closes the connection.
fn until_closed(wire: &mut impl Read) {
    while wire.read(&mut [0; 4_096]).is_ok_and(|length| length > 0) {}
}

/// Reads a head and its body.
fn next_request(wire: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    wire.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}
