//! A custom transport.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use export_core::{Failure, FailureKind};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;
use tower_service::Service;

use crate::connector::BoxError;
use crate::transport::{Body, connection_kind, kind_of_any};

/// A custom transport, such as a stack of `tower` layers, a pool that other code uses as well, or a
/// test double.
///
/// It must not follow redirects, decompress bodies, or buffer whole bodies in memory. It should not
/// send a request again: the client does, and knows which ones may be sent twice. Settings for TLS and
/// proxies do not apply to it.
///
/// A stack whose errors are boxed:
///
/// ```
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use export_hyper::{Client, Credentials, OwnTransport};
/// use http_body_util::Full;
/// use hyper_util::client::legacy::Client as Pool;
/// use hyper_util::rt::TokioExecutor;
/// use tower::timeout::Timeout;
///
/// let pool: Pool<_, Full<Bytes>> = Pool::builder(TokioExecutor::new()).build_http();
/// let client = Client::builder()
///     .credentials(Credentials::token("eyJhbGciOi"))
///     .transport(OwnTransport::new(Timeout::new(pool, Duration::from_secs(20))))
///     .build()?;
/// # Ok::<(), export_hyper::BuildError>(())
/// ```
///
/// A service of one's own:
///
/// ```
/// use bytes::Bytes;
/// use export_hyper::{Client, Credentials, OwnTransport};
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower_service::Service;
///
/// # use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
/// #[derive(Clone)]
/// struct Unavailable;
///
/// impl Service<Request<Full<Bytes>>> for Unavailable {
///     type Response = Response<Full<Bytes>>;
///     type Error = Infallible;
///     type Future = Ready<Result<Self::Response, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
///         let mut response = Response::default();
///         *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
///         ready(Ok(response))
///     }
/// }
///
/// let client = Client::builder()
///     .credentials(Credentials::token("eyJhbGciOi"))
///     .transport(OwnTransport::new(Unavailable))
///     .build()?;
/// # Ok::<(), export_hyper::BuildError>(())
/// ```
#[derive(Clone)]
pub struct OwnTransport(Arc<dyn DynTransport>);

impl OwnTransport {
    /// Sends requests with this service. An error of `poll_ready` proves that the request was not sent.
    /// Those of `call` are classified by what is known among their sources: errors of hyper,
    /// hyper-util, h2 and rustls, and connections that were refused. After any other error, such as
    /// the timeout of a layer, the request may have arrived: [`FailureKind::Unanswered`].
    #[must_use]
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::with_failure(service, |error, stage| {
            let error: BoxError = error.into();
            let kind = match stage {
                Stage::Ready => connection_kind(&*error),
                Stage::Called => kind_of_any(&*error),
            };
            Failure::new(kind).with_boxed_source(error)
        })
    }

    /// Sends requests with this service. `classify` maps its errors, above all those that prove
    /// that a request was not sent.
    ///
    /// ```
    /// use export_hyper::{FailureKind, OwnTransport};
    /// use tower::load_shed::{LoadShed, error::Overloaded};
    ///
    /// # type Pool = hyper_util::client::legacy::Client<
    /// #     hyper_util::client::legacy::connect::HttpConnector, http_body_util::Full<bytes::Bytes>>;
    /// # fn example(pool: Pool) -> OwnTransport {
    /// OwnTransport::with_classify(LoadShed::new(pool), |error| match error.is::<Overloaded>() {
    ///     true => FailureKind::NotSent,
    ///     false => FailureKind::Unanswered,
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn with_classify<S, B, C>(service: S, classify: C) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        C: Fn(&S::Error) -> FailureKind + Send + Sync + 'static,
    {
        Self::with_failure(service, move |error, _| {
            let kind = classify(&error);
            Failure::new(kind).with_boxed_source(error.into())
        })
    }

    fn with_failure<S, B, F>(service: S, failure: F) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        F: Fn(S::Error, Stage) -> Failure + Send + Sync + 'static,
    {
        let service = Mutex::new(service);
        Self(Arc::new(ClassifiedService { service, failure: Arc::new(failure) }))
    }

    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> Sending {
        self.0.send(request)
    }
}

impl fmt::Debug for OwnTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnTransport")
    }
}

type Sending = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

/// A service with erased types.
trait DynTransport: Send + Sync {
    fn send(&self, request: Request<Full<Bytes>>) -> Sending;
}

struct ClassifiedService<S, F> {
    /// Locked to clone it: a service need not be `Sync`.
    service: Mutex<S>,
    failure: Arc<F>,
}

/// Which part of a service has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ready,
    Called,
}

impl<S, B, F> DynTransport for ClassifiedService<S, F>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    F: Fn(S::Error, Stage) -> Failure + Send + Sync + 'static,
{
    fn send(&self, request: Request<Full<Bytes>>) -> Sending {
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failure = Arc::clone(&self.failure);
        Box::pin(async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await;
            ready.map_err(|error| failure(error, Stage::Ready))?;
            let response = service.call(request).await;
            let response = response.map_err(|error| failure(error, Stage::Called))?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}
