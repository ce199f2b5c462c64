//! What a driver has to do.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::Request;
use serde::Serialize;

use super::input::Input;
use crate::artifact::Artifact;
use crate::error::Error;
use crate::job::transmit::Transmit;
use crate::job::{Checkpoint, Why};
use crate::origins::Access;
use crate::phase::Phase;
use crate::redact::Redacted;
use crate::time::Timestamp;
use crate::token::Ticket;
use crate::wire;

/// What a driver has to do next, and which [`Input`] it returns.
///
/// Any action can be answered by [`Input::Failed`], except [`Wait`](Self::Wait) and [`End`](Self::End).
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum Action {
    /// Store the checkpoint, so that it would survive a crash, then [`Input::Done`]. A driver without a
    /// store has nothing to do.
    Store {
        /// The checkpoint.
        checkpoint: Box<Checkpoint>,
    },
    /// Get a token where those of an [external](crate::token::TokenSource::external) source come from,
    /// then [`Input::Token`].
    GetToken {
        /// When to stop waiting for it.
        give_up_at: Timestamp,
    },
    /// Send a request, then [`Input::Head`]. The connection of an earlier response that was not read to
    /// its end is closed first.
    Send(Box<SendRequest>),
    /// Read the body of the response into memory, then [`Input::Body`].
    Collect {
        /// The most **bytes** to read. A longer body is a
        /// [`FailureKind::TooLong`](crate::FailureKind::TooLong).
        limit: usize,
        /// When to stop, and report a [`FailureKind::Stalled`](crate::FailureKind::Stalled).
        give_up_at: Timestamp,
    },
    /// Open the file that gets the bytes of an artifact, cut it to this length, then [`Input::Done`].
    Begin {
        /// The number of bytes to keep.
        offset: u64,
        /// The name, media type and length of the file, as far as they are known.
        artifact: Artifact,
    },
    /// Read the next bytes of the response, then [`Input::Chunk`], or [`Input::End`] if there are none.
    Read {
        /// How long to wait for a byte, before a [`FailureKind::Stalled`](crate::FailureKind::Stalled).
        #[serde(rename = "timeout_ms", serialize_with = "wire::millis")]
        timeout: Duration,
    },
    /// Write the chunk that was read to the file, then [`Input::Done`].
    Write {
        /// Where in the file, which ends there.
        offset: u64,
        /// What to write instead: the bytes of an artifact that came with an earlier response.
        #[serde(serialize_with = "wire::optional_bytes")]
        bytes: Option<Vec<u8>>,
    },
    /// Flush the file to disk, then [`Input::Length`]: how much of it would survive a crash.
    Sync,
    /// Measure the file, then [`Input::Length`]: how many bytes it has, as the file itself counts them;
    /// 0 if it belongs to another operation or does not exist.
    Measure {
        /// The URL of the operation to which the bytes have to belong.
        operation: String,
    },
    /// Give the complete file its name, then [`Input::Done`].
    Finish {
        /// The artifact. If it is not the [last](Artifact::is_last), others follow.
        artifact: Artifact,
    },
    /// Wait, then [`Input::Done`]. Sooner is harmless.
    Wait {
        /// Until when.
        until: Timestamp,
        /// The reason.
        why: Why,
    },
    /// The job has ended. Its checkpoint can be removed, unless the error is
    /// [resumable](Error::is_resumable).
    End {
        /// The last artifact, or an error.
        #[serde(flatten, serialize_with = "wire::outcome")]
        outcome: Result<Artifact, Error>,
    },
}

/// A request to send.
#[derive(Clone)]
#[non_exhaustive]
pub struct SendRequest {
    /// The request, with all headers that it needs, except those of the connection.
    pub request: Request<Vec<u8>>,
    /// What it is for; `None` for a token.
    pub phase: Option<Phase>,
    /// Whether it goes to an origin that may identify the caller. Add headers of your own to trusted
    /// requests only.
    pub access: Access,
    /// Whether it should not go over a pooled connection: see
    /// [`Transmit::wants_fresh_connection`](crate::driver::Transmit::wants_fresh_connection).
    pub wants_fresh_connection: bool,
    /// When to stop waiting for the head of the response, and report a
    /// [`FailureKind::Unanswered`](crate::FailureKind::Unanswered).
    pub give_up_at: Timestamp,
}

