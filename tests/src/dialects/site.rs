//! The simulation of another service on a socket.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::RETRY_AFTER;
use http::{HeaderName, Request};
use test_servers::{Action, Server};

use super::Service;

/// A simulated service on a socket, whose downloads break off at first.
#[derive(Debug)]
pub struct Site(Server);

impl Site {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// Panics, on a thread of its own, if a request is invalid.
    #[must_use]
    pub fn start(service: Box<dyn Service>) -> Self {
        let (service, cuts) = (Mutex::new(service), AtomicUsize::new(0));
        Self(Server::start(move |_, text| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
            let mut lines = head.lines();
            let mut words = lines.next().unwrap_or_default().split(' ');
            let mut request = Request::builder()
                .method(words.next().unwrap_or_default())
                .uri(words.next().unwrap_or_default());
            for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
                request = request.header(name, value);
            }
            let request = request.body(body.as_bytes().to_vec()).expect("the head is legal");
            let response = service.lock().expect("no request has panicked").respond(&request);
            let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
            // Nothing is to be waited for here.
            let waits = |name: &HeaderName| *name == RETRY_AFTER;
            for (name, value) in response.headers().iter().filter(|(name, _)| !waits(name)) {
                bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
            let length = response.body().len();
            bytes.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
            let head = bytes.len();
            bytes.extend(response.body());
            let is_file = response.headers().contains_key("etag");
            if is_file && cuts.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
                bytes.truncate(head + length / 2);
                return Action::SendAndClose(bytes);
            }
            Action::Send(bytes)
        }))
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.0.requests()
    }
}
