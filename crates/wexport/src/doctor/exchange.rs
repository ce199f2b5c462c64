//! One request and its answer, over a connection of its own.

use std::io;

use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::walk::{Line, within};
use crate::settings::apply_headers;

/// As much of a body as is read, in **bytes**.
const MOST_READ: usize = 65_536;

/// Sends a request to the service, and reads the answer, or as much of it as matters.
pub(super) async fn exchange(
    line: &Line,
    request: Request<Vec<u8>>,
) -> io::Result<Response<Vec<u8>>> {
    let wire = line.open().await?;
    within(line.route.within, async {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(wire)).await.map_err(io::Error::other)?;
        let answered = async {
            let response =
                sender.send_request(prepared(request)).await.map_err(io::Error::other)?;
            let (head, mut body) = response.into_parts();
            let mut read = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
                read.extend_from_slice(&data[..data.len().min(MOST_READ - read.len())]);
                if read.len() == MOST_READ {
                    break;
                }
            }
            Ok(Response::from_parts(head, read))
        };
        // The connection is driven for as long as the answer is read.
        tokio::pin!(answered, connection);
        tokio::select! {
            answer = &mut answered => answer,
            ended = &mut connection => match ended {
                Ok(()) => answered.await,
                Err(error) => Err(io::Error::other(error)),
            },
        }
    })
    .await
}

/// The request as it goes over a connection that is made already.
fn prepared(mut request: Request<Vec<u8>>) -> Request<Full<Bytes>> {
    apply_headers(request.headers_mut());
    let uri = request.uri().clone();
    let host = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    request.headers_mut().extend(host.map(|host| (HOST, host)));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().unwrap_or_default();
    request.map(|body| Full::new(body.into()))
}
