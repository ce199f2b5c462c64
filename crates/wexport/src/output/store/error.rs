//! Errors of object stores.

use std::any::Any;

use bytes::Bytes;
use export_hyper::{Failure, FailureKind};

use crate::problem::{Exit, Problem};

/// Why an operation of a store failed.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The store responded with an error status.
    Refused {
        status: u16,
        code: Option<String>,
        message: Option<String>,
        request_id: Option<String>,
    },
    /// The store was not reached, or did not respond.
    Failed(Failure),
    /// Nothing was sent, or the response is invalid.
    Other(String),
}

/// The outcome of a request to a store.
#[derive(Clone, Debug)]
pub(super) enum RequestOutcome {
    Response(StoreResponse),
    Failed(Failure),
}

/// A response of a store.
#[derive(Clone, Debug)]
pub(super) struct StoreResponse {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    pub(super) body: Bytes,
}

/// The longest text of a store that is shown, in **characters**.
const MAX_TEXT: usize = 300;

impl StoreError {
    /// Makes the error of an operation from the outcome of its last request, or else from the error
    /// of the store's client.
    pub(super) fn new(last: Option<RequestOutcome>, error: &object_store::Error) -> Self {
        match last {
            Some(RequestOutcome::Failed(failure)) => Self::Failed(failure),
            Some(RequestOutcome::Response(response)) if response.status >= 300 => {
                Self::refused(response)
            }
            _ => Self::Other(sanitize(&error.to_string())),
        }
    }

    fn refused(response: StoreResponse) -> Self {
        let body = String::from_utf8_lossy(&response.body);
        Self::Refused {
            status: response.status,
            code: xml_element(&body, "Code"),
            message: xml_element(&body, "Message"),
            request_id: response.request_id.as_deref().map(sanitize),
        }
    }

    /// The error for a panic of the store's client.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let text = sanitize(text);
        Self::Other(format!("the request could not be made ({text}): check the store's settings"))
    }

    /// The error for an object that was created while its upload was in progress.
    pub(super) const fn taken() -> Self {
        Self::Refused { status: 412, code: None, message: None, request_id: None }
    }

    const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Failed(_) | Self::Other(_) => None,
        }
    }

    /// Whether an object exists, or is being created at the same time.
    pub(super) const fn is_taken(&self) -> bool {
        matches!(self.status(), Some(409 | 412))
    }

    /// Whether the object, the upload or the bucket does not exist.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self.status(), Some(404))
    }

    /// Whether the credentials do not allow the operation.
    pub(super) const fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Turns the error into a problem. `operation` names what failed: `the upload to s3://b/k`.
    pub(super) fn explain(self, operation: &str) -> Problem {
        let mut problem = match self {
            Self::Refused { status, code, message, request_id } => {
                let what = format!("{operation} was refused with {status}");
                let mut problem = Problem::new(exit_of(status), what);
                problem = match (status, code.as_deref()) {
                    (_, Some("NoSuchBucket" | "ContainerNotFound")) => {
                        problem.advise("create the bucket, or check its name and the region")
                    }
                    (301 | 307 | 308 | 400, _) => problem
                        .advise("check AWS_REGION and AWS_ENDPOINT_URL: see `wexport help stores`"),
                    (401 | 403, _) => {
                        problem.advise("check the store's credentials, and that they allow writing")
                    }
                    _ => problem,
                };
                let facts = &mut problem.facts;
                (facts.status, facts.code) = (Some(status), code);
                (facts.service_message, facts.request_id) = (message, request_id);
                problem
            }
            Self::Failed(failure) => {
                let exit = match failure.kind() {
                    FailureKind::NotSent | FailureKind::Untrusted => Exit::Network,
                    _ => Exit::GaveUp,
                };
                let problem = Problem::new(exit, format!("{operation}: {failure}"));
                match failure.kind() {
                    FailureKind::Untrusted => problem
                        .advise("behind a proxy that inspects TLS, pass its CA with --ca-bundle"),
                    _ => problem.advise("check the network, --proxy and NO_PROXY"),
                }
            }
            Self::Other(text) => Problem::new(Exit::Local, format!("{operation}: {text}")),
        };
        problem.facts.phase = Some("upload".into());
        problem
    }
}

/// The exit code for an error status.
const fn exit_of(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::Unauthorized,
        429 | 500.. => Exit::GaveUp,
        _ => Exit::Local,
    }
}

/// The text of an element of an error response, which is XML for all stores.
fn xml_element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(sanitize(text)).filter(|text| !text.is_empty())
}

/// Truncates a text of a store, and removes control characters, so that it can be shown.
fn sanitize(text: &str) -> String {
    let legal = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    legal.take(MAX_TEXT).collect::<String>().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &'static str) -> Problem {
        let response = StoreResponse { status, request_id: None, body: body.into() };
        StoreError::refused(response).explain("the upload to s3://b/k")
    }

    #[test]
    fn only_code_and_message_of_a_response_are_shown() {
        let problem = refusal(
            403,
            "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code>\
             <Message>The signature\ndoes not match</Message>\
             <StringToSign>AWS4-HMAC-SHA256</StringToSign></Error>",
        );
        let text = problem.to_string();
        assert!(text.contains("SignatureDoesNotMatch: The signature does not match"), "{text}");
        assert!(!text.contains("AWS4"), "{text}");
        assert_eq!(problem.exit, Exit::Unauthorized);
        assert_eq!(problem.facts.phase.as_deref(), Some("upload"));
    }

    #[test]
    fn a_response_without_xml_is_shown_by_its_status() {
        for (status, exit) in [(404, Exit::Local), (503, Exit::GaveUp), (400, Exit::Local)] {
            let problem = refusal(status, "<html>");
            assert_eq!(problem.exit, exit);
            assert!(problem.message.ends_with(&format!("was refused with {status}")), "{problem}");
        }
    }
}
