//! One request and its response, as the handles and the transitions pass them to each other.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use http::{StatusCode, Uri};

use crate::artifact::Artifact;
use crate::dialect::{Head, OperationFacts, Reading};
use crate::phase::Phase;
use crate::redact::Redacted;
use crate::time::Timestamp;
use crate::token::Token;

/// A request that was sent.
pub(super) struct SentRequest {
    pub(super) phase: Phase,
    pub(super) uri: Uri,
    /// The first byte of the requested range; 0 for the whole.
    pub(super) offset: u64,
    pub(super) token: Option<Token>,
    /// When to stop waiting for the whole of a response that is not streamed.
    pub(super) give_up_at: Timestamp,
}

impl SentRequest {
    /// When to stop waiting for the whole body of the response.
    pub(super) fn body_deadline(&self, now: Timestamp, body_use: BodyUse) -> Timestamp {
        match body_use {
            BodyUse::Discard => self.give_up_at.min(now + DISCARD_TIMEOUT),
            _ => self.give_up_at,
        }
    }

    /// Hides the secrets that were sent in a text of the response.
    pub(super) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.token.as_ref().map_or(Cow::Borrowed(text), |token| token.mask(text))
    }

    /// Hides the secrets that were sent in what the response says.
    pub(super) fn mask_reading<'b>(&self, reading: Reading<'b>) -> Reading<'b> {
        let facts_of = |facts: OperationFacts<'b>| facts.map_texts(|text| self.mask(text));
        match reading {
            Reading::Pending(facts) => Reading::Pending(facts_of(facts)),
            Reading::CompletedWithoutUrl(facts) => Reading::CompletedWithoutUrl(facts_of(facts)),
            Reading::ReadyAt { resource, facts } => {
                Reading::ReadyAt { resource, facts: facts_of(facts) }
            }
            Reading::Failed(reason, facts) => {
                Reading::Failed(reason.map_texts(|text| self.mask(text)), facts_of(facts))
            }
            other => other,
        }
    }
}

/// A new connection takes less time than this.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from byte {}", self.phase, Redacted(&self.uri), self.offset)
    }
}

/// What to do with the body, decided by the head.
#[derive(Debug)]
pub(super) enum BodyPlan {
    /// Read it into memory.
    Collect(BodyUse),
    /// It is the artifact: stream it to the sink.
    Stream(DownloadStart),
}

/// What a collected body is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum BodyUse {
    /// Nothing: the head decided everything, and reading the body frees the connection.
    Discard,
    /// What a 401 says, after which the request is sent with another token.
    Refusal,
    /// The meaning of a 2xx, with the wait that its head asks for.
    Reply(Option<Duration>),
    /// The reason of a 4xx or 5xx, with the wait that its head asks for.
    Error(Option<Duration>),
}

/// A head whose body has not been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedHead<'a> {
    pub(super) head: Head<'a>,
    pub(super) retry_after: Option<Duration>,
}

/// The start of a download.
#[derive(Debug)]
pub(super) struct DownloadStart {
    pub(super) status: StatusCode,
    pub(super) offset: u64,
    /// The offset behind the last byte of this response, if it is announced.
    pub(super) end: Option<u64>,
    pub(super) artifact: Artifact,
    /// Why the body is refused, unless a gateway has sent it.
    pub(super) refused: Option<&'static str>,
}

/// The end of the artifact's body.
#[derive(Debug)]
pub(super) struct DownloadEnd {
    pub(super) status: StatusCode,
    pub(super) offset: u64,
    pub(super) position: u64,
    /// Fewer bytes came than were announced.
    pub(super) is_short: bool,
    /// The highest offset of all earlier attempts.
    pub(super) highest: u64,
    /// More bytes came than were announced.
    pub(super) is_too_long: bool,
    /// Why the body is refused, unless a gateway has sent it.
    pub(super) refused: Option<&'static str>,
}
