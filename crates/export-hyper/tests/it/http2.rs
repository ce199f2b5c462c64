//! HTTP/2: which requests a server has not processed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use export_hyper::workiva::ArchiveOptions;
use export_hyper::{Client, ExportSpec, FailureKind, FileExport};
use rustls::{ServerConnection, StreamOwned};
use test_servers::{Authority, failures};

use crate::clients::builder_at;

/// The response to the first submit, whose stream has this number.
type FirstResponse = fn(u32) -> Vec<u8>;

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(3, 0, stream, &reason.to_be_bytes())
}

fn go_away(last: u32, reason: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat())
}

/// 202 with the URL of an operation.
fn accepted(stream: u32) -> Vec<u8> {
    let field = |name: &str, value: &str| {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [vec![0], text(name), text(value)].concat()
    };
    let fields = [field(":status", "202"), field("location", "/operations/op1")].concat();
    // The end of the headers, and of the stream.
    frame(1, 4 | 1, stream, &fields)
}

/// Serves requests on any number of connections, and closes one after `first`.
fn serve(listener: &TcpListener, authority: &Authority, first: FirstResponse, count: &Mutex<u32>) {
    let mut config = authority.server("localhost");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    'connections: for socket in listener.incoming().map_while(Result::ok) {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut wire = StreamOwned::new(connection, socket);
        let mut preface = [0; 24];
        // Its settings, without any.
        if wire.read_exact(&mut preface).is_err() || wire.write_all(&frame(4, 0, 0, &[])).is_err() {
            continue;
        }
        let mut head = [0; 9];
        while wire.read_exact(&mut head).is_ok() {
            let [high, middle, low, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            wire.read_exact(&mut payload).unwrap();
            // DATA or HEADERS that end a request.
            if kind > 1 || flags & 1 == 0 {
                continue;
            }
            let stream = u32::from_be_bytes(stream);
            *count.lock().unwrap() += 1;
            if *count.lock().unwrap() > 1 {
                wire.write_all(&accepted(stream)).unwrap();
                continue;
            }
            wire.write_all(&first(stream)).unwrap();
            wire.flush().unwrap();
            wire.conn.send_close_notify();
            let _ = wire.flush();
            continue 'connections;
        }
    }
}

/// Submits an export that sends a mail. Returns the number of requests, the failures, and the error.
async fn submit(first: FirstResponse) -> (u32, Vec<FailureKind>, Option<String>) {
    let authority = Authority::new("ours");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let bundle = authority.bundle();
    let count = Arc::<Mutex<u32>>::default();
    let counted = Arc::clone(&count);
    thread::spawn(move || serve(&listener, &authority, first, &counted));
    let (client, kinds) = failures::<Client>(builder_at(&url).ca_bundle(bundle));
    let email = ArchiveOptions::default().email_on_complete(true);
    let spec = ExportSpec::file("f1", FileExport::folder(email));
    let error = client.export(spec).submit().await.err().map(|error| error.to_string());
    let (count, kinds) = (*count.lock().unwrap(), kinds.lock().unwrap().clone());
    (count, kinds, error)
}

#[tokio::test]
async fn unprocessed_submit_is_sent_again() {
    const FIRST: [FirstResponse; 4] = [
        // REFUSED_STREAM
        |stream| reset(stream, 7),
        // NO_ERROR, ENHANCE_YOUR_CALM
        |stream| go_away(stream.saturating_sub(2), 0),
        |stream| go_away(stream.saturating_sub(2), 11),
        |stream| [go_away(i32::MAX.unsigned_abs(), 0), go_away(stream - 1, 0)].concat(),
    ];
    for first in FIRST {
        let result = submit(first).await;
        assert_eq!(result, (2, vec![FailureKind::NotSent], None));
    }
}

#[tokio::test]
async fn submit_that_may_be_processed_is_not_repeated() {
    const FIRST: [FirstResponse; 6] = [
        // CANCEL, INTERNAL_ERROR, ENHANCE_YOUR_CALM
        |stream| reset(stream, 8),
        |stream| reset(stream, 2),
        |stream| reset(stream, 11),
        |stream| go_away(stream, 0),
        |stream| go_away(stream, 11),
        |_| Vec::new(),
    ];
    for first in FIRST {
        let (count, kinds, error) = submit(first).await;
        assert_eq!((count, kinds), (1, vec![FailureKind::Unanswered]), "{error:?}");
        assert!(error.unwrap().contains("may have started an export"));
    }
}
