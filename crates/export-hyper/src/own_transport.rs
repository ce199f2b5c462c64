//! A custom transport.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use export_core::{Failure, FailureKind};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;
use tower_service::Service;

use crate::connector::BoxError;
use crate::transport::Body;

/// A custom transport, such as a stack of `tower` layers, a pool that other code uses as well, or a
/// test double.
///
/// It must not follow redirects, decompress bodies, or buffer whole bodies in memory. Settings for
/// TLS and proxies do not apply to it.
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
    /// Sends requests with this service. Its errors are unknown, so that the request may have
    /// arrived after each of them: [`FailureKind::Unanswered`].
    #[must_use]
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: StdError + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::with_classify(service, |_| FailureKind::Unanswered)
    }

    /// Sends requests with this service. `classify` maps its errors, above all those that prove
    /// that a request was not sent.
    #[must_use]
    pub fn with_classify<S, B, C>(service: S, classify: C) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: StdError + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        C: Fn(&S::Error) -> FailureKind + Send + Sync + 'static,
    {
        Self(Arc::new(ClassifiedService { service, classify: Arc::new(classify) }))
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

struct ClassifiedService<S, C> {
    service: S,
    classify: Arc<C>,
}

impl<S, B, C> DynTransport for ClassifiedService<S, C>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: StdError + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    C: Fn(&S::Error) -> FailureKind + Send + Sync + 'static,
{
    fn send(&self, request: Request<Full<Bytes>>) -> Sending {
        let (mut service, classify) = (self.service.clone(), Arc::clone(&self.classify));
        Box::pin(async move {
            let sent = async {
                poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            };
            let response =
                sent.await.map_err(|error| Failure::new(classify(&error)).with_source(error))?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}
