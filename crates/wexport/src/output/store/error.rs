//! Errors of object stores.

use std::any::Any;

use bytes::Bytes;
use export_hyper::{Failure, FailureKind};

use crate::problem::{Exit, Problem};

/// Why an operation of a store failed.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The store responded with an error status.
    Refused(Box<Refusal>),
    /// The store was not reached, or did not respond.
    Failed(Failure),
    /// Nothing was sent, or the response is invalid.
    Other(String),
}

/// What a store said when it refused a request.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    status: u16,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    /// The region of the bucket, if the store named it.
    region: Option<String>,
    /// Whether the request was only to be carried out if there is no such object.
    is_conditional: bool,
}

/// The outcome of a request to a store.
#[derive(Clone, Debug)]
pub(super) enum RequestOutcome {
    Response(StoreResponse),
    Failed(Failure),
}

/// A response of a store.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreResponse {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    /// The code of an error that has no body, in Azure.
    pub(super) code: Option<String>,
    /// The region of the bucket, in S3.
    pub(super) region: Option<String>,
    /// Whether the request had `If-None-Match`.
    pub(super) is_conditional: bool,
    pub(super) body: Bytes,
}

impl StoreResponse {
    /// The status that the store's client gets, which decides by it whether to retry.
    pub(super) fn status_for_client(&self) -> u16 {
        match self.status {
            400..=499 if self.refusal().is_temporary() => 408,
            // It will not be implemented a second later.
            501 => 405,
            status => status,
        }
    }