impl SendRequest {
    /// The request that is about to be [started](Transmit::start).
    pub(super) fn of(transmit: &Transmit<'_>) -> Self {
        Self {
            request: Request::default(),
            phase: Some(transmit.phase()),
            access: transmit.access(),
            wants_fresh_connection: transmit.wants_fresh_connection(),
            give_up_at: Timestamp::EPOCH,
        }
    }

    pub(super) fn for_token(request: Request<Vec<u8>>, ticket: &Ticket) -> Self {
        Self {
            request,
            phase: None,
            access: ticket.access(),
            wants_fresh_connection: false,
            give_up_at: ticket.give_up_at(),
        }
    }
}

impl fmt::Debug for SendRequest {
    /// The headers and the body may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.request.method(), Redacted(self.request.uri()))
    }
}

impl Serialize for SendRequest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The request, as other languages have it.
        #[derive(Serialize)]
        struct Wire<'a> {
            method: &'a str,
            url: String,
            headers: Vec<(&'a str, String)>,
            #[serde(serialize_with = "wire::bytes")]
            body: &'a [u8],
            phase: Option<Phase>,
            access: Access,
            wants_fresh_connection: bool,
            give_up_at: Timestamp,
        }
        let headers = self.request.headers().iter();
        let wire = Wire {
            method: self.request.method().as_str(),
            url: crate::url::url_text(self.request.uri()),
            headers: headers.map(|(name, value)| (name.as_str(), wire::latin1(value))).collect(),
            body: self.request.body(),
            phase: self.phase,
            access: self.access,
            wants_fresh_connection: self.wants_fresh_connection,
            give_up_at: self.give_up_at,
        };
        wire.serialize(serializer)
    }
}

/// The name of the last action, which says what fits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Start,
    Store,
    GetToken,
    Send,
    Collect,
    Begin,
    Read,
    Write,
    Sync,
    Measure,
    Finish,
    Wait,
    End,
}

impl Asked {
    pub(super) const fn of(action: &Action) -> Self {
        match action {
            Action::Store { .. } => Self::Store,
            Action::GetToken { .. } => Self::GetToken,
            Action::Send(_) => Self::Send,
            Action::Collect { .. } => Self::Collect,
            Action::Begin { .. } => Self::Begin,
            Action::Read { .. } => Self::Read,
            Action::Write { .. } => Self::Write,
            Action::Sync => Self::Sync,
            Action::Measure { .. } => Self::Measure,
            Action::Finish { .. } => Self::Finish,
            Action::Wait { .. } => Self::Wait,
            Action::End { .. } => Self::End,
        }
    }

    pub(super) const fn accepts(self, input: &Input<'_>) -> bool {
        match input {
            Input::Done => matches!(
                self,
                Self::Start
                    | Self::Store
                    | Self::Begin
                    | Self::Write
                    | Self::Finish
                    | Self::Wait
                    | Self::End
            ),
            Input::Head(_) => matches!(self, Self::Send),
            Input::Body(_) => matches!(self, Self::Collect),
            Input::Chunk(_) | Input::End => matches!(self, Self::Read),
            Input::Length(_) => matches!(self, Self::Sync | Self::Measure),
            Input::Token { .. } => matches!(self, Self::GetToken),
            Input::Failed(_) => !matches!(self, Self::Start | Self::Wait | Self::End),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "the start",
            Self::Store => "Store",
            Self::GetToken => "GetToken",
            Self::Send => "Send",
            Self::Collect => "Collect",
            Self::Begin => "Begin",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Sync => "Sync",
            Self::Measure => "Measure",
            Self::Finish => "Finish",
            Self::Wait => "Wait",
            Self::End => "End",
        }
    }
}
