//! Errors of object stores.

use bytes::Bytes;
use export_hyper::{Failure, FailureKind};

use crate::problem::{Exit, Problem};

/// Why an operation of a store failed.
#[derive(Debug)]
pub(super) enum StoreError {
    /// It said no.
    Refused {
        status: u16,
        code: Option<String>,
        message: Option<String>,
        request_id: Option<String>,
    },
    /// It was not reached, or gave no answer.
    Failed(Failure),
    /// Nothing was sent, or the answer makes no sense.
    Other(String),
}

/// How the last request of an operation ended.
#[derive(Clone, Debug)]
pub(super) enum LastExchange {
    Answered(Answer),
    Failed(Failure),
}

/// An answer of a store.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    pub(super) body: Bytes,
}

/// As much of a store's own words as is shown.
const LONGEST_WORDS: usize = 300;

impl StoreError {
    /// An error of the store's client, and how its last request ended.
    pub(super) fn new(last: Option<LastExchange>, error: &object_store::Error) -> Self {
        match last {
            Some(LastExchange::Failed(failure)) => Self::Failed(failure),
            Some(LastExchange::Answered(answer)) if answer.status >= 300 => Self::refused(answer),
            _ => Self::Other(words(&error.to_string())),
        }
    }

    fn refused(answer: Answer) -> Self {
        let body = String::from_utf8_lossy(&answer.body);
        Self::Refused {
            status: answer.status,
            code: element(&body, "Code"),
            message: element(&body, "Message"),
            request_id: answer.request_id.as_deref().map(words),
        }
    }

    /// An object came while its upload was under way.
    pub(super) const fn taken() -> Self {
        Self::Refused { status: 412, code: None, message: None, request_id: None }
    }

    const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Failed(_) | Self::Other(_) => None,
        }
    }

    /// An object is there, or came at the same moment.
    pub(super) const fn is_taken(&self) -> bool {
        matches!(self.status(), Some(409 | 412))
    }

    /// What was asked after is not there.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self.status(), Some(404))
    }

    /// Whoever asks may not know.
    pub(super) const fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// What people are told. `doing` is what it happened to, such as `the upload to s3://b/k`.
    pub(super) fn explain(self, doing: &str) -> Problem {
        let mut problem = match self {
            Self::Refused { status, code, message, request_id } => {
                let what = format!("{doing} was refused with {status}");
                let mut problem = Problem::new(exit_of(status), what);
                problem = match (status, code.as_deref()) {
                    (_, Some("NoSuchBucket" | "ContainerNotFound")) => {
                        problem.advise("make the bucket first, or check its name and the region")
                    }
                    (301 | 307 | 308 | 400, _) => problem
                        .advise("check AWS_REGION and AWS_ENDPOINT_URL: see `wexport help stores`"),
                    (401 | 403, _) => problem
                        .advise("check the store's credentials, and that they may write there"),
                    _ => problem,
                };
                let facts = &mut problem.facts;
                (facts.status, facts.code) = (Some(status), code);
                (facts.message, facts.request_id) = (message, request_id);
                problem
            }
            Self::Failed(failure) => {
                let exit = match failure.kind() {
                    FailureKind::NotSent | FailureKind::Untrusted => Exit::Network,
                    _ => Exit::GaveUp,
                };
                let problem = Problem::new(exit, format!("{doing}: {failure}"));
                match failure.kind() {
                    FailureKind::Untrusted => problem.advise(
                        "behind a proxy that re-signs TLS, give its authority with --ca-bundle",
                    ),
                    _ => problem.advise("check the network, --proxy and NO_PROXY"),
                }
            }
            Self::Other(words) => Problem::new(Exit::Local, format!("{doing}: {words}")),
        };
        problem.facts.phase = Some("upload".into());
        problem
    }
}

/// The code that a refusal ends the program with.
const fn exit_of(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::Unauthorized,
        429 | 500.. => Exit::GaveUp,
        _ => Exit::Local,
    }
}

/// The text of an element, in the XML that all stores answer with.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(words(text)).filter(|text| !text.is_empty())
}

/// Words from elsewhere as they may be shown on a terminal.
fn words(text: &str) -> String {
    let legal = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    legal.take(LONGEST_WORDS).collect::<String>().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &'static str) -> Problem {
        let answer = Answer { status, request_id: None, body: body.into() };
        StoreError::refused(answer).explain("the upload to s3://b/k")
    }

    #[test]
    fn an_answer_is_told_in_the_store_s_words_and_no_others() {
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
    fn an_answer_without_words_is_told_by_its_status() {
        for (status, exit) in [(404, Exit::Local), (503, Exit::GaveUp), (400, Exit::Local)] {
            let problem = refusal(status, "<html>");
            assert_eq!(problem.exit, exit);
            assert!(problem.what.ends_with(&format!("was refused with {status}")), "{problem}");
        }
    }
}
