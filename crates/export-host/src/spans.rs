//! Records the events of a job as `tracing` spans: one for the operation, and in it one for each
//! request and each wait.

use export_core::Event;
use tracing::field::{Empty, display};
use tracing::{Span, debug_span, info_span};

/// The spans of one job. Fields have the names of OpenTelemetry's semantic conventions for HTTP
/// (1.23 and later), if it has one.
#[derive(Debug)]
pub(crate) struct Spans {
    operation: Span,
    /// The span of the current request or wait.
    inner: Option<Span>,
}

impl Spans {
    pub(crate) fn new() -> Self {
        let operation = info_span!(
            "export",
            operation.url = Empty,
            operation.status = Empty,
            sunset.days_left = Empty
        );
        Self { operation, inner: None }
    }

    pub(crate) fn observe(&mut self, event: &Event) {
        match event {
            Event::Sending { phase, method, url, .. } => {
                self.inner = None;
                self.inner = Some(info_span!(
                    parent: &self.operation,
                    "request",
                    export.phase = %phase,
                    http.request.method = %method,
                    url.full = %url,
                    http.response.status_code = Empty,
                    http.response.header.retry_after = Empty,
                    workiva.request_id = Empty,
                    error.type = Empty,
                ));
            }
            Event::Response { status, retry_after, request_id, .. } => {
                let span = self.current();
                span.record("http.response.status_code", status.as_u16());
                if let Some(wait) = retry_after {
                    span.record("http.response.header.retry_after", wait.as_secs());
                }
                if let Some(Ok(id)) = request_id.as_ref().map(|id| id.to_str()) {
                    span.record("workiva.request_id", id);
                }
            }
            Event::Failed { kind, .. } => {
                self.current().record("error.type", tracing::field::debug(kind));
            }
            Event::Accepted { operation, .. } => {
                self.operation.record("operation.url", display(operation));
            }
            Event::Status { status, .. } => {
                self.operation.record("operation.status", status.as_str());
            }
            Event::Waiting { at, until, why, .. } => {
                self.inner = None;
                self.inner = Some(debug_span!(
                    parent: &self.operation,
                    "wait",
                    wait.milliseconds = until.since(*at).as_millis() as u64,
                    wait.why = ?why,
                ));
            }
            Event::Sunset { notice, .. } => {
                self.operation.record("sunset.days_left", notice.days_left);
            }
            _ => {}
        }
    }

    fn current(&self) -> &Span {
        self.inner.as_ref().unwrap_or(&self.operation)
    }
}
