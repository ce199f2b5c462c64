use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use crate::Payload;
use crate::delivery::{Delivery, Flow, Step};

/// What the service answers, and how the answer is to reach the client.
#[derive(Clone, Debug)]
pub struct Answer {
    response: Response<Payload>,
    pub(crate) delivery: Delivery,
}

impl Answer {
    /// The answer's status, even if the client is never to see it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The answer's headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The answer's body, before its delivery does anything to it.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        self.response.body()
    }

    /// Plays the delivery and says what a client would have seen, with the whole body in memory.
    ///
    /// # Errors
    ///
    /// If a file that is to be served cannot be read.
    ///
    /// ```
    /// use export_sim::{Config, Ending, Service, Timestamp};
    ///
    /// let mut service = Service::new(Config::default());
    /// let request = http::Request::get("/operations/1").body(Vec::new())?;
    /// let seen = service.handle(Timestamp::default(), request).play()?;
    /// assert_eq!(seen.ending(), Ending::Complete);
    /// assert_eq!(seen.response().map(|head| head.status().as_u16()), Some(404));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn play(self) -> io::Result<Seen> {
        let mut took = Duration::ZERO;
        let delivery = self.delivery.without_bytes_of_the_head();
        let is_endless = self.response.body().len() == u64::MAX;
        let mut flow = Flow::new(self.response.body().clone(), delivery);
        let mut body = Vec::new();
        let mut head = false;
        let ending = loop {
            match flow.step(usize::MAX)? {
                Step::Head => head = true,
                Step::Send(_) if is_endless && body.len() >= ENOUGH => break Ending::Endless,
                Step::Send(bytes) => body.extend_from_slice(&bytes),
                Step::Pause(pause) => took = took.saturating_add(pause),
                Step::Hang => break Ending::Hung,
                Step::Close => break Ending::Closed,
                Step::Reset => break Ending::Reset,
                Step::End => break Ending::Complete,
            }
        };
        let response = head.then(|| self.response.map(|_| Bytes::from(body)));
        Ok(Seen { response, ending, took })
    }

    /// The response and what to do with it.
    pub(crate) fn into_parts(self) -> (Response<Payload>, Delivery) {
        (self.response, self.delivery)
    }

    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Payload::default());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        Self { response, delivery: Delivery::default() }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status).with_body("application/json", body.to_string())
    }

    /// The body, its type, and its true length.
    pub(crate) fn with_body(mut self, media_type: &str, body: impl Into<Payload>) -> Self {
        self.set_body(body);
        self.with_header(CONTENT_TYPE, media_type)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.set_header(name, value);
        self
    }

    pub(crate) fn with_retry_after(self, seconds: Option<u64>) -> Self {
        let Some(seconds) = seconds else { return self };
        self.with_header(http::header::RETRY_AFTER, &seconds.to_string())
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: &str) {
        self.headers_mut().insert(name, header_value(value));
    }

    /// Replaces the body; a `Content-Length` follows it.
    pub(crate) fn set_body(&mut self, body: impl Into<Payload>) {
        let body = body.into();
        if self.headers().contains_key(CONTENT_LENGTH) {
            self.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        *self.response.body_mut() = body;
    }

    /// Leaves out the body and lets its length stand, as the answer to a HEAD does.
    pub(crate) fn drop_body(&mut self) {
        *self.response.body_mut() = Payload::default();
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.response.headers_mut()
    }
}

/// So much of a body without end is kept.
const ENOUGH: usize = 4 << 20;

/// A header's value; what cannot stand in one becomes a question mark.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let clean: String =
            text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
        HeaderValue::from_str(&clean).unwrap_or_else(|_| HeaderValue::from_static("?"))
    })
}

/// What a client sees of an [`Answer`].
#[derive(Clone, Debug)]
pub struct Seen {
    response: Option<Response<Bytes>>,
    ending: Ending,
    took: Duration,
}

impl Seen {
    /// The head and as much of the body as was sent; none if the connection was closed before.
    #[must_use]
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.response.as_ref()
    }

    /// As [`Seen::response`], by value.
    #[must_use]
    pub fn into_response(self) -> Option<Response<Bytes>> {
        self.response
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// How long the service took over it, apart from the transfer.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

/// How an answer ended, as the connection shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// The server sent all it meant to. That may be less or more than `Content-Length` says.
    Complete,
    /// The connection was closed in the middle.
    Closed,
    /// The connection was reset in the middle.
    Reset,
    /// There is no end; the first few MiB were taken.
    Endless,
    /// Nothing more comes, and the connection stays open.
    Hung,
}
