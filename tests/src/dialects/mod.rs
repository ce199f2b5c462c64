//! Dialects of seven other services, each with a small simulation of its service.
//!
//! A dialect and its simulation are written from the public documentation of the service, which the
//! module names. [`play`] drives one through any sequence of faults.

pub mod azure;
pub mod drive;
pub mod fhir;
pub mod github;
pub mod graph;
pub mod play;
pub mod power_bi;
pub mod salesforce;
pub mod site;

use std::sync::Arc;

use export_core::dialect::Dialect;
use http::{Request, Response};

/// A simulated service. It is stateful, and forgets nothing that it was sent.
pub trait Service: Send {
    /// Handles a request that has arrived.
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>>;

    /// The files of the result: names and contents.
    fn files(&self) -> Vec<(String, Vec<u8>)>;
}

/// What a test needs to know of a service.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// The name of its dialect.
    pub name: &'static str,
    /// The base URL. Other origins never get a token.
    pub base: &'static str,
    /// The dialect of one export, from the service at this base URL.
    pub dialect: fn(&str) -> Arc<dyn Dialect>,
    /// A new service, whose files may be at this other origin.
    pub service: fn(&str) -> Box<dyn Service>,
}

/// Another origin, where files may be.
pub const STORE: &str = "https://store.example.net";

/// All of them.
pub const SAMPLES: [Sample; 7] = [
    azure::SAMPLE,
    drive::SAMPLE,
    fhir::SAMPLE,
    github::SAMPLE,
    graph::SAMPLE,
    power_bi::SAMPLE,
    salesforce::SAMPLE,
];

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Vec<u8>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("the head is legal")
}

fn json(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Vec<u8>> {
    let media_type = ("content-type", "application/json");
    response(status, &[headers, &[media_type]].concat(), body)
}

/// A file with the rest of it from the first byte of the requested range on.
fn file(request: &Request<Vec<u8>>, headers: &[(&str, &str)], text: &str) -> Response<Vec<u8>> {
    const ETAG: &str = "\"1\"";
    let given = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let from = given("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let from = from.filter(|_| given("if-range") == Some(ETAG));
    match from.and_then(|from| from.parse::<usize>().ok()).filter(|from| *from < text.len()) {
        None => response(200, &[headers, &[("etag", ETAG)]].concat(), text),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", text.len() - 1, text.len());
            let part = [("etag", ETAG), ("content-range", &range)];
            response(206, &[headers, &part].concat(), text.get(from..).unwrap_or_default())
        }
    }
}

/// The method and the path of a request.
fn path(request: &Request<Vec<u8>>) -> String {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    format!("{} {path}", request.method())
}

/// The method and the whole URL of a request, without the scheme.
fn url(request: &Request<Vec<u8>>) -> String {
    path(request).replacen(' ', &format!(" {}", request.uri().host().unwrap_or_default()), 1)
}
