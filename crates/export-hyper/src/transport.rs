//! Sends requests, reads responses, and classifies failures.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use export_core::driver::RequestInfo;
use export_core::{Failure, FailureKind};
use export_host::{
    TlsError, TunnelError, find_cause, root_cause, tls_alert, tls_verdict, unsent_kind,
};
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

/// The transport of this crate, or a custom one.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Pools(Box<Pools>),
    Own(OwnTransport),
}

/// Two pools of connections: one that reuses connections, and one that does not.
#[derive(Clone)]
pub(crate) struct Pools {
    reused: Client<Connector, Full<Bytes>>,
    fresh: Client<Connector, Full<Bytes>>,
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}

/// The body of a response, from any transport.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The largest head, and the size of the read buffer, in **bytes**. A buffer of twice that size was
/// slower, since the server waited for the client to empty it.
const LARGEST_HEAD: usize = 65_536;

impl Pools {
    /// Pools of which the first keeps at most `idle` idle connections to each host.
    pub(crate) fn new(connector: Connector, idle: usize) -> Self {
        Self { reused: pool(connector.clone(), idle), fresh: pool(connector, 0) }
    }
}

/// A pool that keeps at most `idle` idle connections to each host.
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
    /// Sends a request and waits for the head of its response. `info` is `None` for a request that is not
    /// one of a job.
    pub(crate) async fn send(
        &self,
        request: Request<Vec<u8>>,
        info: Option<RequestInfo>,
        give_up_at: Instant,
    ) -> Result<Response<Body>, Failure> {
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        let connected = capture_connection(&mut request);
        let sent = async {
            match self {
                Self::Own(own) => {
                    // For the layers of the transport. A pool of this crate has none.
                    if let Some(info) = info {
                        request.extensions_mut().insert(info);
                    }
                    own.send(request).await
                }
                Self::Pools(pools) => {
                    let wants_fresh = info.is_some_and(|info| info.wants_fresh_connection());
                    let pool = if wants_fresh { &pools.fresh } else { &pools.reused };
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
            Err(Failure::new(kind).with_detail("timed out"))
        })
    }
}

/// Reads a body of at most `limit` bytes.
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

/// Reads the next piece of a body. Fails if none arrives within `stall`.
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
                return Err(Failure::new(FailureKind::Cut).with_detail(root_cause(&*error)));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Classifies an error by what it proves about the request.
pub(crate) fn classify(error: Error) -> Failure {
    if error.is_connect() {
        return classify_connection(error.into());
    }
    let alert = tls_alert(&error);
    let detail = alert.unwrap_or_else(|| match find_cause::<hyper::Error>(&error) {
        Some(error) if error.is_incomplete_message() => "the connection was closed".into(),
        _ => root_cause(&error),
    });
    Failure::new(request_kind(&error)).with_detail(detail).with_source(error)
}

/// Classifies an error of the connector, as [`classify`] does when a request needs the connection.
pub(crate) fn classify_connection(error: BoxError) -> Failure {
    // Without certificate authorities no server is trusted: as final as an untrusted server.
    let no_tls = find_cause::<TlsError>(&*error).map(TlsError::to_string);
    let verdict = no_tls.or_else(|| tls_verdict(&*error));
    let kind = connection_kind(&*error);
    let detail = verdict.unwrap_or_else(|| root_cause(&*error));
    Failure::new(kind).with_detail(detail).with_boxed_source(error)
}

/// What an error of any transport proves about a request that was handed to it, as far as its
/// sources are known.
pub(crate) fn kind_of_any(error: &(dyn StdError + 'static)) -> FailureKind {
    if let Some(kind) = unsent_kind(error) {
        return kind;
    }
    match find_cause::<Error>(error) {
        Some(pool) if pool.is_connect() => connection_kind(error),
        _ => request_kind(error),
    }
}

/// What an error proves about a request, if there was no connection.
pub(crate) fn connection_kind(error: &(dyn StdError + 'static)) -> FailureKind {
    if find_cause::<TlsError>(error).is_some() || tls_verdict(error).is_some() {
        return FailureKind::Untrusted;
    }
    find_cause::<TunnelError>(error).map_or(FailureKind::NotSent, TunnelError::kind)
}

/// What an error proves about a request, if there was a connection.
fn request_kind(error: &(dyn StdError + 'static)) -> FailureKind {
    if tls_alert(error).is_some() {
        return FailureKind::Untrusted;
    }
    match find_cause::<hyper::Error>(error) {
        _ if find_cause(error).is_some_and(is_unprocessed) => FailureKind::NotSent,
        // hyper had not sent it yet when the connection was closed.
        Some(error) if error.is_canceled() => FailureKind::NotSent,
        Some(error) if error.is_parse_too_large() => FailureKind::TooLong,
        _ => FailureKind::Unanswered,
    }
}

/// Whether the server has not processed a request, and says so.
///
/// **Source:** RFC 9113, 8.7: it refuses the stream, or announces to close the connection after an
/// earlier one. For a later stream, h2 returns the server's GOAWAY; for one that the server may have
/// processed, the end of the connection.
fn is_unprocessed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}
