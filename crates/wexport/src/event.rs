//! An event as it is printed by `--json` and kept in a job's log: the documented schema.
//!
//! Every line is an object with `v` (1), `at` (RFC 3339, UTC), `event`, and the members of that
//! event. Lengths of time are in seconds, sizes in bytes. Members are added in later releases and
//! never change their meaning; readers ignore what they do not know.

use export_hyper::{Event as JobEvent, FailureKind, Timestamp, Why};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::subject::Subject;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of the schema.
    pub(crate) v: u32,
    /// When it happened: RFC 3339, UTC.
    pub(crate) at: String,
    /// The job, if its state is kept: `BATCH/ROW` for an export of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// The number of the export in its batch, from 1; none for what is about the whole of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// The version of the schema.
const VERSION: u32 = 1;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A run begins, or goes on with a job.
    Started {
        #[serde(rename = "what")]
        subject: Subject,
        api_version: String,
        base_url: String,
        resumed: bool,
    },
    /// A request is about to be sent; the values of the URL's query are hidden.
    Sending { phase: String, method: String, url: String },
    /// The head of an answer came.
    Answered {
        phase: String,
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// No answer came, or half of one.
    NoAnswer { phase: String, why: String },
    /// The service accepted the export.
    Accepted { operation: String },
    /// The operation has a new state, in the service's own word.
    Status { status: String },
    /// The next request waits: `retry_after`, `pace`, `back_off`, `resumed` or `turn`.
    Waiting { seconds: f64, until: String, why: String },
    /// The file begins to come, or goes on at an offset.
    Downloading {
        offset: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// How far the download is; about once a second, more often on a terminal, and not in the log.
    Progress {
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// The whole file is here, and goes on into an object store. `progress` starts again at 0.
    Uploading { url: String, length: u64 },
    /// The endpoint in use has an announced end.
    Sunset { endpoint: String, date: String, days_left: i64, successor: String },
    /// The service calls the endpoint in use deprecated, and no end of it is known.
    Deprecated,
    /// The service sent something that was ignored.
    Ignored { what: String },
    /// Something to know that stops nothing.
    Warning { message: String },
    /// The file is where it should be; `file` is `-` for standard output, or a URL.
    Done {
        file: String,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        original_request: Option<String>,
    },
    /// What `wexport status` was answered.
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
    /// A setting, and where it was set (`wexport doctor`).
    Setting { name: String, value: String, from: String },
    /// Something that was looked at (`wexport doctor`): `ok`, `warning`, `failed`, `not_checked`.
    Check {
        name: String,
        standing: CheckStatus,
        what: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        advice: Vec<String>,
    },
    /// Everything was looked at (`wexport doctor`).
    Diagnosis { exit_code: u8 },
    /// There is a file already, and it was to be left.
    Skipped { file: String },
    /// Somebody stopped the program.
    Interrupted { exit_code: u8 },
    /// It ended without its file.
    Error(Box<Failure>),
    /// A batch begins, or goes on.
    BatchStarted(BatchStart),
    /// How a batch stands; at most once a second, and every half a minute in the log.
    Totals(Totals),
    /// A batch is over, or was stopped: the last event of a run.
    BatchDone(BatchEnd),
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

/// How it ended without its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The program's exit code.
    pub(crate) exit_code: u8,
    /// What failed, in one sentence.
    pub(crate) what: String,
    /// What was to be exported; in a batch, where it may fail before it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<Subject>,
    #[serde(flatten)]
    pub(crate) facts: crate::problem::Facts,
    /// What to do about it, most likely first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advice: Vec<String>,
    /// Whether it is safe to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<String>,
}

/// How many exports of a batch are over, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndCounts {
    /// Their file is where it should be.
    pub(crate) done: u64,
    /// Another file was there, and was to be left.
    pub(crate) skipped: u64,
    /// They ended without their file.
    pub(crate) failed: u64,
}

/// A batch, as it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchStart {
    /// The file that lists the exports; `-` for standard input.
    pub(crate) source: String,
    /// How many it lists.
    pub(crate) exports: u64,
    /// Those that an earlier run has brought to their end.
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// Those that this run is to bring there.
    pub(crate) left: u64,
    pub(crate) resumed: bool,
    pub(crate) api_version: String,
    pub(crate) base_url: String,
}

/// Where the exports of a batch are. Each is counted once, except in `under_way`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) exports: u64,
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// Not accepted by the service yet.
    pub(crate) to_submit: u64,
    /// Accepted, and not known to be completed.
    pub(crate) open: u64,
    /// Completed, and their file is not here yet.
    pub(crate) to_download: u64,
    /// Their file is here, and goes on into an object store.
    pub(crate) uploading: u64,
    /// Those of all of these that a request is on its way for.
    pub(crate) under_way: u64,
    /// How many polls a second there may be at present; none if no limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) polls_per_second: Option<f64>,
    /// For how long, and until when, the service wants to be left alone, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held_until: Option<String>,
    /// How long it will take from here, if anybody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<f64>,
}

/// A batch, as a run of it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchEnd {
    pub(crate) exports: u64,
    #[serde(flatten)]
    pub(crate) ended: EndCounts,
    /// Those that are not over.
    pub(crate) left: u64,
    /// Those of them that the service was never asked for.
    pub(crate) not_begun: u64,
    /// How long this run took.
    pub(crate) seconds: f64,
    /// The program's exit code.
    pub(crate) exit_code: u8,
}

impl EndCounts {
    /// How many that are.
    pub(crate) const fn total(self) -> u64 {
        self.done.saturating_add(self.skipped).saturating_add(self.failed)
    }
}

impl Record {
    pub(crate) fn new(at: Timestamp, job: Option<String>, event: Event) -> Self {
        Self { v: VERSION, at: at.to_string(), job, row: None, event }
    }

    /// One of an export of a batch.
    pub(crate) fn of_row(at: Timestamp, batch: Option<&str>, row: u64, event: Event) -> Self {
        let job = batch.map(|batch| format!("{batch}/{row}"));
        Self { row: Some(row), ..Self::new(at, job, event) }
    }
}

impl Event {
    /// Converts an event of the library; `None` for one that this release does not know.
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
            JobEvent::Answered { at, phase, status, retry_after, request_id } => (
                *at,
                Self::Answered {
                    phase: phase.to_string(),
                    status: status.as_u16(),
                    retry_after_seconds: retry_after.map(|wait| wait.as_secs_f64()),
                    request_id: request_id
                        .as_ref()
                        .and_then(|id| id.to_str().ok().map(String::from)),
                },
            ),
            JobEvent::Failed { at, phase, kind } => {
                (*at, Self::NoAnswer { phase: phase.to_string(), why: words(*kind) })
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
                    why: reason(*why).into(),
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
            JobEvent::Ignored { at, what } => (*at, Self::Ignored { what: (*what).into() }),
            _ => return None,
        })
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        Self {
            exit_code: problem.exit.code(),
            what: problem.what.clone(),
            export: None,
            facts: (*problem.facts).clone(),
            advice: problem.advice.clone(),
            again: problem.again.clone(),
        }
    }
}

fn words(kind: FailureKind) -> String {
    export_hyper::Failure::new(kind).to_string()
}

const fn reason(why: Why) -> &'static str {
    match why {
        Why::RetryAfter => "retry_after",
        Why::Pace => "pace",
        Why::BackOff => "back_off",
        Why::Resumed => "resumed",
        Why::Turn => "turn",
        _ => "other",
    }
}
