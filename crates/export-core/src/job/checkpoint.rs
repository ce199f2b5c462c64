//! The stored form of a job.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::ExportJob;
use super::state::{Download, Fetching, Files, Operation, State};
use crate::api_error::printable;
use crate::config::Config;
use crate::dialect::OperationFacts;
use crate::file_name::safe_file_name;
use crate::origins::{Access, Purpose, Target};
use crate::redact::redact_text;
use crate::time::Timestamp;
use crate::url::Origin;
use crate::url::{UrlError, url_text};

/// Everything that another process needs to continue a job.
///
/// It holds no token, no secret and no signed URL, but it does name what is exported and the URL of
/// the operation. Store it whenever [`ExportJob::revision`] has changed, as JSON through `serde`.
/// Fields that a later release adds are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) version: u32,
    pub(super) dialect: String,
    pub(super) spec: String,
    pub(super) base: String,
    #[serde(default)]
    pub(super) submits: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accepted: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_ms: Option<u64>,
    /// When the job was begun, if it has sent a request since then and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<Timestamp>,
    #[serde(default)]
    pub(super) not_before: Timestamp,
    #[serde(default)]
    pub(super) wait_ms: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<SavedFiles>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) is_cancelled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fetch: Option<Box<SavedFetch>>,
}

/// A fetch that was due or under way. A release that does not know it polls for the URL again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedFetch {
    resource: String,
    not_before: Timestamp,
    wait_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original_request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

/// The place of the current artifact in a result with more than one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedFiles {
    complete: u32,
    index: u32,
    first: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The newest version that this release reads.
pub(super) const VERSION: u32 = 2;

/// The version of a checkpoint that earlier releases can read.
const SINGLE_FILE: u32 = 1;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Checkpoint {
    /// The URL of the operation, once the export was accepted.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// The number of submit requests that may have reached the service.
    #[must_use]
    pub const fn submits(&self) -> u32 {
        self.submits
    }

    /// The number of bytes of the artifact that the sink has synced.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of artifacts of the result that were finished; the [offset](Self::offset) is that of
    /// the next one.
    #[must_use]
    pub fn finished_files(&self) -> u32 {
        self.files.as_ref().map_or(0, |files| files.index)
    }

    /// The name of the dialect that wrote it.
    #[must_use]
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// The text that the dialect saved.
    #[must_use]
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Checks that a job with this dialect and these settings may continue from it.
    pub(crate) fn check(&self, dialect: &str, config: &Config) -> Result<(), ResumeError> {
        if self.version > VERSION {
            return Err(ResumeError::Version(self.version));
        }
        if self.dialect != dialect {
            return Err(ResumeError::Dialect(self.dialect.clone()));
        }
        let configured = config.origins().base();
        if Origin::parse(&self.base).as_ref() != Ok(configured) {
            let saved = redact_text(&self.base);
            return Err(ResumeError::Base { saved, configured: configured.to_string() });
        }
        Ok(())
    }

    /// The wait before the next request: its end, and its length.
    pub(super) const fn wait(&self) -> (Timestamp, Duration) {
        (self.not_before, Duration::from_millis(self.wait_ms))
    }

    /// The wait before the saved fetch.
    pub(super) fn fetch_wait(&self) -> (Timestamp, Duration) {
        let wait = |fetch: &SavedFetch| (fetch.not_before, Duration::from_millis(fetch.wait_ms));
        self.fetch.as_deref().map_or_else(|| self.wait(), wait)
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }

    /// The download to continue; `None` without a validator, which identifies the bytes in the sink.
    pub(super) fn download(&self) -> Option<Box<Download>> {
        let etag = self.etag.clone()?;
        Some(Box::new(Download {
            etag: Some(etag),
            length: self.length,
            file_name: self.file_name.as_deref().and_then(safe_file_name),
            media_type: printable(self.media_type.as_deref()),
            reached: self.offset,
            highest: self.offset,
            durable: self.offset,
            ..Download::NONE
        }))
    }

    /// Where the artifact was to be fetched, if that is known and may have the token today. What the
    /// service has said about the operation is told to it.
    pub(super) fn fetch(&self, config: &Config, operation: &mut Operation) -> Option<Box<Target>> {
        let fetch = self.fetch.as_deref()?;
        let target = config.origins().judge(None, &fetch.resource, Purpose::Artifact).ok()?;
        if target.access() != Access::Trusted {
            return None;
        }
        fetch.restore_facts(operation);
        operation.next_poll = self.not_before;
        Some(Box::new(target))
    }

    /// The place in a result with more than one artifact.
    pub(super) fn files(&self, config: &Config) -> Result<Option<Box<Files>>, UrlError> {
        let Some(saved) = &self.files else { return Ok(None) };
        let judge = |url: &Option<String>| {
            let judged =
                url.as_ref().map(|url| config.origins().judge(None, url, Purpose::Artifact));
            judged.transpose()
        };
        let (page, next) = (judge(&saved.page)?, judge(&saved.next)?);
        let SavedFiles { complete, index, first, .. } = *saved;
        Ok(Some(Box::new(Files { complete, index, first, page, next, ..Files::default() })))
    }

    /// Saves a job. A fetch is saved as a poll, whose wait ends when both would be due, and beside it as
    /// [itself](SavedFetch) if its URL may be stored.
    pub(super) fn of(job: &ExportJob) -> Self {
        let state = job.state.last();
        // The response to a submit may have been the result: there is nothing to go on with but that.
        let operation = state.operation().filter(|operation| operation.is_pollable);
        let is_cancelled = matches!(state, State::Cancelling(_));
        let submits = match state {
            State::Submitting(submitting) => submitting.sends,
            other => other.operation().map_or(0, |operation| operation.submits),
        };
        let next_poll = operation.map_or(Timestamp::EPOCH, |operation| operation.next_poll);
        let (files, may_continue) = saved_files(operation);
        let download = operation.filter(|_| may_continue);
        let download = download.map_or(&Download::NONE, Operation::download);
        // A job that has ended begins anew if the user resumes it.
        let is_under_way = (submits > 0 || operation.is_some()) && !job.has_ended();
        let wait = job.schedule.length + next_poll.since(job.schedule.not_before);
        Self {
            version: if files.is_some() || is_cancelled { VERSION } else { SINGLE_FILE },
            dialect: job.dialect.name().into(),
            spec: job.dialect.save(),
            base: job.config.origins().base().to_string(),
            submits,
            operation: operation.map(|operation| url_text(operation.target.uri())),
            accepted: operation.and_then(|operation| operation.accepted),
            retry_after_ms: operation
                .and_then(|operation| u64::try_from(operation.retry_after?.as_millis()).ok()),
            began: job.schedule.budget.map(|budget| budget.started).filter(|_| is_under_way),
            not_before: job.schedule.not_before.max(next_poll),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            offset: if download.etag.is_some() { download.durable } else { 0 },
            etag: download.etag.clone(),
            length: download.length,
            file_name: download.file_name.clone(),
            media_type: download.media_type.clone(),
            files,
            is_cancelled,
            fetch: SavedFetch::of(job),
        }
    }
}

