//! From the completed operation to its artifacts, one after the other.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::printable;
use crate::artifact::{Artifact, Facts};
use crate::dialect::{FileSource, Follows, OperationFacts, ResultFile};
use crate::failure::Failure;
use crate::file_name::safe_file_name;
use crate::job::ExportJob;
use crate::job::exchange::SentRequest;
use crate::job::schedule::Why;
use crate::job::state::{
    Complete, Fetching, Files, Inline, ListedFile, Operation, Polling, Source, State,
};
use crate::origins::{Access, Purpose, Target};
use crate::phase::Phase;
use crate::time::Timestamp;
use crate::url::url_text;

impl ExportJob {
    /// The operation is completed, and has one artifact.
    pub(super) fn begin_fetching(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        resource: &str,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        let Some(target) = self.judge_resource(sent, resource) else { return };
        self.complete_operation(now, sent, facts, retry_after);
        match self.state.operation_mut().and_then(|operation| operation.files.as_mut()) {
            None => self.fetch_from(now, target),
            // The artifact is one of several pages.
            Some(files) => {
                let source = Source::At(target);
                let access = Access::Trusted;
                files.listed = [ListedFile { source, access, name: None, media_type: None }].into();
                self.begin_artifact(now, None);
            }
        }
    }

    /// The operation is completed, and has these artifacts.
    pub(super) fn begin_files(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        status: StatusCode,
        files: Vec<ResultFile<'_>>,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        let mut listed = Vec::with_capacity(files.len());
        for file in files {
            let source = match file.source {
                FileSource::Bytes(bytes) => Source::Bytes(bytes.into_owned()),
                FileSource::Url(url) => match self.judge_resource(sent, &url) {
                    Some(target) => Source::At(target),
                    None => return,
                },
            };
            let name = file.name.as_deref().and_then(safe_file_name);
            let media_type = printable(file.media_type.as_deref());
            listed.push(ListedFile { source, access: file.access, name, media_type });
        }
        self.complete_operation(now, sent, facts, retry_after);
        if let Some(operation) = self.state.operation_mut() {
            operation.files.get_or_insert_default().listed = listed;
            self.begin_artifact(now, Some(status));
        }
    }

    /// Decides whether an artifact may be fetched from a URL; the job has ended if not.
    fn judge_resource(&mut self, sent: &SentRequest, url: &str) -> Option<Target> {
        match self.config.origins().judge(Some(&sent.uri), url, Purpose::Artifact) {
            Ok(target) => Some(target),
            Err(reason) => {
                self.end_with_untrusted_url(Phase::Fetch, url, reason);
                None
            }
        }
    }

    /// Takes over what is known of the completed operation. The response to a submit may be the
    /// result; then there is no operation to poll.
    fn complete_operation(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        facts: &OperationFacts<'_>,
        retry_after: Option<Duration>,
    ) {
        if let State::Submitting(submitting) = &self.state {
            let origins = self.config.origins();
            if let Ok(target) = origins.judge(None, &url_text(&sent.uri), Purpose::Artifact) {
                let mut operation = Operation::new(target, submitting.sends, Some(now));
                operation.is_pollable = false;
                self.state = State::Polling(Polling { operation, via: None });
            }
        }
        self.learn(now, facts);
        self.schedule.reset_failures();
        let interval = self.poll_interval(now);
        if let Some(operation) = self.state.operation_mut() {
            operation.without_url_since = None;
            operation.retry_after = retry_after.or(operation.retry_after);
            operation.next_poll = now + operation.retry_after.unwrap_or_default().max(interval);
        }
        self.rewind_page();
    }

    /// Starts a listed file again whose current page is at another origin: its URL may have expired,
    /// which is why the operation was polled again.
    fn rewind_page(&mut self) {
        let Some(operation) = self.state.operation_mut() else { return };
        let Some(files) = &mut operation.files else { return };
        if files.page.as_ref().is_some_and(|page| page.access() == Access::Anonymous) {
            files.rewind();
            operation.download = None;
        }
    }

    /// The response to a poll is the first artifact. Returns whether its body is to be read: not if a
    /// later page is to be continued.
    pub(super) fn begin_here(
        &mut self,
        now: Timestamp,
        sent: &SentRequest,
        retry_after: Option<Duration>,
    ) -> bool {
        self.rewind_page();
        let files = self.state.operation().and_then(|operation| operation.files.as_ref());
        let Some(page) = files.and_then(|files| files.page.clone()) else { return true };
        self.complete_operation(now, sent, &OperationFacts::default(), retry_after);
        self.fetch_from(now, page);
        false
    }

    /// Begins or continues the artifact whose turn it is. `status` is that of the response that listed
    /// the artifacts.
    fn begin_artifact(&mut self, now: Timestamp, status: Option<StatusCode>) {
        let Some(operation) = self.state.operation_mut() else { return };
        let Some(files) = &mut operation.files else { return };
        let next = match (&files.page, files.current()) {
            (Some(page), _) => Some(page.clone()),
            (None, Some(ListedFile { source: Source::At(target), .. })) => Some(target.clone()),
            (None, Some(ListedFile { source: Source::Bytes(_), .. })) => None,
            (None, None) => {
                let what = match files.listed.is_empty() {
                    true => "the operation is completed, and lists no file",
                    false => "the operation lists fewer files than before",
                };
                return self.end_with_protocol_error(status, what);
            }
        };
        match next {
            Some(target) => self.fetch_from(now, target),
            None => self.write_inline(now),
        }
    }

