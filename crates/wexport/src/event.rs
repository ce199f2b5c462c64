//! The schema of events: what `--json` prints, and what the log of a job stores.
//!
//! Every line is an object with `v` (1), `at` (RFC 3339, UTC), `event`, and the members of that
//! event. Durations are in seconds, sizes in bytes. Later releases may add members but do not
//! change the meaning of existing ones; readers must ignore members that they do not know.

use export_core::driver::Why;
use export_hyper::{Event as JobEvent, FailureKind, ListedFile, Timestamp};
use serde::{Deserialize, Serialize};

use crate::problem::{Ending, Exit, Problem, explanation};
use crate::subject::Subject;

/// An event with its time and its job: one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of the schema.
    pub(crate) v: u32,
    /// The time of the event: RFC 3339, UTC.
    pub(crate) at: String,
    /// The ID of the job; `BATCH/ROW` for an export of a batch. `None` if no state is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// The line of the export in the list of its batch; `None` if the event is about the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    #[serde(flatten)]
    pub(crate) event: Event,
}

const VERSION: u32 = 1;

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A job is started or resumed.
    Started { subject: Subject, api_version: String, base_url: String, resumed: bool },
    /// A request is about to be sent. The values in the URL's query are redacted.
    Sending { phase: String, method: String, url: String },
    /// The head of a response was received.
    Response {
        phase: String,
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// There was no response, or an incomplete one.
    NoResponse { phase: String, reason: String },
    /// The service accepted the export.
    Accepted { operation: String },
    /// The operation has a new status, as the service spells it.
    Status { status: String },
    /// The next request is delayed.
    Waiting {
        seconds: f64,
        until: String,
        /// `retry_after`, `pace`, `back_off`, `resumed` or `turn`.
        reason: String,
    },
    /// A download starts, or continues at an offset.
    Downloading {
        offset: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// The progress of a transfer: about once a second, more often on a terminal, not in the log.
    Progress {
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// The download is complete, and the upload to an object store starts. `progress` starts again
    /// at 0.
    Uploading { url: String, length: u64 },
    /// The endpoint in use will be switched off on a known date.
    Sunset { endpoint: String, date: String, days_left: i64, successor: String },
    /// The service marks the endpoint in use as deprecated, without a date.
    Deprecated,
    /// The service sent something unexpected, which was ignored.
    Ignored { description: String },
    /// What becomes of an earlier run of the same name and date.
    Continuing { message: String },
    /// A problem that does not stop the run.
    Warning { message: String },
    /// The file is complete.
    Done {
        /// A path, the URL of an object, or `-` for standard output.
        file: String,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        original_request: Option<String>,
        /// What the service says about the completed operation.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        details: Vec<String>,
    },
    /// The result of `wexport status`.
    Operation {
        operation: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        is_ready: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        updated: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        original_request: Option<String>,
    },
    /// A file of the workspace (`wexport files`).
    File(FileEntry),
    /// A setting, and where its value is from (`wexport doctor`).
    Setting { name: String, value: String, source: String },
    /// The result of a check (`wexport doctor`).
    Check {
        name: String,
        status: CheckStatus,
        message: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        advice: Vec<String>,
    },
    /// All checks are done (`wexport doctor`).
    Diagnosis { exit_code: u8 },
    /// The file exists and is kept.
    Skipped { file: String },
    /// The program was stopped by a signal.
    Interrupted { exit_code: u8 },
    /// The export failed.
    Error(Box<Failure>),
    /// A batch is started or resumed.
    BatchStarted(BatchStart),
    /// The progress of a batch: at most once a second, and every 30 seconds in the log.
    Totals(Totals),
    /// A batch ended or was stopped. Only warnings of hooks follow, and an error if the end cannot be
    /// recorded.
    BatchDone(BatchEnd),
}

/// A file of the workspace, as the service describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Such as `10-K`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<String>,
    /// The ID of the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    pub(crate) template: bool,
}

impl From<&ListedFile> for FileEntry {
    fn from(file: &ListedFile) -> Self {
        let owned = |text: Option<&str>| text.map(String::from);
        Self {
            id: owned(file.id()),
            name: file.name().into(),
            kind: file.kind().into(),
            r#type: owned(file.type_name()),
            container: owned(file.container()),
            created: owned(file.created()),
            modified: owned(file.modified()),
            state: owned(file.state()),
            template: file.is_template(),
        }
    }
}

/// The result of one check of `wexport doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckStatus {
    Ok,
    Warning,
    Failed,
    NotChecked,
}

/// Why an export failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The program's exit code.
    pub(crate) exit_code: u8,
    /// What failed, in one sentence.
    pub(crate) message: String,
    /// What is exported, for an export of a batch: it may fail before its `started` event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Subject>,
    #[serde(flatten)]
    pub(crate) facts: crate::problem::Facts,
    /// What to do, the most likely remedy first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advice: Vec<String>,
    /// Whether it is safe to try again, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<String>,
}

/// The exports of a batch that have ended, by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndCounts {
    /// The file is complete.
    pub(crate) done: u64,
    /// The file existed and was kept.
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
}

/// The start of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchStart {
    /// The file that lists the exports; `-` for standard input.
    pub(crate) source: String,
    /// The number of exports that it lists.
    pub(crate) exports: u64,
    /// The exports that ended in an earlier run.
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// The number of exports that this run has to do.
    pub(crate) left: u64,
    pub(crate) resumed: bool,
    pub(crate) api_version: String,
    pub(crate) base_url: String,
}

