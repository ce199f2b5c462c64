//! An object store that forgets its objects: what it costs is little beside what is measured.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write, copy, sink};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub(super) struct Store {
    pub(super) address: SocketAddr,
    written: Arc<AtomicUsize>,
}

impl Store {
    pub(super) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, written) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&written);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let written = Arc::clone(&counter);
                thread::spawn(move || respond(&connection, &written));
            }
        });
        Ok(Self { address, written })
    }

    /// The number of objects that were written since the last call.
    pub(super) fn take_written(&self) -> usize {
        self.written.swap(0, Ordering::Relaxed)
    }

    /// The variables of a client that uses it.
    pub(super) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "an-id".into()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret".into()),
        ]
    }
}

/// Responds to each request until the connection is closed. No object exists, and each can be written.
fn respond(connection: &TcpStream, written: &AtomicUsize) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::with_capacity(1 << 18, connection), connection);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let is_put = line.starts_with("PUT ");
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(Error::other)?;
            }
        }
        copy(&mut reader.by_ref().take(length), &mut sink())?;
        let response: &[u8] = if is_put {
            written.fetch_add(1, Ordering::Relaxed);
            b"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        };
        writer.write_all(response)?;
    }
}