    fn fetch_from(&mut self, now: Timestamp, target: Target) {
        let target = target.with_at_most(self.file_access());
        self.move_operation(|operation| {
            State::Fetching(Fetching { operation, resource: Box::new(target), via: None })
        });
        self.schedule.set(now, Duration::ZERO, Why::Pace);
        self.bump_revision();
    }

    /// The most that may be sent to fetch the current artifact.
    pub(super) fn file_access(&self) -> Access {
        let files = self.state.operation().and_then(|operation| operation.files.as_ref());
        files.and_then(|files| files.current()).map_or(Access::Trusted, |file| file.access)
    }

    fn write_inline(&mut self, now: Timestamp) {
        let sunset = self.sunset_notice(now);
        let Some(operation) = self.state.operation_mut() else { return };
        let Some(files) = &mut operation.files else { return };
        let at = usize::try_from(files.complete).unwrap_or(usize::MAX);
        let Some(file) = files.listed.get_mut(at) else { return };
        let Source::Bytes(bytes) = &mut file.source else { return };
        let bytes = core::mem::take(bytes);
        let (name, media_type) = (file.name.clone(), file.media_type.clone());
        let length = u64::try_from(bytes.len()).ok();
        let limit = self.config.limits().max_file_bytes;
        if length.is_some_and(|length| length > limit) {
            return self.on_too_large(length);
        }
        let facts = Facts {
            length,
            media_type,
            file_name: name.unwrap_or_else(|| numbered(self.dialect.file_name(), files.index)),
            etag: None,
            operation: url_text(operation.target.uri()),
            about: operation.facts.clone(),
            submits: operation.submits,
            index: files.index,
            is_last: !files.has_more(),
            sunset,
        };
        let artifact = Artifact(Arc::new(facts));
        self.move_operation(|operation| {
            State::Inline(Box::new(Inline { operation, artifact, bytes }))
        });
        self.schedule.set(now, Duration::ZERO, Why::Pace);
        self.bump_revision();
    }

    /// Takes over what follows the artifact whose head came. Fails if the job has ended. Returns why the
    /// body is refused unless it shows that a gateway has sent it, which is retried.
    pub(super) fn note_follower(
        &mut self,
        sent: &SentRequest,
        status: StatusCode,
        follows: Follows<'_>,
    ) -> Result<Option<&'static str>, ()> {
        let next = match follows {
            Follows::Nothing => None,
            Follows::Next(url) => Some(self.judge_resource(sent, &url).ok_or(())?),
            Follows::Refuse(what) if status != StatusCode::PARTIAL_CONTENT => {
                return Ok(Some(what));
            }
            Follows::Refuse(_) => None,
        };
        let Some(operation) = self.state.operation_mut() else { return Ok(None) };
        // The response with the rest of an artifact may not repeat what follows.
        if status != StatusCode::PARTIAL_CONTENT || next.is_some() {
            match (&mut operation.files, next) {
                (Some(files), next) => files.next = next,
                (None, None) => {}
                (files @ None, Some(next)) => {
                    let next = Some(next);
                    *files = Some(Box::new(Files { next, ..Files::default() }));
                }
            }
        }
        Ok(None)
    }

    /// All bytes of the current artifact are in the sink.
    pub(in crate::job) fn on_artifact_complete(&mut self, now: Timestamp, artifact: Artifact) {
        if !self.state.operation().is_some_and(Operation::has_more) {
            return self.end(Ok(artifact));
        }
        self.schedule.reset_failures();
        self.schedule.set(now, Duration::ZERO, Why::Pace);
        self.move_operation(|operation| {
            State::Complete(Box::new(Complete { operation, artifact }))
        });
        self.bump_revision();
    }

    /// The driver has finished the current artifact.
    pub(in crate::job) fn on_artifact_finished(&mut self, now: Timestamp) {
        let Some(operation) = self.state.operation_mut() else { return };
        operation.download = None;
        if let Some(files) = &mut operation.files {
            files.advance();
        }
        self.begin_artifact(now, None);
    }

    /// The sink has another number of bytes than the job has counted.
    pub(in crate::job) fn on_wrong_length(&mut self, mistake: Failure) {
        // What is in the sink is not what was received: nothing of it may be kept.
        self.discard_download();
        self.bump_revision();
        self.stop(mistake);
    }
}

/// A file name with the number of the artifact, from the second one on.
pub(super) fn numbered(name: String, index: u32) -> String {
    if index == 0 {
        return name;
    }
    let number = u64::from(index) + 1;
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem}-{number}.{extension}"),
        _ => format!("{name}-{number}"),
    }
}
