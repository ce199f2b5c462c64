use std::future::pending;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::body::Outgoing;
use super::shared::Shared;
use super::wire::{Wire, WireState};
use crate::delivery::{Flow, Step};
use crate::service::LARGEST_BODY;
use crate::{Answer, Origin};

/// Serves a connection until one of the sides has had enough.
pub(super) async fn run(
    stream: TcpStream,
    origin: Origin,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    // Without it a client may wait for the last bytes of an answer; that costs time and nothing else.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return plain(stream, origin, shared).await };
    // A client that does not trust the certificate is none of the server's errors.
    let Ok(stream) = tls.accept(stream).await else { return };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    serve(stream, origin, protocol, shared).await;
}

/// Serves a connection without TLS.
pub(super) async fn plain<S>(stream: S, origin: Origin, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    serve(stream, origin, Protocol::Http1, shared).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

async fn serve<S>(stream: S, origin: Origin, protocol: Protocol, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (wire, state) = Wire::new(stream);
    let io = TokioIo::new(wire);
    let service = service_fn(move |request| answer(request, origin, shared.clone(), state.clone()));
    // A connection that breaks is the client's to notice, and often what a scenario asked for.
    let _ = match protocol {
        Protocol::Http1 => {
            // A client may take its time: under a paused clock any time-out would be over at once.
            http1::Builder::new().header_read_timeout(None).serve_connection(io, service).await
        }
        Protocol::Http2 => {
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(io, service)
                .await
        }
    };
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the request could not be read")]
    Request(#[from] hyper::Error),
    #[error("the scenario closes the connection")]
    Scenario,
    #[error("a file could not be read")]
    File(#[from] std::io::Error),
}

async fn answer(
    request: Request<Incoming>,
    origin: Origin,
    shared: Arc<Shared>,
    wire: Arc<WireState>,
) -> Result<Response<Outgoing>, Broken> {
    let version = request.version();
    let (mut parts, body) = request.into_parts();
    let body = read(body).await?;
    let all_read = body.len() <= LARGEST_BODY;
    parts.extensions.insert(origin);
    let request = Request::from_parts(parts, body);
    let answer = shared.service().handle(shared.now(), request);
    let mut response = deliver(answer, version, wire).await?;
    if !all_read && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Does what comes before the head, and leaves the rest to the body.
async fn deliver(
    answer: Answer,
    version: Version,
    wire: Arc<WireState>,
) -> Result<Response<Outgoing>, Broken> {
    let (response, delivery) = answer.into_parts();
    let (parts, payload) = response.into_parts();
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    // What HTTP/1.1 calls the end of the body hyper will not go beyond; the wire will.
    let behind = version < Version::HTTP_2 && length == Some(payload.len());
    let mut flow = Flow::new(payload, delivery);
    loop {
        match flow.step(0)? {
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Hang => pending().await,
            Step::Head => break,
            Step::Close | Step::End | Step::Send(_) => return Err(Broken::Scenario),
        };
    }
    Ok(Response::from_parts(parts, Outgoing::new(flow, wire, behind)))
}

/// Reads a body, of which no more is kept than shows that it is too large.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    // A client that still writes does not read: some of the surplus is taken, so that it sees the answer.
    let most = 4 * LARGEST_BODY;
    let mut kept = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read += data.len();
        let room = (LARGEST_BODY + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read > most {
            break;
        }
    }
    Ok(kept.freeze())
}
