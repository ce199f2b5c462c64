//! Something between the program and a server: it writes down, cuts off, holds up.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is done with bytes on their way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Pass,
    /// The connection breaks off before them.
    Close,
    /// They go nowhere, and the connection stays.
    Hold,
    /// They are passed on, and the connection breaks off before the answer.
    LoseAnswer,
}

/// Decides about bytes, knowing how many went before them in all.
pub(crate) type Judge = dyn Fn(&[u8], usize) -> Act + Send + Sync;

/// Passes connections on.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    /// Passes on to `target`.
    pub(crate) fn start(
        target: SocketAddr,
        judge: impl Fn(&[u8], usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(judge), move |_| target)
    }

    /// A proxy: passes on to where CONNECT says.
    pub(crate) fn proxy() -> Self {
        Self::listen(Arc::new(|_: &[u8], _| Act::Pass), |client| {
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
        judge: Arc<Judge>,
        target: impl Fn(&mut TcpStream) -> SocketAddr + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, target) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(target));
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, judge) = (client.unwrap(), Arc::clone(&judge));
                let (all, target) = (Arc::clone(&all), Arc::clone(&target));
                thread::spawn(move || {
                    if let Ok(server) = TcpStream::connect(target(&mut client)) {
                        carry(client, server, &all, &*judge);
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// All that was on its way to the server.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn carry(mut client: TcpStream, mut server: TcpStream, all: &Mutex<Vec<u8>>, judge: &Judge) {
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
        match judge(bytes, before) {
            Act::Pass => {}
            Act::LoseAnswer => *is_lost.lock().unwrap() = true,
            Act::Close => break,
            Act::Hold => loop {
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