/// The number of exports of a batch in each state. Each export is counted once, except in
/// `under_way`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) exports: u64,
    /// Those that have ended.
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// Not yet accepted by the service.
    pub(crate) to_submit: u64,
    /// Accepted, and not known to be completed.
    pub(crate) open: u64,
    /// Completed, with a download that is not complete.
    pub(crate) to_download: u64,
    /// Downloaded, with an upload to an object store that is not complete.
    pub(crate) uploading: u64,
    /// The exports in any of these states with a request in flight.
    pub(crate) under_way: u64,
    /// The current limit of polls per second; `None` if no limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) polls_per_second: Option<f64>,
    /// How long, and until when, requests are held back because the service is rate-limiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) throttled_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) throttled_until: Option<String>,
    /// The estimated time to the end of the batch; `None` if there is no estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<f64>,
}

/// The end of a run of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchEnd {
    pub(crate) exports: u64,
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// The number of exports that have not ended.
    pub(crate) left: u64,
    /// The number of those that were never submitted.
    pub(crate) not_started: u64,
    /// The duration of this run.
    pub(crate) seconds: f64,
    /// The program's exit code.
    pub(crate) exit_code: u8,
}

impl EndCounts {
    /// The number of exports that have ended.
    pub(crate) const fn total(self) -> u64 {
        self.done.saturating_add(self.skipped).saturating_add(self.failed)
    }
}

impl Record {
    pub(crate) fn new(at: Timestamp, job: Option<String>, event: Event) -> Self {
        Self { v: VERSION, at: at.to_string(), job, row: None, event }
    }

    /// The record of an event of one export of a batch.
    pub(crate) fn of_row(at: Timestamp, batch: Option<&str>, row: u64, event: Event) -> Self {
        let job = batch.map(|batch| format!("{batch}/{row}"));
        Self { row: Some(row), ..Self::new(at, job, event) }
    }
}

impl Event {
    /// Converts an event of the library; `None` if this release does not know it.
    pub(crate) fn from_job(event: &JobEvent) -> Option<(Timestamp, Self)> {
        Some(match event {
            JobEvent::Sending { at, phase, method, url } => (
                *at,
                Self::Sending {
                    phase: phase.to_string(),
                    method: method.to_string(),
                    url: url.to_string(),
                },
            ),
            JobEvent::Response { at, phase, status, retry_after, request_id } => (
                *at,
                Self::Response {
                    phase: phase.to_string(),
                    status: status.as_u16(),
                    retry_after_seconds: retry_after.map(|wait| wait.as_secs_f64()),
                    request_id: request_id
                        .as_ref()
                        .and_then(|id| id.to_str().ok().map(String::from)),
                },
            ),
            JobEvent::Failed { at, phase, kind } => {
                (*at, Self::NoResponse { phase: phase.to_string(), reason: failure_text(*kind) })
            }
            JobEvent::Accepted { at, operation } => {
                (*at, Self::Accepted { operation: operation.to_string() })
            }
            JobEvent::Status { at, status } => (*at, Self::Status { status: status.clone() }),
            JobEvent::Waiting { at, until, why } => (
                *at,
                Self::Waiting {
                    seconds: until.since(*at).as_secs_f64(),
                    until: until.to_string(),
                    reason: wait_reason(*why).into(),
                },
            ),
            JobEvent::Downloading { at, offset, length } => {
                (*at, Self::Downloading { offset: *offset, length: *length })
            }
            JobEvent::Sunset { at, notice } => {
                let date = notice.sunset.sunset.to_string();
                let day = date.split('T').next().unwrap_or(&date);
                let sunset = Self::Sunset {
                    endpoint: notice.sunset.endpoint.into(),
                    date: day.into(),
                    days_left: notice.days_left,
                    successor: notice.sunset.successor.into(),
                };
                (*at, sunset)
            }
            JobEvent::Deprecated { at } => (*at, Self::Deprecated),
            JobEvent::Ignored { at, what } => (*at, Self::Ignored { description: (*what).into() }),
            _ => return None,
        })
    }
}

/// The exit codes of exports that the service refused or failed.
pub(crate) const FINAL_CODES: [u8; 2] = [Exit::Refused.code(), Exit::Failed.code()];

impl Failure {
    /// Whether the export has ended for good, so that only a new one can succeed.
    pub(crate) fn is_final(&self) -> bool {
        FINAL_CODES.contains(&self.exit_code) && self.facts.ending != Some(Ending::Unconfirmed)
    }

    /// Whether the export would fail again: it is repeated only if its run is named.
    pub(crate) fn would_repeat(&self) -> bool {
        FINAL_CODES.contains(&self.exit_code) || self.facts.ending == Some(Ending::Refused)
    }

    /// The lines below its message.
    pub(crate) fn explanation(&self) -> impl Iterator<Item = String> + '_ {
        explanation(&self.facts, &self.advice, self.retry.as_deref())
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        Self {
            exit_code: problem.exit.code(),
            message: problem.message.clone(),
            subject: None,
            facts: (*problem.facts).clone(),
            advice: problem.advice.clone(),
            retry: problem.retry.clone(),
        }
    }
}

fn failure_text(kind: FailureKind) -> String {
    export_hyper::Failure::new(kind).to_string()
}

const fn wait_reason(why: Why) -> &'static str {
    match why {
        Why::RetryAfter => "retry_after",
        Why::Pace => "pace",
        Why::BackOff => "back_off",
        Why::Resumed => "resumed",
        Why::Turn => "turn",
        _ => "other",
    }
}
