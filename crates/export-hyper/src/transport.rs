//! Requests out, heads and bodies in; and what a failure proves.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use export_core::{Failure, FailureKind};
use export_host::{TunnelError, tls_alert, tls_verdict};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as HttpBody;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout, timeout_at};

use crate::connector::{BoxError, Connector};
use crate::own_transport::OwnTransport;

/// A way to send requests: this crate's, or the caller's.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Pools(Box<Pools>),
    Own(OwnTransport),
}

/// Two pools of connections: one that is shared, and one that never keeps any.
#[derive(Clone)]
pub(crate) struct Pools {
    any: Client<Connector, Full<Bytes>>,
    fresh: Client<Connector, Full<Bytes>>,
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}

/// A body as it comes, whoever brings it.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Whether a request may go over a connection that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Any,
    Fresh,
}

/// The largest head that is read, in bytes, and how much is read at once. Twice as much at once is
/// slower: the other side then waits for this one to be done.
const LARGEST_HEAD: usize = 65_536;

impl Pools {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { any: pool(connector.clone(), usize::MAX), fresh: pool(connector, 0) }
    }
}

/// A pool that keeps so many idle connections to each host.
pub(crate) fn pool<B>(connector: Connector, idle: usize) -> Client<Connector, B>
where
    B: HttpBody<Data: Send> + Send,
{
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(idle)
        .http1_read_buf_exact_size(LARGEST_HEAD)
        .http2_max_header_list_size(LARGEST_HEAD as u32)
        .http2_adaptive_window(true)
        .build(connector)
}

impl Transport {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(
        &self,
        request: Request<Vec<u8>>,
        connection: Connection,
        give_up_at: Instant,
    ) -> Result<Response<Body>, Failure> {
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        let connected = capture_connection(&mut request);
        let sent = async {
            match self {
                Self::Own(own) => own.send(request).await,
                Self::Pools(pools) => {
                    let pool = match connection {
                        Connection::Any => &pools.any,
                        Connection::Fresh => &pools.fresh,
                    };
                    let response = pool.request(request).await.map_err(classify)?;
                    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
                }
            }
        };
        timeout_at(give_up_at, sent).await.unwrap_or_else(|_| {
            let kind = match self {
                Self::Pools(_) if connected.connection_metadata().is_none() => FailureKind::NotSent,
                _ => FailureKind::Unanswered,
            };
            Err(Failure::new(kind).with_detail("it took too long"))
        })
    }
}

/// The whole of a body, if it is not longer than `limit`.
pub(crate) async fn collect(
    mut body: Body,
    limit: usize,
    give_up_at: Instant,
) -> Result<Vec<u8>, Failure> {
    let mut collected = Vec::new();
    loop {
        let frame = timeout_at(give_up_at, next_chunk(&mut body)).await;
        let Ok(frame) = frame else { return Err(FailureKind::Stalled.into()) };
        let Some(chunk) = frame? else { return Ok(collected) };
        if chunk.len() > limit - collected.len() {
            return Err(FailureKind::TooLong.into());
        }
        collected.extend_from_slice(&chunk);
    }
}

/// The next piece of a body that may be silent for a while.
pub(crate) async fn next_within(
    body: &mut Body,
    stall: Duration,
) -> Result<Option<Bytes>, Failure> {
    match timeout(stall, next_chunk(body)).await {
        Ok(chunk) => chunk,
        Err(_) => Err(FailureKind::Stalled.into()),
    }
}

async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, Failure> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Failure::new(FailureKind::Cut).with_detail(innermost(&*error)));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// What an error of the transport proves about the request.
pub(crate) fn classify(error: Error) -> Failure {
    let untrusted = if error.is_connect() { tls_verdict(&error) } else { tls_alert(&error) };
    if let Some(reason) = untrusted {
        return Failure::new(FailureKind::Untrusted).with_detail(reason).with_source(error);
    }
    let kind = if error.is_connect() {
        let tunnel = causes(&error).find_map(|cause| cause.downcast_ref::<TunnelError>());
        tunnel.map_or(FailureKind::NotSent, TunnelError::kind)
    } else {
        match causes(&error).find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
            // It was taken back from a connection that had closed before.
            Some(error) if error.is_canceled() => FailureKind::NotSent,
            Some(error) if error.is_parse_too_large() => FailureKind::TooLong,
            _ => FailureKind::Unanswered,
        }
    };
    Failure::new(kind).with_detail(innermost(&error)).with_source(error)
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// What the first cause says: the outermost one alone says "client error".
fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
