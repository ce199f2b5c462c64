//! Sends the requests of the stores' clients over the program's connections.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use export_hyper::{Failure, FailureKind, HttpSender};
use futures_util::FutureExt;
use http::header::IF_NONE_MATCH;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::{RequestOutcome, StoreError, StoreResponse};
use crate::problem::Problem;
use crate::settings::{Settings, apply_headers};

/// Sends requests for a store's client with the program's TLS and proxy settings. Clones share the
/// connections.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    sender: HttpSender<TimedBody>,
    stall: Duration,
    allow_plain_http: bool,
}

tokio::task_local! {
    /// The outcome of the last request of the current operation. The errors of the store's client
    /// lack some of its facts, and quote whole response bodies.
    static LAST_OUTCOME: RefCell<Option<RequestOutcome>>;
}

/// Runs an operation of a store's client. An error is made from the outcome of its last request.
///
/// The client panics on some values that cannot be part of a request, such as a token with a line
/// break. That fails this operation, and not the other exports of a run.
pub(super) async fn run<T>(
    operation: impl Future<Output = object_store::Result<T>>,
) -> Result<T, StoreError> {
    let run = async {
        match AssertUnwindSafe(operation).catch_unwind().await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(StoreError::new(LAST_OUTCOME.with(RefCell::take), &error)),
            Err(panic) => Err(StoreError::panicked(&*panic)),
        }
    };
    LAST_OUTCOME.scope(RefCell::default(), run).await
}

/// The longest response body that is read, in **bytes**: objects are never downloaded, and other
/// responses are short.
const MAX_RESPONSE: usize = 1_048_576;

impl Transport {
    pub(super) fn new(settings: &Settings) -> Result<Self, Problem> {
        let refuse = |error: &dyn fmt::Display| Problem::usage(error.to_string());
        let tls = settings.tls();
        let rules = settings.proxy.value.rules().map_err(|error| refuse(&error))?;
        let rules = rules.with_direct(METADATA_SERVICES);
        Ok(Self {
            sender: HttpSender::new(&tls, rules).map_err(|error| refuse(&error))?,
            stall: settings.stall_timeout.value.0,
            allow_plain_http: false,
        })
    }

    async fn exchange(&self, request: Request<HttpRequestBody>) -> Result<HttpResponse, Failure> {
        let (mut head, body) = request.into_parts();
        apply_headers(&mut head.headers);
        if head.uri.scheme_str() != Some("https") && !self.allow_plain_http {
            let detail = "plain http is not allowed";
            return Err(Failure::new(FailureKind::Untrusted).with_detail(detail));
        }
        let progress = BodyProgress::default();
        let is_conditional = head.headers.contains_key(IF_NONE_MATCH);
        let request = Request::from_parts(head, TimedBody { body, progress: progress.clone() });
        let response = self.until_stalled(&progress, self.sender.send(request)).await?;
        let (mut head, body) = response.into_parts();
        let body = self.collect(body).await?;
        let header = |name| head.headers.get(name)?.to_str().ok().map(String::from);
        let response = StoreResponse {
            status: head.status.as_u16(),
            request_id: REQUEST_IDS.into_iter().find_map(header),
            code: header("x-ms-error-code"),
            region: header("x-amz-bucket-region"),
            is_conditional,
            body: body.clone(),
        };
        if let Ok(status) = StatusCode::from_u16(response.status_for_client()) {
            head.status = status;
        }
        record(RequestOutcome::Response(response));
        Ok(Response::from_parts(head, body.into()))
    }

    /// Waits for a response until no part of the request's body was sent for the stall timeout.
    async fn until_stalled<T>(
        &self,
        progress: &BodyProgress,
        response: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut response = pin!(response);
        loop {
            let give_up_at = progress.last() + self.stall;
            match timeout_at(give_up_at, &mut response).await {
                Ok(result) => return result,
                Err(_) if progress.last() + self.stall > give_up_at => {}
                Err(_) => return Err(Failure::new(FailureKind::Stalled)),
            }
        }
    }

    async fn collect<B>(&self, mut body: B) -> Result<Bytes, Failure>
    where
        B: Body<Data = Bytes, Error: StdError + Send + Sync + 'static> + Unpin,
    {
        let mut collected = Vec::new();
        loop {
            let frame = timeout(self.stall, body.frame()).await;
            match frame.map_err(|_| Failure::new(FailureKind::Stalled))? {
                None => return Ok(collected.into()),
                Some(Err(error)) => {
                    return Err(Failure::new(FailureKind::Cut).with_source(error));
                }
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    if data.len() > MAX_RESPONSE - collected.len() {
                        return Err(Failure::new(FailureKind::TooLong));
                    }
                    collected.extend_from_slice(&data);
                }
            }
        }
    }
}

/// The metadata services of cloud machines, which issue credentials. Requests to them use no proxy:
/// they are reachable from the machine itself only.
const METADATA_SERVICES: &str = "169.254.0.0/16,fe80::/10,fd00:ec2::/32,metadata.google.internal";

/// The headers with the id by which the support of S3, Google Cloud Storage and Azure finds a
/// request.
const REQUEST_IDS: [&str; 3] = ["x-amz-request-id", "x-guploader-uploadid", "x-ms-request-id"];

fn record(outcome: RequestOutcome) {
    // Fails outside of an operation: a client may renew its credentials in a task of its own.
    let _ = LAST_OUTCOME.try_with(|last| last.replace(Some(outcome)));
}

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        let allow_plain_http = allowed.as_deref() == Some("true");
        Ok(HttpClient::new(Self { allow_plain_http, ..self.clone() }))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.exchange(request).await.map_err(|failure| {
            record(RequestOutcome::Failed(failure.clone()));
            // The client decides by the kind whether to retry.
            let kind = match failure.kind() {
                FailureKind::NotSent => HttpErrorKind::Connect,
                FailureKind::Unanswered | FailureKind::Cut => HttpErrorKind::Interrupted,
                FailureKind::Stalled => HttpErrorKind::Timeout,
                _ => HttpErrorKind::Unknown,
            };
            HttpError::new(kind, failure)
        })
    }
}

/// When the last part of a body was sent.
#[derive(Clone, Debug)]
struct BodyProgress(Arc<Mutex<Instant>>);

impl Default for BodyProgress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl BodyProgress {
    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that records when its parts are sent.
#[derive(Debug)]
struct TimedBody {
    body: HttpRequestBody,
    progress: BodyProgress,
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        *self.progress.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
