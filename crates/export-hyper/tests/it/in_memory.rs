//! An in-memory service under a paused clock. Each of its steps yields, so that a test can drop
//! there.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use export_hyper::{
    Artifact, Checkpoint, CheckpointStore, Client, ClientBuilder, Credentials, FailureKind,
    OwnTransport, Sink, Storing,
};
use export_sim::{Config, Endpoint, Origin, Server};
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::yield_now;
use tower_service::Service;

pub(crate) async fn start(config: Config) -> Arc<Server> {
    Arc::new(Server::start(config.with_client("id", "s3cret")).await.unwrap())
}

pub(crate) fn client(server: &Arc<Server>, store: &Arc<Memory>) -> Client {
    let store = Arc::clone(store) as Arc<dyn CheckpointStore>;
    builder(server).checkpoints(store).build().unwrap()
}

pub(crate) fn builder(server: &Arc<Server>) -> ClientBuilder<Client> {
    let reached = Reached(Arc::clone(server));
    Client::builder()
        .credentials(Credentials::client("id", "s3cret"))
        .base_url(server.url())
        .transport(OwnTransport::with_classify(reached, |_| FailureKind::Unanswered))
        .jitter(0)
}

/// Polls a future at most `times` times, and drops it.
pub(crate) async fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

pub(crate) fn submits(server: &Server) -> usize {
    server.requests().iter().filter(|it| it.endpoint() == Endpoint::Submit).count()
}

/// Opens an in-memory connection for each request, and yields before and after each step.
#[derive(Clone)]
struct Reached(Arc<Server>);

type Sending = Pin<Box<dyn Future<Output = Result<Response<Hesitant>, hyper::Error>> + Send>>;

impl Service<Request<Full<Bytes>>> for Reached {
    type Response = Response<Hesitant>;
    type Error = hyper::Error;
    type Future = Sending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Full<Bytes>>) -> Sending {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            yield_now().await;
            let authority = request.uri().authority().unwrap().to_string();
            let is_storage = server.storage_url().ends_with(&authority);
            let origin = if is_storage { Origin::Storage } else { Origin::Api };
            let io = TokioIo::new(server.connect(origin));
            let (mut sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            yield_now().await;
            let host = HeaderValue::from_str(&authority).unwrap();
            request.headers_mut().insert(header::HOST, host);
            let target = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
            *request.uri_mut() = target;
            let response = sender.send_request(request).await?;
            yield_now().await;
            Ok(response.map(|body| Hesitant { body, has_hesitated: false }))
        })
    }
}

/// A body that is pending before each frame.
struct Hesitant {
    body: Incoming,
    has_hesitated: bool,
}

impl Body for Hesitant {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if !std::mem::replace(&mut self.has_hesitated, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_hesitated = false;
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A store in memory that yields in each method.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<String, Checkpoint>>);

/// A store that does not remove.
#[derive(Debug, Default)]
pub(crate) struct Keeping(Memory);

impl CheckpointStore for Keeping {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        self.0.load(key)
    }

    fn remove<'a>(&'a self, _key: &'a str) -> Storing<'a> {
        Box::pin(async { Err(io::Error::new(io::ErrorKind::PermissionDenied, "no")) })
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        self.0.store(key, checkpoint)
    }
}

impl Memory {
    pub(crate) fn of(&self, key: &str) -> Option<Checkpoint> {
        self.0.lock().unwrap().get(key).cloned()
    }
}

impl CheckpointStore for Memory {
    fn load<'a>(&'a self, key: &'a str) -> Storing<'a, Option<Checkpoint>> {
        Box::pin(async move {
            yield_now().await;
            Ok(self.of(key))
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Storing<'a> {
        Box::pin(async move {
            yield_now().await;
            self.0.lock().unwrap().remove(key);
            yield_now().await;
            Ok(())
        })
    }

    fn store<'a>(&'a self, key: &'a str, checkpoint: Checkpoint) -> Storing<'a> {
        Box::pin(async move {
            yield_now().await;
            self.0.lock().unwrap().insert(key.to_owned(), checkpoint);
            yield_now().await;
            Ok(())
        })
    }
}

/// A sink that outlives the export, like a disk. Bytes that were not synced are lost in a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    synced: usize,
    is_finished: bool,
}

impl Disk {
    /// Drops the bytes that were not synced.
    pub(crate) fn crash(&self) {
        let mut kept = self.0.lock().unwrap();
        let synced = kept.synced;
        kept.bytes.truncate(synced);
    }

    /// The file, if it is complete.
    pub(crate) fn finished(&self) -> Option<Vec<u8>> {
        let kept = self.0.lock().unwrap();
        kept.is_finished.then(|| kept.bytes.clone())
    }
}

impl Sink for Disk {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        yield_now().await;
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        yield_now().await;
        let mut kept = self.0.lock().unwrap();
        kept.bytes.truncate(offset as usize);
        kept.synced = kept.synced.min(offset as usize);
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        yield_now().await;
        self.0.lock().unwrap().bytes.extend_from_slice(&chunk);
        yield_now().await;
        Ok(())
    }

    async fn sync(&mut self) -> io::Result<u64> {
        yield_now().await;
        let mut kept = self.0.lock().unwrap();
        kept.synced = kept.bytes.len();
        Ok(kept.synced as u64)
    }

    async fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        yield_now().await;
        let mut kept = self.0.lock().unwrap();
        kept.synced = kept.bytes.len();
        kept.is_finished = true;
        Ok(())
    }
}

/// Waits until the work that a drop has left running is done.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}
