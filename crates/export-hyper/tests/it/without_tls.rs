//! Builds without cryptography for TLS: `cargo test --no-default-features -- without_tls::`.

use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use export_hyper::{FailureKind, OwnTransport};
use http::{Request, Response};
use http_body_util::Full;
use test_servers::{Action, Server, failures, header, json, operation};
use tower_service::Service;

use crate::clients::builder_at;
use crate::transport::builder;

const NO_TLS: &str = "this program was built without TLS: enable the feature `aws-lc-rs` or `ring` of \
                      its HTTP client, or send requests with a transport of your own";

#[test]
fn client_that_needs_tls_is_not_built() {
    let error = builder_at("https://localhost:1").build().unwrap_err();
    assert_eq!(error.to_string(), NO_TLS);
}

#[test]
fn own_transport_needs_no_tls() {
    let own = OwnTransport::new(Refusing);
    builder_at("https://localhost:1").transport(own).build().unwrap();
}

#[tokio::test]
async fn service_over_plain_http_works() {
    let server = Server::start(|_, _| operation("started"));
    builder_at(&server.url()).build().unwrap().attach("op1").status().await.unwrap();
}

#[tokio::test]
async fn file_over_https_is_untrusted() {
    let server = Server::start(|_, request| {
        let file = format!("https://{}/file", header(request, "host").unwrap());
        let body = format!(r#"{{"id":"op1","status":"completed","resourceUrl":"{file}"}}"#);
        Action::Send(json("200 OK", &[], &body))
    });
    let (client, kinds) = failures(builder(&server.url()));
    let error = client.attach("op1").bytes(1).await.unwrap_err();
    assert_eq!(*kinds.lock().unwrap(), [FailureKind::Untrusted], "{error}");
    assert!(error.to_string().contains(NO_TLS), "{error}");
}

/// Sends nothing.
#[derive(Clone)]
struct Refusing;

impl Service<Request<Full<Bytes>>> for Refusing {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Err(io::Error::other("sends nothing")))
    }
}
