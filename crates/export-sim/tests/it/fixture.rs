//! A service with a manual clock, and helpers for requests.

use bytes::Bytes;
use export_sim::{Config, Service, SimResponse, Timestamp};
use http::{Request, Response};
use serde_json::Value;

pub(crate) struct Fixture {
    pub(crate) service: Service,
    pub(crate) millis: u64,
}

pub(crate) const START: u64 = 1_767_268_800_000;

pub(crate) fn config() -> Config {
    Config::default().with_token("good").with_client("id", "secret").with_operations_rate(0)
}

pub(crate) fn fixture(config: Config) -> Fixture {
    Fixture { service: Service::new(config), millis: START }
}

impl Fixture {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis)
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.millis += millis;
    }

    pub(crate) fn handle(&mut self, request: Request<Bytes>) -> SimResponse {
        self.service.handle(self.now(), request)
    }

    /// Sends a request and returns the complete response.
    pub(crate) fn send(&mut self, request: Request<Bytes>) -> Response<Bytes> {
        let received = self.handle(request).deliver().unwrap();
        assert_eq!(received.ending(), export_sim::Ending::Complete);
        received.into_response().unwrap()
    }

    pub(crate) fn get(&mut self, url: &str) -> Response<Bytes> {
        self.send(get(url))
    }

    /// Submits an export and returns the operation's URL.
    pub(crate) fn submit(&mut self, path: &str, body: &str) -> String {
        let response = self.send(post(path, body));
        assert_eq!(response.status(), 202, "{}", text(&response));
        header(&response, "location").to_owned()
    }

    /// Runs an export that completes at once, and returns the response with the file.
    pub(crate) fn export(&mut self, path: &str, body: &str) -> Response<Bytes> {
        let operation = self.submit(path, body);
        let url = self.resource(&operation);
        self.get(&url)
    }

    pub(crate) fn resource(&mut self, operation: &str) -> String {
        let response = self.get(operation);
        let operation = json(&response);
        assert_eq!(operation["status"], "completed", "{operation}");
        operation["resourceUrl"].as_str().unwrap().to_owned()
    }
}

/// A request with a valid token and the `X-Version` of its path.
pub(crate) fn post(path: &str, body: &str) -> Request<Bytes> {
    let request = Request::post(path)
        .header("authorization", "Bearer good")
        .header("content-type", "application/json");
    let request =
        if is_current(path) { request.header("x-version", "2026-01-01") } else { request };
    request.body(Bytes::from(body.to_owned())).unwrap()
}

pub(crate) fn get(url: &str) -> Request<Bytes> {
    let mut request = Request::get(url);
    if !url.contains("/artifacts/") {
        request = request.header("authorization", "Bearer good");
        if is_current(url) {
            request = request.header("x-version", "2026-01-01");
        }
    }
    request.body(Bytes::new()).unwrap()
}

fn is_current(url: &str) -> bool {
    !url.contains("/platform/") && !url.contains("/iam/")
}

/// Sets a header of the request.
pub(crate) fn with(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

pub(crate) fn without(mut request: Request<Bytes>, name: &str) -> Request<Bytes> {
    request.headers_mut().remove(name);
    request
}

pub(crate) fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

pub(crate) fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

pub(crate) fn text(response: &Response<Bytes>) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}
