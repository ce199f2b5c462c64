//! The states of a job in the order of its life, each with the data that it needs.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::artifact::Artifact;
use crate::dialect::OperationFacts;
use crate::error::Error;
use crate::origins::{Access, Target};
use crate::phase::Phase;
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) enum State {
    Submitting(Submitting),
    Polling(Polling),
    Fetching(Fetching),
    Inline(Box<Inline>),
    Complete(Box<Complete>),
    Cancelling(Polling),
    Done(Box<Done>),
}

/// The service has not accepted the export.
#[derive(Debug)]
pub(super) struct Submitting {
    /// The number of submit requests that may have arrived.
    pub(super) sends: u32,
    /// The limit of that number.
    pub(super) allowed: u32,
}

/// The operation is running.
#[derive(Debug)]
pub(super) struct Polling {
    pub(super) operation: Operation,
    /// The redirect that the next request follows.
    pub(super) via: Option<Box<Hop>>,
}

/// The operation is completed, and its artifact has a URL.
#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) operation: Operation,
    pub(super) resource: Box<Target>,
    /// The redirect that the next request follows.
    pub(super) via: Option<Box<Hop>>,
}

/// The bytes of an artifact came with a response, and are to be written to the sink.
#[derive(Debug)]
pub(super) struct Inline {
    pub(super) operation: Operation,
    pub(super) artifact: Artifact,
    pub(super) bytes: Vec<u8>,
}

/// An artifact is complete, others follow, and the driver has not finished it.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) operation: Operation,
    pub(super) artifact: Artifact,
}

/// No further request is sent.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Result<Artifact, Error>,
    /// The state before, from which a resumed job continues.
    pub(super) last: State,
}

/// What is known about an accepted export.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its URL; that of the submit if the response to that was the result.
    pub(super) target: Target,
    /// Whether there is an operation to poll.
    pub(super) is_pollable: bool,
    /// The number of submit requests that may have arrived.
    pub(super) submits: u32,
    /// When the service accepted the export; unknown if the job was attached to the operation.
    pub(super) accepted: Option<Timestamp>,
    /// The last `Retry-After` of an accepted submit or a successful poll.
    pub(super) retry_after: Option<Duration>,
    /// Whether a poll of this job was answered.
    pub(super) is_known: bool,
    /// What the last poll said.
    pub(super) facts: OperationFacts<'static>,
    /// Since when the operation is completed without a URL.
    pub(super) without_url_since: Option<Timestamp>,
    /// The earliest time of another poll, if one is needed after the completion.
    pub(super) next_poll: Timestamp,
    /// `None` until the first byte. Boxed, since most of a job's life passes without a download.
    pub(super) download: Option<Box<Download>>,
    /// `None` if the result is one artifact, as far as is known.
    pub(super) files: Option<Box<Files>>,
}

/// The artifacts of a result with more than one, and the place of the current one among them.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// What the last poll has listed. Empty before that.
    pub(super) listed: Vec<ListedFile>,
    /// The number of listed files that are complete.
    pub(super) complete: u32,
    /// The index of the current artifact.
    pub(super) index: u32,
    /// The index of the first artifact of the current listed file.
    pub(super) first: u32,
    /// The URL of the current artifact, if it followed another one of the same listed file.
    pub(super) page: Option<Target>,
    /// The URL of the artifact that follows the current one of the same listed file.
    pub(super) next: Option<Target>,
}

/// A file that the response to a poll has listed.
#[derive(Debug)]
pub(super) struct ListedFile {
    pub(super) source: Source,
    /// The most that may be sent to fetch it, also by redirects and for its pages.
    pub(super) access: Access,
    pub(super) name: Option<String>,
    pub(super) media_type: Option<String>,
}

/// Where the bytes of a listed file are.
#[derive(Debug)]
pub(super) enum Source {
    At(Target),
    Bytes(Vec<u8>),
}

impl Files {
    /// The listed file that the current artifact is, or is a page of.
    pub(super) fn current(&self) -> Option<&ListedFile> {
        self.listed.get(usize::try_from(self.complete).ok()?)
    }

    /// Whether an artifact follows the current one.
    pub(super) fn has_more(&self) -> bool {
        let complete = usize::try_from(self.complete).unwrap_or(usize::MAX);
        self.next.is_some() || complete.saturating_add(1) < self.listed.len()
    }

    /// Starts the current listed file again.
    pub(super) fn rewind(&mut self) {
        (self.index, self.page, self.next) = (self.first, None, None);
    }

