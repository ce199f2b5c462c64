//! The service as the machine reaches it: with latency, and with outages.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use export_hyper::{OwnTransport, Timestamp};
use export_sim::{Completion, Config, Service as Simulator};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower_service::Service;

use crate::machine::Machine;

/// Where the service is: the simulator's own default.
pub(super) const URL: &str = "http://127.0.0.1:8080";

/// What answers in place of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outage {
    /// 503 at all endpoints.
    Unavailable,
    /// Connections are refused, and those that are open are cut.
    Refused,
    /// The pages of a gateway.
    Pages,
}

/// The service, and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Network {
    machine: Arc<Machine>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    service: Simulator,
    outage: Option<(Outage, Timestamp, Timestamp)>,
    random: fastrand::Rng,
    /// The exports that were accepted by responses that did not arrive.
    unheard: HashMap<String, usize>,
    /// The requests that met an outage.
    failed: usize,
    /// All requests.
    sent: usize,
}

impl Network {
    pub(super) fn new(machine: &Arc<Machine>, seed: u64) -> Self {
        let (shortest, longest) = (Duration::from_secs(20), Duration::from_secs(120));
        let config = Config::default()
            .with_client("an-id", "a-secret")
            .with_completion(Completion::Uniform(shortest, longest))
            .with_artifact_size(5_000)
            .with_record_limit(0)
            .with_seed(seed);
        let state = State {
            service: Simulator::new(config),
            outage: None,
            random: fastrand::Rng::with_seed(seed),
            unheard: HashMap::new(),
            failed: 0,
            sent: 0,
        };
        let network = Self { machine: Arc::clone(machine), state: Arc::new(Mutex::new(state)) };
        machine.set_transport(OwnTransport::new(network.clone()));
        network
    }

    /// Begins an outage at a time.
    pub(super) fn fail(&self, outage: Outage, from: Timestamp, time: Duration) {
        self.state().outage = Some((outage, from, from + time));
    }

    pub(super) fn sent(&self) -> usize {
        self.state().sent
    }

    /// The number of requests that met an outage since the last call.
    pub(super) fn take_failed(&self) -> usize {
        std::mem::take(&mut self.state().failed)
    }

    /// How often an export was started.
    pub(super) fn started(&self, id: &str) -> usize {
        self.state().service.exports().iter().filter(|export| export.source() == id).count()
    }

    /// How often an export was started by a submit without a response.
    pub(super) fn unheard(&self, id: &str) -> usize {
        self.state().unheard.get(id).copied().unwrap_or_default()
    }

    /// The file of an export.
    pub(super) fn file(&self, id: &str) -> Bytes {
        let exports = self.state().service.exports();
        let export = exports.iter().find(|export| export.source() == id);
        export.expect("it was exported").content().to_bytes().expect("it is generated")
    }

    fn outage(&self) -> Option<Outage> {
        let (outage, from, to) = self.state().outage?;
        (from..to).contains(&self.machine.now()).then_some(outage)
    }

    async fn latency(&self) {
        let millis = self.state().random.u64(20..800);
        sleep(Duration::from_millis(millis)).await;
    }

    async fn send(self, request: Request<Full<Bytes>>) -> io::Result<Response<Full<Bytes>>> {
        self.state().sent += 1;
        self.latency().await;
        if let Some(outage) = self.outage() {
            self.state().failed += 1;
            return outage.response();
        }
        let (response, started) = self.handle(request).await;
        self.latency().await;
        if self.outage() == Some(Outage::Refused) {
            let mut state = self.state();
            state.failed += 1;
            if let Some(id) = started {
                *state.unheard.entry(id).or_default() += 1;
            }
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(response)
    }

    /// The response of the service, and the export that it has started.
    async fn handle(
        &self,
        request: Request<Full<Bytes>>,
    ) -> (Response<Full<Bytes>>, Option<String>) {
        use http_body_util::BodyExt;

        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("it is in memory").to_bytes();
        let now = export_sim::Timestamp::from_millis(self.machine.now().as_millis());
        let service = &mut self.state().service;
        let before = service.exports().len();
        let response = service.handle(now, Request::from_parts(head, body));
        let started = service.exports().get(before).map(|export| export.source().to_owned());
        let response = response.deliver().expect("it is in memory").into_response();
        (response.expect("there are no faults").map(Full::new), started)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outage {
    fn response(self) -> io::Result<Response<Full<Bytes>>> {
        let (status, media_type, body) = match self {
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", "unavailable"),
            Self::Pages => (StatusCode::BAD_GATEWAY, "text/html", "<html>Bad gateway</html>"),
            Self::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
        };
        let response = Response::builder().status(status).header("content-type", media_type);
        Ok(response.body(Full::new(body.into())).expect("it is valid"))
    }

    /// What tells of it in the output.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Unavailable => "503",
            Self::Refused => "could not be sent",
            Self::Pages => "502",
        }
    }
}

impl Service<Request<Full<Bytes>>> for Network {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