impl SavedFetch {
    /// The URL of one of several files is not saved, nor one that may be signed: it has a query, or is
    /// fetched without the token. A job that has ended needs a fresh one.
    fn of(job: &ExportJob) -> Option<Box<Self>> {
        let State::Fetching(Fetching { operation, resource, .. }) = &job.state else { return None };
        let is_secret = resource.access() != Access::Trusted || resource.uri().query().is_some();
        if is_secret || !operation.is_pollable || operation.files.is_some() {
            return None;
        }
        let OperationFacts { status, percent, original_request, created, updated, .. } =
            &operation.facts;
        let text = |fact: &Option<Cow<'static, str>>| fact.as_deref().map(String::from);
        Some(Box::new(Self {
            resource: url_text(resource.uri()),
            not_before: job.schedule.not_before,
            wait_ms: u64::try_from(job.schedule.length.as_millis()).unwrap_or(u64::MAX),
            status: text(status),
            percent: *percent,
            original_request: text(original_request),
            created: text(created),
            updated: text(updated),
            details: operation.facts.details().iter().map(ToString::to_string).collect(),
        }))
    }

    fn restore_facts(&self, operation: &mut Operation) {
        let text = |fact: &Option<String>| fact.clone().map(Cow::Owned);
        let facts = OperationFacts {
            status: text(&self.status),
            percent: self.percent,
            original_request: text(&self.original_request),
            created: text(&self.created),
            updated: text(&self.updated),
            ..OperationFacts::default()
        };
        let facts = self.details.iter().fold(facts, |facts, detail| facts.with_detail(&**detail));
        operation.facts.update(&facts);
        operation.is_known = true;
    }
}

/// The place in a result with more than one artifact, and whether the download of the current one can
/// be continued. The URLs of pages at other origins may be signed and are not saved: the listed file
/// that they belong to is started again.
fn saved_files(operation: Option<&Operation>) -> (Option<SavedFiles>, bool) {
    let Some(files) = operation.and_then(|operation| operation.files.as_ref()) else {
        return (None, true);
    };
    let Files { complete, index, first, page, next, .. } = &**files;
    let url = |target: &Option<Target>| {
        let trusted = target.as_ref().filter(|target| target.access() == Access::Trusted);
        trusted.map(|target| url_text(target.uri()))
    };
    let (saved_page, saved_next) = (url(page), url(next));
    let is_rewound = saved_page.is_some() != page.is_some();
    let loses_next = saved_next.is_some() != next.is_some();
    let saved = SavedFiles {
        complete: *complete,
        index: if is_rewound { *first } else { *index },
        first: *first,
        page: saved_page,
        next: saved_next.filter(|_| !is_rewound),
    };
    (Some(saved), !is_rewound && !loses_next)
}

/// Why a job cannot be resumed from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// It belongs to another service than the configured one.
    #[error("the checkpoint belongs to {saved}, but the configured service is {configured}")]
    Base {
        /// The origin in the checkpoint.
        saved: String,
        /// The configured origin.
        configured: String,
    },
    /// Another dialect wrote it.
    #[error("the checkpoint was written by the dialect {0:?}")]
    Dialect(String),
    /// The URL of its operation is refused.
    #[error("the operation URL of the checkpoint is refused: {0}")]
    Operation(#[from] UrlError),
    /// The dialect cannot be restored.
    #[error("the export in the checkpoint cannot be restored: {0}")]
    Spec(String),
    /// A newer release wrote it.
    #[error(
        "the checkpoint has version {0}, but this release supports at most {VERSION}: use a newer release"
    )]
    Version(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_ignored() {
        let text = r#"{"version":1,"dialect":"d","spec":"","base":"https://h","colour":"red"}"#;
        let checkpoint: Checkpoint = serde_json::from_str(text).unwrap();
        assert_eq!(checkpoint.offset(), 0);
        assert_eq!(checkpoint.wait(), (Timestamp::EPOCH, Duration::ZERO));
    }
}
