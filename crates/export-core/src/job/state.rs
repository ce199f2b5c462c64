//! The phases of a job, in the order of its life, each with what it needs and nothing else.

use alloc::boxed::Box;
use alloc::string::String;

use crate::artifact::Artifact;
use crate::dialect::{OperationFacts, Phase};
use crate::error::Error;
use crate::origins::Target;
use crate::time::Timestamp;
use core::time::Duration;

#[derive(Debug)]
pub(super) enum State {
    Submitting(Submitting),
    Polling(Polling),
    Fetching(Fetching),
    Done(Box<Ended>),
}

/// The export was not accepted yet.
#[derive(Debug)]
pub(super) struct Submitting {
    /// Submit requests that may have arrived.
    pub(super) sends: u32,
    /// How many of those there may be.
    pub(super) allowed: u32,
}

/// The operation is under way.
#[derive(Debug)]
pub(super) struct Polling {
    pub(super) operation: Operation,
    /// Where a redirect led.
    pub(super) via: Option<Box<Hop>>,
}

/// The operation is completed, and its artifact has a URL.
#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) operation: Operation,
    pub(super) resource: Box<Target>,
    /// Where a redirect led.
    pub(super) via: Option<Box<Hop>>,
}

/// Nothing more is sent.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Result<Artifact, Error>,
    /// The phase that it ended in, to be gone on from.
    pub(super) last: State,
}

/// What is known of an operation, from its acceptance on.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) target: Target,
    /// Submit requests that may have arrived before it.
    pub(super) submits: u32,
    /// When the service accepted it; unknown if the job was attached to it.
    pub(super) accepted: Option<Timestamp>,
    /// The service's last wish for the time between polls.
    pub(super) retry_after: Option<Duration>,
    /// Whether a poll was answered, by this job.
    pub(super) is_known: bool,
    /// What the last poll said of it.
    pub(super) facts: OperationFacts<'static>,
    /// Since when it is completed without a URL.
    pub(super) nowhere_since: Option<Timestamp>,
    /// When it may be polled again, should that be necessary after its completion.
    pub(super) next_poll: Timestamp,
    /// Nothing until the first byte: most of a job's life is spent before it.
    pub(super) download: Option<Box<Download>>,
}

/// How far the download is.
#[derive(Clone, Debug)]
pub(super) struct Download {
    /// The strong validator of the bytes that the sink holds.
    pub(super) etag: Option<String>,
    /// The length of the whole.
    pub(super) length: Option<u64>,
    /// What the server called the file: the answers that bring the rest of it need not say.
    pub(super) file_name: Option<String>,
    pub(super) media_type: Option<String>,
    /// The end of the bytes that the sink was given and that `etag` vouches for.
    pub(super) reached: u64,
    /// The highest offset that any attempt came to.
    pub(super) highest: u64,
    /// The offset up to which the sink has synced.
    pub(super) durable: u64,
    /// Requests for the artifact.
    pub(super) attempts: u32,
    /// How many of them in a row brought nothing new.
    pub(super) idle: u32,
    /// Whether a fresh URL was asked for, since the last new byte.
    pub(super) asked_again: bool,
}

impl Download {
    /// Nothing was loaded yet.
    pub(super) const NONE: Self = Self {
        etag: None,
        length: None,
        file_name: None,
        media_type: None,
        reached: 0,
        highest: 0,
        durable: 0,
        attempts: 0,
        idle: 0,
        asked_again: false,
    };
}

/// A redirect that is being followed.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) target: Target,
    pub(super) count: u32,
}

impl State {
    /// The phase, or the one in which the job ended.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Submitting(_) => Phase::Submit,
            Self::Polling(_) => Phase::Poll,
            Self::Fetching(_) => Phase::Fetch,
            Self::Done(ended) => match &ended.outcome {
                Ok(_) => Phase::Fetch,
                Err(error) => error.phase().unwrap_or(Phase::Poll),
            },
        }
    }

    /// This state, or the one that a job was in when it ended.
    pub(super) fn last(&self) -> &Self {
        match self {
            Self::Done(ended) => &ended.last,
            phase => phase,
        }
    }

    /// Where the next request goes; `None` for a submit.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Self::Submitting(_) | Self::Done(_) => None,
            Self::Polling(polling) => {
                Some(polling.via.as_ref().map_or(&polling.operation.target, |hop| &hop.target))
            }
            Self::Fetching(fetching) => {
                Some(fetching.via.as_ref().map_or(&fetching.resource, |hop| &hop.target))
            }
        }
    }

    pub(super) fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Submitting(_) | Self::Done(_) => None,
            Self::Polling(polling) => Some(&polling.operation),
            Self::Fetching(fetching) => Some(&fetching.operation),
        }
    }

    pub(super) fn operation_mut(&mut self) -> Option<&mut Operation> {
        match self {
            Self::Submitting(_) | Self::Done(_) => None,
            Self::Polling(polling) => Some(&mut polling.operation),
            Self::Fetching(fetching) => Some(&mut fetching.operation),
        }
    }
}

impl Operation {
    pub(super) fn new(target: Target, submits: u32, accepted: Option<Timestamp>) -> Self {
        Self {
            target,
            submits,
            accepted,
            retry_after: None,
            is_known: false,
            facts: OperationFacts::default(),
            nowhere_since: None,
            next_poll: Timestamp::EPOCH,
            download: None,
        }
    }

    pub(super) fn download(&self) -> &Download {
        self.download.as_deref().unwrap_or(&Download::NONE)
    }

    pub(super) fn download_mut(&mut self) -> &mut Download {
        self.download.get_or_insert_with(|| Box::new(Download::NONE))
    }
}
