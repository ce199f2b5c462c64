//! A caller's own way to send requests.

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

/// A transport that the caller has: a stack of `tower` layers, a pool that other code uses too, a
/// double in a test.
///
/// It must not follow redirects, and must leave bodies as they are: not decompressed, not whole
/// in memory. Settings for TLS and proxies are its own affair.
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
pub struct OwnTransport(Arc<dyn Carry>);

impl OwnTransport {
    /// Sends by this service. Nothing is known of its errors, so that each may mean that the
    /// request arrived: [`FailureKind::Unanswered`].
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

    /// Sends by this service, whose errors `classify` tells apart: above all those that prove
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
        Self(Arc::new(Classified { service, classify: Arc::new(classify) }))
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

/// A service whose types are forgotten.
trait Carry: Send + Sync {
    fn send(&self, request: Request<Full<Bytes>>) -> Sending;
}

struct Classified<S, C> {
    service: S,
    classify: Arc<C>,
}

impl<S, B, C> Carry for Classified<S, C>
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
