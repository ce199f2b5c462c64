//! Sends requests over a transport of one's own, and tests a client with it: a simulated service in
//! memory, under tokio's paused clock. An export that takes ten minutes ends in milliseconds.
//!
//! ```text
//! cargo run --example own_transport
//! ```

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use export_hyper::{Client, Credentials, DocumentExport, ExportSpec, FailureKind, OwnTransport};
use export_sim::{Config, Origin, Server};
use http::{Request, Response, Uri, header::HOST};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tower_service::Service;

/// Opens a connection to the simulator, in memory, for each request.
#[derive(Clone)]
struct InMemory(Arc<Server>);

impl Service<Request<Full<Bytes>>> for InMemory {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Full<Bytes>>) -> Self::Future {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(server.connect(Origin::Api))).await?;
            tokio::spawn(connection);
            // A connection takes the path and a `Host` header instead of the URL.
            let uri = request.uri().clone();
            let host = uri.host().and_then(|host| host.parse().ok());
            request.headers_mut().extend(host.map(|host| (HOST, host)));
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
            sender.send_request(request).await
        })
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let config =
        Config::default().with_client("id", "s3cret").with_complete_after(Duration::from_secs(600));
    let server = Arc::new(Server::start(config).await?);
    // The classify function tells which errors prove that a request was not sent: here, none.
    let transport =
        OwnTransport::with_classify(InMemory(Arc::clone(&server)), |_| FailureKind::Unanswered);
    let client = Client::builder()
        .credentials(Credentials::client("id", "s3cret"))
        .base_url(server.url())
        .transport(transport)
        .build()?;

    let (clock, start) = (std::time::Instant::now(), Instant::now());
    let export = client.export(ExportSpec::document("d1", DocumentExport::pdf()));
    let (_, bytes) = export.bytes(1 << 20).await?;
    println!(
        "{} bytes after {} s, in {} ms",
        bytes.len(),
        start.elapsed().as_secs(),
        clock.elapsed().as_millis()
    );
    Ok(())
}