    /// Goes on to the next artifact.
    pub(super) fn advance(&mut self) {
        self.index = self.index.saturating_add(1);
        self.page = self.next.take();
        if self.page.is_none() {
            self.complete = self.complete.saturating_add(1);
            self.first = self.index;
        }
    }
}

/// The progress of the download.
#[derive(Clone, Debug)]
pub(super) struct Download {
    /// The strong validator of the bytes in the sink.
    pub(super) etag: Option<String>,
    /// The length of the whole file.
    pub(super) length: Option<u64>,
    /// The file name, from the first response: later ones may not repeat it.
    pub(super) file_name: Option<String>,
    pub(super) media_type: Option<String>,
    /// The end of the bytes that the sink was given and that belong to `etag`.
    pub(super) reached: u64,
    /// The highest offset of all attempts.
    pub(super) highest: u64,
    /// What it was before the last of them.
    pub(super) highest_before: u64,
    /// The offset up to which the sink has synced.
    pub(super) durable: u64,
    /// Since when requests for the artifact have failed, without a new byte.
    pub(super) failing_since: Option<Timestamp>,
    /// The number of requests for the artifact.
    pub(super) attempts: u32,
    /// The number of attempts in a row that did not pass `highest`.
    pub(super) idle: u32,
    /// Whether a fresh URL was requested since the last new byte.
    pub(super) repolled: bool,
}

impl Download {
    /// A download without a byte.
    pub(super) const NONE: Self = Self {
        etag: None,
        length: None,
        file_name: None,
        media_type: None,
        reached: 0,
        highest: 0,
        highest_before: 0,
        failing_since: None,
        durable: 0,
        attempts: 0,
        idle: 0,
        repolled: false,
    };
}

/// A redirect that is being followed.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) target: Target,
    /// The number of redirects in a row, this one included.
    pub(super) count: u32,
}

impl State {
    /// The phase, or the one in which the job ended.
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Submitting(_) => Phase::Submit,
            Self::Polling(_) => Phase::Poll,
            Self::Fetching(_) | Self::Inline(_) | Self::Complete(_) => Phase::Fetch,
            Self::Cancelling(_) => Phase::Cancel,
            Self::Done(done) => match &done.outcome {
                Ok(_) => Phase::Fetch,
                Err(error) => error.phase().unwrap_or(Phase::Poll),
            },
        }
    }

    /// The state itself, or that of an ended job before its end.
    pub(super) fn last(&self) -> &Self {
        match self {
            Self::Done(done) => &done.last,
            state => state,
        }
    }

    /// Where the next request goes; `None` for a submit.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Self::Submitting(_) | Self::Inline(_) | Self::Complete(_) | Self::Done(_) => None,
            Self::Polling(polling) | Self::Cancelling(polling) => {
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
            Self::Polling(polling) | Self::Cancelling(polling) => Some(&polling.operation),
            Self::Fetching(fetching) => Some(&fetching.operation),
            Self::Inline(inline) => Some(&inline.operation),
            Self::Complete(complete) => Some(&complete.operation),
        }
    }

    pub(super) fn operation_mut(&mut self) -> Option<&mut Operation> {
        match self {
            Self::Submitting(_) | Self::Done(_) => None,
            Self::Polling(polling) | Self::Cancelling(polling) => Some(&mut polling.operation),
            Self::Fetching(fetching) => Some(&mut fetching.operation),
            Self::Inline(inline) => Some(&mut inline.operation),
            Self::Complete(complete) => Some(&mut complete.operation),
        }
    }
}

impl Operation {
    pub(super) fn new(target: Target, submits: u32, accepted: Option<Timestamp>) -> Self {
        Self {
            target,
            is_pollable: true,
            submits,
            accepted,
            retry_after: None,
            is_known: false,
            facts: OperationFacts::default(),
            without_url_since: None,
            next_poll: Timestamp::EPOCH,
            download: None,
            files: None,
        }
    }

    /// Whether an artifact follows the current one.
    pub(super) fn has_more(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.has_more())
    }

    /// The index of the current artifact.
    pub(super) fn index(&self) -> u32 {
        self.files.as_ref().map_or(0, |files| files.index)
    }

    pub(super) fn download(&self) -> &Download {
        self.download.as_deref().unwrap_or(&Download::NONE)
    }

    pub(super) fn download_mut(&mut self) -> &mut Download {
        self.download.get_or_insert_with(|| Box::new(Download::NONE))
    }
}
