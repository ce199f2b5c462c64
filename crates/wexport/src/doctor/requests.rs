//! The requests of the checks, over the connections of exports.

use std::time::Duration;

use bytes::Bytes;
use export_hyper::{Failure, HttpSender};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;

use crate::settings::apply_headers;

/// Sends requests to the service, each within a timeout. Follows no redirect.
#[derive(Debug)]
pub(super) struct Requests {
    sender: HttpSender<Full<Bytes>>,
    request_timeout: Duration,
}

/// The longest prefix of a body that is read, in **bytes**.
const MAX_BODY: usize = 65_536;

impl Requests {
    pub(super) const fn new(sender: HttpSender<Full<Bytes>>, request_timeout: Duration) -> Self {
        Self { sender, request_timeout }
    }

    /// Sends a request, and reads at most [`MAX_BODY`] of its response. An error is the reason why
    /// there is no response.
    pub(super) async fn send(
        &self,
        mut request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, String> {
        apply_headers(request.headers_mut());
        let exchange = self.exchange(request.map(|body| Full::new(body.into())));
        let exchanged = timeout(self.request_timeout, exchange).await;
        exchanged.unwrap_or_else(|_| Err(format!("timed out after {:?}", self.request_timeout)))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, String> {
        let response = self.sender.send(request).await.map_err(|failure| reason(&failure))?;
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
            bytes.extend_from_slice(&data[..data.len().min(MAX_BODY - bytes.len())]);
            if bytes.len() == MAX_BODY {
                break;
            }
        }
        Ok(Response::from_parts(head, bytes))
    }
}

/// Why a connection or a request failed, without the kind of failure.
pub(super) fn reason(failure: &Failure) -> String {
    failure.detail().map_or_else(|| failure.to_string(), String::from)
}
