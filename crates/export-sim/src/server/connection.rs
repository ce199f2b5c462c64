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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::body::Outgoing;
use super::shared::Shared;
use super::wire::{Resettable, Wire, WireState};
use crate::delivery::{Act, Flow, Step};
use crate::faults::Refusal;
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
    let refusal = shared.service().refuses(origin);
    if let Some(refusal) = refusal {
        return refuse(stream, refusal).await;
    }
    let Some(tls) = tls else { return serve(stream, origin, Protocol::Http1, shared).await };
    // A client that does not trust the certificate is none of the server's errors.
    let Ok(stream) = tls.accept(stream).await else { return };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    serve(stream, origin, protocol, shared).await;
}

/// Serves a connection without a socket and without TLS.
pub(super) async fn inside(stream: DuplexStream, origin: Origin, shared: Arc<Shared>) {
    let refusal = shared.service().refuses(origin);
    match refusal {
        Some(refusal) => refuse(stream, refusal).await,
        None => serve(stream, origin, Protocol::Http1, shared).await,
    }
}

/// Waits for the client's first words, and does with the connection what the scenario says.
async fn refuse<S>(mut stream: S, refusal: Refusal)
where
    S: AsyncRead + AsyncWrite + Resettable + Unpin,
{
    let mut words = [0; 16 * 1024];
    if !stream.read(&mut words).await.is_ok_and(|read| read > 0) {
        return;
    }
    match refusal {
        Refusal::Close => {}
        Refusal::Reset => stream.reset_when_dropped(),
        // Until the client has had enough.
        Refusal::Hang => while stream.read(&mut words).await.is_ok_and(|read| read > 0) {},
        Refusal::Babble => {
            let greeting = b"220 mail.example.net ESMTP\r\n\r\n";
            // The client may have hung up.
            let _ = stream.write_all(greeting).await;
            let _ = stream.shutdown().await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

async fn serve<S>(stream: S, origin: Origin, protocol: Protocol, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Resettable + Send + Unpin + 'static,
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
    let is_early = shared.service().answers_early(origin, parts.uri.path());
    let body = if is_early { Bytes::new() } else { read(body).await? };
    let all_read = body.len() <= LARGEST_BODY;
    parts.extensions.insert(origin);
    let request = Request::from_parts(parts, body);
    let answer = shared.service().handle(shared.now(), request);
    let mut response = deliver(answer, version, wire).await?;
    if (is_early || !all_read) && version < Version::HTTP_2 {
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
    let (response, mut delivery) = answer.into_parts();
    let (mut parts, payload) = response.into_parts();
    if version >= Version::HTTP_2 {
        delivery = delivery.without_bytes_of_the_head();
    } else if !delivery.head.is_plain() {
        let plan = std::mem::take(&mut delivery.head);
        if plan.http10 {
            parts.version = Version::HTTP_10;
            delivery.at_end(Act::Close);
        }
        wire.change_head(plan);
    }
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    // What HTTP/1.1 calls the end of the body hyper will not go beyond; the wire will.
    let behind = version < Version::HTTP_2 && length == Some(payload.len());
    let end = delivery.end().filter(|_| version < Version::HTTP_2);
    let mut flow = Flow::new(payload, delivery);
    loop {
        match flow.step(0)? {
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Hang => pending().await,
            Step::Head => break,
            Step::Reset => {
                wire.reset();
                return Err(Broken::Scenario);
            }
            Step::Close | Step::End | Step::Send(_) => return Err(Broken::Scenario),
        };
    }
    Ok(Response::from_parts(parts, Outgoing::new(flow, wire, behind, end)))
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
