use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use crate::Payload;
use crate::delivery::{Delivery, DeliverySteps, Step};

/// A response of the simulated service, together with the faults of its delivery.
#[derive(Clone, Debug)]
pub struct SimResponse {
    response: Response<Payload>,
    pub(crate) delivery: Delivery,
}

impl SimResponse {
    /// The status, even if the client never receives it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The body, before delivery faults are applied.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        self.response.body()
    }

    /// Simulates the delivery and returns what a client would receive, with the whole body in memory.
    ///
    /// # Errors
    ///
    /// If the file to serve cannot be read.
    ///
    /// ```
    /// use export_sim::{Config, Ending, Service, Timestamp};
    ///
    /// let mut service = Service::new(Config::default());
    /// let request = http::Request::get("/operations/1").body(Vec::new())?;
    /// let received = service.handle(Timestamp::default(), request).deliver()?;
    /// assert_eq!(received.ending(), Ending::Complete);
    /// assert_eq!(received.response().map(|head| head.status().as_u16()), Some(404));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn deliver(self) -> io::Result<ReceivedResponse> {
        let mut took = Duration::ZERO;
        let delivery = self.delivery.with_head_actions_before_head();
        let is_endless = self.response.body().len() == u64::MAX;
        let mut steps = DeliverySteps::new(self.response.body().clone(), delivery);
        let mut body = Vec::new();
        let mut head = false;
        let ending = loop {
            match steps.next_step(usize::MAX)? {
                Step::Head => head = true,
                Step::Send(_) if is_endless && body.len() >= MAX_ENDLESS => break Ending::Endless,
                Step::Send(bytes) => body.extend_from_slice(&bytes),
                Step::Pause(pause) => took = took.saturating_add(pause),
                Step::Hang => break Ending::Hung,
                Step::Close => break Ending::Closed,
                Step::Reset => break Ending::Reset,
                Step::End => break Ending::Complete,
            }
        };
        let response = head.then(|| self.response.map(|_| Bytes::from(body)));
        Ok(ReceivedResponse { response, ending, took })
    }

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

    /// Sets the body, its media type, and its correct length.
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

    /// Replaces the body, and updates the `Content-Length` if there is one.
    pub(crate) fn set_body(&mut self, body: impl Into<Payload>) {
        let body = body.into();
        if self.headers().contains_key(CONTENT_LENGTH) {
            self.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        *self.response.body_mut() = body;
    }

    /// Edits the body, if it is JSON.
    pub(crate) fn edit_json(&mut self, edit: impl FnOnce(&mut Value)) {
        let is_json = self.headers().get(CONTENT_TYPE).is_some_and(|it| it == "application/json");
        let Some(bytes) = is_json.then(|| self.payload().to_bytes().ok()).flatten() else { return };
        let Ok(mut body) = serde_json::from_slice::<Value>(&bytes) else { return };
        edit(&mut body);
        self.set_body(body.to_string());
    }

    /// Removes the body but keeps its `Content-Length`, as in the response to a HEAD request.
    pub(crate) fn drop_body(&mut self) {
        *self.response.body_mut() = Payload::default();
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.response.headers_mut()
    }
}

/// The number of bytes of an endless body to keep.
const MAX_ENDLESS: usize = 4 << 20;

/// Converts text to a header value; characters that are not allowed become question marks.
pub(crate) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let clean: String =
            text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
        HeaderValue::from_str(&clean).unwrap_or_else(|_| HeaderValue::from_static("?"))
    })
}

/// What a client receives of a [`SimResponse`].
#[derive(Clone, Debug)]
pub struct ReceivedResponse {
    response: Option<Response<Bytes>>,
    ending: Ending,
    took: Duration,
}

impl ReceivedResponse {
    /// The head, and the part of the body that was sent. `None` if the connection was closed before the head.
    #[must_use]
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.response.as_ref()
    }

    /// Like [`ReceivedResponse::response`], by value.
    #[must_use]
    pub fn into_response(self) -> Option<Response<Bytes>> {
        self.response
    }

    /// How the response ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// The time that the service took to respond, without the transfer.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }
}

/// How a response ended, as seen on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// The server sent everything it intended to. That may be less or more than the `Content-Length`.
    Complete,
    /// The connection was closed before the end.
    Closed,
    /// The connection was reset before the end.
    Reset,
    /// The body has no end; the first few MiB were received.
    Endless,
    /// No more bytes arrive, and the connection stays open.
    Hung,
}
