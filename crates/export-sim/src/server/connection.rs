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

use super::Shared;
use super::body::ResponseBody;
use super::stream::{FaultyStream, Resettable, StreamState};
use crate::delivery::{Action, DeliverySteps, Step};
use crate::faults::ConnectionFault;
use crate::service::MAX_BODY;
use crate::{Origin, SimResponse};

/// Serves a connection until it ends.
pub(super) async fn run(
    stream: TcpStream,
    origin: Origin,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    // With Nagle's algorithm the last bytes of a response may be delayed. A failure costs only time.
    let _ = stream.set_nodelay(true);
    let fault = shared.service().next_connection_fault(origin);
    if let Some(fault) = fault {
        return fail(stream, fault).await;
    }
    let Some(tls) = tls else { return serve(stream, origin, Protocol::Http1, shared).await };
    // A client that rejects the certificate is not an error of the server.
    let Ok(stream) = tls.accept(stream).await else { return };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    serve(stream, origin, protocol, shared).await;
}

/// Serves an in-memory connection, without TLS.
pub(super) async fn run_in_memory(stream: DuplexStream, origin: Origin, shared: Arc<Shared>) {
    let fault = shared.service().next_connection_fault(origin);
    match fault {
        Some(fault) => fail(stream, fault).await,
        None => serve(stream, origin, Protocol::Http1, shared).await,
    }
}

/// Waits for the first bytes of the client, then applies the fault.
async fn fail<S>(mut stream: S, fault: ConnectionFault)
where
    S: AsyncRead + AsyncWrite + Resettable + Unpin,
{
    let mut buffer = [0; 16 * 1024];
    if !stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        return;
    }
    match fault {
        ConnectionFault::Close => {}
        ConnectionFault::Reset => stream.reset_when_dropped(),
        // Until the client closes the connection.
        ConnectionFault::Hang => while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
        ConnectionFault::Garbage => {
            let greeting = b"220 mail.example.net ESMTP\r\n\r\n";
            // Fails if the client has closed the connection.
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
    let (stream, state) = FaultyStream::new(stream);
    let io = TokioIo::new(stream);
    let service =
        service_fn(move |request| respond(request, origin, shared.clone(), state.clone()));
    // Broken connections are not reported: the client notices, and scenarios cause them on purpose.
    let _ = match protocol {
        Protocol::Http1 => {
            // No timeout: under a paused clock it would expire at once.
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

/// Why a connection ends without a response.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("cannot read the request")]
    Request(#[from] hyper::Error),
    #[error("the scenario closes the connection")]
    Scenario,
    #[error("cannot read a file")]
    File(#[from] std::io::Error),
}

async fn respond(
    request: Request<Incoming>,
    origin: Origin,
    shared: Arc<Shared>,
    stream: Arc<StreamState>,
) -> Result<Response<ResponseBody>, ServeError> {
    let version = request.version();
    let (mut parts, body) = request.into_parts();
    let is_early = shared.service().responds_early(origin, parts.uri.path());
    let body = if is_early { Bytes::new() } else { read(body).await? };
    let all_read = body.len() <= MAX_BODY;
    parts.extensions.insert(origin);
    let request = Request::from_parts(parts, body);
    let response = shared.service().handle(shared.now(), request);
    let mut response = deliver(response, version, stream, shared).await?;
    if (is_early || !all_read) && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Takes the delivery steps before the head, and leaves the rest to the body.
async fn deliver(
    response: SimResponse,
    version: Version,
    stream: Arc<StreamState>,
    shared: Arc<Shared>,
) -> Result<Response<ResponseBody>, ServeError> {
    let (response, mut delivery) = response.into_parts();
    let (mut parts, payload) = response.into_parts();
    if version >= Version::HTTP_2 {
        delivery = delivery.with_head_actions_before_head();
    } else if !delivery.head.is_empty() {
        let faults = std::mem::take(&mut delivery.head);
        if faults.http10 {
            parts.version = Version::HTTP_10;
            delivery.at_end(Action::Close);
        }
        stream.change_next_head(faults);
    }
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    // hyper does not write beyond the declared length in HTTP/1.1; the stream does.
    let surplus_after_message = version < Version::HTTP_2 && length == Some(payload.len());
    let end = delivery.end().filter(|_| version < Version::HTTP_2);
    let mut steps = DeliverySteps::new(payload, delivery);
    loop {
        match steps.next_step(0)? {
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Hang => pending().await,
            Step::Head => break,
            Step::Reset => {
                stream.reset();
                return Err(ServeError::Scenario);
            }
            Step::Close | Step::End | Step::Send(_) => return Err(ServeError::Scenario),
        };
    }
    let body = ResponseBody::new(steps, stream, shared, surplus_after_message, end);
    Ok(Response::from_parts(parts, body))
}

/// Reads a request body. Of a body that is too large, only as much is kept as shows that it is.
async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    // A client that is still writing does not read the response: read some of the excess first.
    let max_read = 4 * MAX_BODY;
    let mut kept = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read += data.len();
        let room = (MAX_BODY + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read > max_read {
            break;
        }
    }
    Ok(kept.freeze())
}