    fn refusal(&self) -> Refusal {
        let body = String::from_utf8_lossy(&self.body);
        let header = |value: &Option<String>| value.as_deref().map(sanitize);
        Refusal {
            status: self.status,
            code: error_text(&body, "Code", "error").or_else(|| header(&self.code)),
            message: error_text(&body, "Message", "error_description"),
            request_id: header(&self.request_id),
            region: header(&self.region).or_else(|| xml_element(&body, "Region")),
            is_conditional: self.is_conditional,
        }
    }
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
                Self::Refused(Box::new(response.refusal()))
            }
            // The words around the cause are those of the store's client: "Generic S3 error".
            _ => Self::Other(sanitize(&match error {
                object_store::Error::Generic { source, .. } => source.to_string(),
                other => other.to_string(),
            })),
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
    pub(super) fn taken() -> Self {
        Self::Refused(Box::new(Refusal { status: 412, ..Refusal::default() }))
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Failed(_) | Self::Other(_) => None,
        }
    }

    /// Whether an object exists, or is being created at the same time.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status(), Some(409 | 412))
    }

    /// Whether the object, the upload or the bucket does not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.status(), Some(404))
    }

    /// Whether the credentials do not allow the operation.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether another try may succeed.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.exit() == Exit::GaveUp,
            Self::Failed(failure) => failure.kind() != FailureKind::Untrusted,
            Self::Other(_) => false,
        }
    }

    /// Turns the error into a problem. `operation` names what failed: `the upload to s3://b/k`.
    pub(super) fn explain(self, operation: &str) -> Problem {
        let mut problem = match self {
            Self::Refused(refusal) => refusal.explain(operation),
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

impl Refusal {
    /// Whether another try may succeed, although the status says that the request is wrong.
    ///
    /// **Source:** the standard retry mode of AWS's SDKs, which decide by these codes.
    fn is_temporary(&self) -> bool {
        const CODES: [&str; 7] = [
            "IDPCommunicationError",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            // S3 has waited too long for the body.
            "RequestTimeout",
            "RequestTimeoutException",
            "Throttling",
            "ThrottlingException",
        ];
        self.code.as_deref().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether credentials were valid once.
    fn is_expired(&self) -> bool {
        const CODES: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
        self.code.as_deref().is_some_and(|code| CODES.contains(&code))
    }

    fn exit(&self) -> Exit {
        match self.status {
            401 | 403 => Exit::Unauthorized,
            _ if self.is_expired() => Exit::Unauthorized,
            _ if self.is_temporary() => Exit::GaveUp,
            501 => Exit::Local,
            408 | 429 | 500.. => Exit::GaveUp,
            _ => Exit::Local,
        }
    }

    fn explain(self, operation: &str) -> Problem {
        let Self { status, .. } = self;
        let problem = Problem::new(self.exit(), format!("{operation} was refused with {status}"));
        let mut problem = match (status, self.code.as_deref()) {
            _ if self.is_expired() => problem.advise(
                "the store's credentials have expired: set new ones, with their AWS_SESSION_TOKEN",
            ),
            (_, Some("NoSuchBucket" | "ContainerNotFound")) => {
                problem.advise("create the bucket, or check its name and the region")
            }
            (_, Some("RequestTimeTooSkewed" | "RequestExpired")) => {
                problem.advise("set this machine's clock: it differs from that of the store")
            }
            (301 | 307 | 308, _) | (400, None | Some("AuthorizationHeaderMalformed")) => {
                match &self.region {
                    Some(region) => problem.advise(format!(
                        "the bucket is in the region {region}: set AWS_REGION={region}, and no \
                         AWS_ENDPOINT_URL of another region"
                    )),
                    None => problem
                        .advise("check AWS_REGION and AWS_ENDPOINT_URL: see `wexport help stores`"),
                }
            }
            // Azure's response to a signature that is not valid yet or any more, too.
            (_, Some("AuthenticationFailed")) => problem.advise(
                "check the store's credentials, whether they have expired, and this machine's clock",
            ),
            (401 | 403, _) => {
                problem.advise("check the store's credentials, and that they allow writing")
            }
            (501, _) if self.is_conditional => problem
                .advise(
                    "if the store has no conditional requests, set AWS_CONDITIONAL_PUT=disabled: \
                     wexport then looks for the object just before it is written",
                )
                .advise(NO_CHECKSUMS),
            (501, _) => problem.advise(NO_CHECKSUMS),
            (400, _) if self.refuses_checksum() => problem.advise(NO_CHECKSUMS),
            _ => problem,
        };
        let facts = &mut problem.facts;
        (facts.status, facts.code) = (Some(status), self.code);
        (facts.service_message, facts.request_id) = (self.message, self.request_id);
        problem
    }

    fn refuses_checksum(&self) -> bool {
        let names = ["x-amz-checksum-sha256", "x-amz-checksum-algorithm"];
        let message = self.message.as_deref().unwrap_or_default();
        names.into_iter().any(|name| message.contains(name))
    }
}

const NO_CHECKSUMS: &str = "if the store does not support the header x-amz-checksum-sha256, set \
                            AWS_REQUEST_CHECKSUM_CALCULATION=when_required";

/// A text of an error response, which is XML for all stores, and JSON if it is from an OAuth server.
fn error_text(body: &str, element: &str, member: &str) -> Option<String> {
    let from_json = || {
        let json: serde_json::Value = serde_json::from_str(body).ok()?;
        json.get(member)?.as_str().map(sanitize).filter(|text| !text.is_empty())
    };
    xml_element(body, element).or_else(from_json)
}

/// The text of an element.
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
        let response = StoreResponse { status, body: body.into(), ..StoreResponse::default() };
        StoreError::Refused(Box::new(response.refusal())).explain("the upload to s3://b/k")
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
    fn an_oauth_server_explains_itself_in_json() {
        let problem = refusal(
            401,
            r#"{"error": "invalid_client", "error_description": "the secret has expired"}"#,
        );
        assert!(problem.to_string().contains("invalid_client: the secret has expired"));
    }

    #[test]
    fn a_store_that_refuses_the_checksum_is_told() {
        for (message, is_told) in [
            ("Unsupported header 'x-amz-checksum-algorithm'", true),
            ("x-amz-checksum- HTTP header is required with Object Lock parameters", false),
        ] {
            let body = format!("<Code>InvalidRequest</Code><Message>{message}</Message>");
            let problem = refusal(400, body.leak());
            let told = problem.to_string().contains("AWS_REQUEST_CHECKSUM_CALCULATION");
            assert_eq!(told, is_told, "{message}");
        }
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
