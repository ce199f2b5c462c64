//! What the errors of a custom transport prove, those of `tower` layers among them.

use std::error::Error as StdError;
use std::future::{Pending, Ready, pending, ready};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use export_hyper::{FailureKind, OwnTransport};
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use test_servers::{Action, FILE, Server, only, service, spec, unused_url, whole};
use tower::load_shed::LoadShed;
use tower::load_shed::error::Overloaded;
use tower::timeout::Timeout;
use tower::util::{BoxCloneService, ServiceExt};
use tower_service::Service;

use crate::clients::builder_at;
use crate::transport::{SHORT, builder, submit};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Layers whose errors are boxed, around a pool of connections.
fn stack(timeout: Duration) -> LoadShed<Timeout<Pool<HttpConnector, Full<Bytes>>>> {
    let pool = Pool::builder(TokioExecutor::new()).build_http();
    LoadShed::new(Timeout::new(pool, timeout))
}

#[tokio::test]
async fn tower_layers_send_an_export() {
    let server = service(|_, _| whole());
    // Not `Sync`, as many stacks.
    let boxed = BoxCloneService::new(stack(Duration::from_secs(20)));
    let client = builder_at(&server.url()).transport(OwnTransport::new(boxed)).build().unwrap();
    let (_, bytes) = client.export(spec()).bytes(1_000).await.unwrap();
    assert_eq!(bytes, FILE.as_bytes());
}

#[tokio::test]
async fn refused_connection_below_layers_is_not_sent() {
    let there = builder(&unused_url()).transport(OwnTransport::new(stack(SHORT)));
    let text = only(FailureKind::NotSent, submit(there).await);
    assert!(text.contains("Connection refused"), "{text}");
    // The connector of this stack has no TLS.
    let there = builder("https://localhost:1").transport(OwnTransport::new(stack(SHORT)));
    only(FailureKind::NotSent, submit(there).await);
}

#[tokio::test]
async fn timeout_of_a_layer_may_have_arrived() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let there = builder(&server.url()).transport(OwnTransport::new(stack(SHORT)));
    let text = only(FailureKind::Unanswered, submit(there).await);
    assert!(text.contains("request timed out"), "{text}");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn classified_error_of_a_layer_is_not_sent() {
    let transport = OwnTransport::with_classify(LoadShed::new(Busy), |error: &BoxError| {
        assert!(error.is::<Overloaded>(), "{error}");
        FailureKind::NotSent
    });
    let there = builder(&unused_url()).transport(transport);
    let text = only(FailureKind::NotSent, submit(there).await);
    assert!(text.contains("service overloaded"), "{text}");
}

#[tokio::test]
async fn service_that_is_not_ready_has_not_sent() {
    let transport = OwnTransport::new(Failing { ready: false, error: || "closed".into() });
    only(FailureKind::NotSent, submit(builder(&unused_url()).transport(transport)).await);
}

#[tokio::test]
async fn sources_of_an_error_are_found() {
    let certificate = || {
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        io::Error::other(expired).into()
    };
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset).into();
    let refused = || io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused)).into();
    let cases: [(fn() -> BoxError, FailureKind); 4] = [
        (certificate, FailureKind::Untrusted),
        (reset, FailureKind::Unanswered),
        (refused, FailureKind::NotSent),
        (|| "unknown".into(), FailureKind::Unanswered),
    ];
    for (error, kind) in cases {
        let failing = Failing { ready: true, error };
        let layers = Timeout::new(failing.map_response(|it| it), SHORT);
        let transport = OwnTransport::new(layers);
        only(kind, submit(builder(&unused_url()).transport(transport)).await);
    }
}

/// A service that is never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<Full<Bytes>>> for Busy {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pending<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        pending()
    }
}

/// A service that fails, before a request is handed to it or after.
#[derive(Clone)]
struct Failing {
    ready: bool,
    error: fn() -> BoxError,
}

impl Service<Request<Full<Bytes>>> for Failing {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.ready { Ok(()) } else { Err((self.error)()) })
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Err((self.error)()))
    }
}
