//! A TCP relay between the program and a server: records, closes and stalls connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the relay does with bytes for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pass,
    /// Drops them, and closes the connection.
    Close,
    /// Drops them, and keeps the connection open.
    Hold,
    /// Passes them, and closes the connection before the response.
    LoseAnswer,
}

/// Chooses the action for bytes. The second argument is the number of bytes before them, of all
/// connections.
pub(crate) type Policy = dyn Fn(&[u8], usize) -> Action + Send + Sync;

/// Relays connections.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    /// Relays to `target`.
    pub(crate) fn start(
        target: SocketAddr,
        policy: impl Fn(&[u8], usize) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(policy), move |_| target)
    }

    /// Relays to the target of CONNECT requests, as a proxy.
    pub(crate) fn proxy() -> Self {
        Self::listen(Arc::new(|_: &[u8], _| Action::Pass), |client| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            target.replace("localhost", "127.0.0.1").parse().unwrap()
        })
    }

    fn listen(
        policy: Arc<Policy>,
        target: impl Fn(&mut TcpStream) -> SocketAddr + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, target) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(target));
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, policy) = (client.unwrap(), Arc::clone(&policy));
                let (all, target) = (Arc::clone(&all), Arc::clone(&target));
                thread::spawn(move || {
                    if let Ok(server) = TcpStream::connect(target(&mut client)) {
                        relay(client, server, &all, &*policy);
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// All bytes for the server.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn relay(mut client: TcpStream, mut server: TcpStream, all: &Mutex<Vec<u8>>, policy: &Policy) {
    let (mut back, mut answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let is_lost = Arc::new(Mutex::new(false));
    let lost = Arc::clone(&is_lost);
    thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = answers.read(&mut bytes) {
            if *lost.lock().unwrap() || back.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = client.read(&mut bytes) {
        let bytes = &bytes[..length];
        let before = {
            let mut all = all.lock().unwrap();
            all.extend_from_slice(bytes);
            all.len() - length
        };
        match policy(bytes, before) {
            Action::Pass => {}
            Action::LoseAnswer => *is_lost.lock().unwrap() = true,
            Action::Close => break,
            Action::Hold => loop {
                thread::park();
            },
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}
