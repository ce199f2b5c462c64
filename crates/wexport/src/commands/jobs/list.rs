//! `wexport jobs list`.

use serde::Serialize;

use super::{JobsState, Out};
use crate::clock;
use crate::problem::Problem;
use crate::state::{
    BatchDb, BatchDir, DbError, Job, Later, LaterExports, RunDescription, RunStatus,
    RunningProcess, StatusCounts,
};
use crate::subject::Subject;
use crate::text::{json, sanitize};

/// One line of `jobs list --json`. Members are added in later releases and never change their
/// meaning.
#[derive(Default, Serialize)]
struct Listed<'a> {
    /// The version of the format.
    v: u32,
    /// The ID.
    job: &'a str,
    status: &'a str,
    /// The ID of the later run that has brought the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<&'a str>,
    /// The process of a run that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ListedProcess>,
    /// RFC 3339, UTC, as is `ended`.
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// The file of a single export, or its error; the totals of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    /// What a single export is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    /// The value of `-o` of a single export.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    /// The list of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    /// The number of exports of a batch with each status.
    #[serde(skip_serializing_if = "Option::is_none")]
    exports: Option<StatusCounts>,
}

/// The process of a run.
#[derive(Serialize)]
struct ListedProcess {
    pid: u32,
    host: String,
    /// When it was last heard of: RFC 3339, UTC.
    heard: String,
}

impl From<RunningProcess> for ListedProcess {
    fn from(RunningProcess { pid, host, heard }: RunningProcess) -> Self {
        Self { pid, host, heard: heard.to_string() }
    }
}

impl<'a> Listed<'a> {
    const VERSION: u32 = 1;

    fn new(job: &'a str, status: RunStatus, run: &'a RunDescription) -> Self {
        let end = run.end.as_ref();
        Self {
            v: Self::VERSION,
            job,
            status: status.as_str(),
            began: Some(run.began.to_string()),
            ended: end.map(|end| end.at.to_string()),
            exit_code: end.map(|end| end.exit_code),
            result: end.map(|end| end.text.as_str()),
            base_url: Some(&run.base_url),
            api_version: Some(&run.api_version),
            client_id: run.client_id.as_deref(),
            source: run.source.as_deref(),
            ..Self::default()
        }
    }
}

/// A line, and the id that it is sorted by.
struct Line(String, String);

/// Lists the jobs and the batches, the latest last.
pub(super) fn list(
    state: &JobsState,
    failed: bool,
    json: bool,
    out: Out<'_>,
) -> Result<(), Problem> {
    let later = LaterExports::find(state)?;
    let job_line = |job: Job| job_line(&job, later.superseding(job.id()), failed, json);
    let mut lines: Vec<Line> = state.jobs()?.into_iter().filter_map(job_line).collect();
    for batch in state.batches()? {
        lines.extend(batch_line(state, &batch, later.superseding(batch.id()), failed, json));
    }
    lines.sort_by(|Line(one, _), Line(other, _)| one.cmp(other));
    lines.iter().try_for_each(|Line(_, line)| out(line))
}

fn job_line(job: &Job, by: Option<&Later>, failed: bool, json: bool) -> Option<Line> {
    let id = job.id();
    let record = match job.record() {
        Ok(record) => record,
        // Another process may be removing it at this moment, or storing it.
        Err(_) if !job.path().exists() => return None,
        Err(_) if job.is_incomplete() => return (!failed && !json).then(|| incomplete(id)),
        Err(_) => return Some(unreadable(id, json)),
    };
    let status = by.map_or_else(|| job.status(&record), |_| RunStatus::Superseded);
    if failed && !has_failed(status) {
        return None;
    }
    let superseded_by = by.map(|later| later.id.as_str());
    let process = (status == RunStatus::Running).then(|| job.process()).flatten();
    if json {
        let (subject, output) = (Some(&record.subject), record.destination.output.as_deref());
        let listed = Listed::new(id, status, &record.run);
        let process = process.map(ListedProcess::from);
        let listed = Listed { superseded_by, process, subject, output, ..listed };
        return Some(json_line(&listed));
    }
    if let Some(process) = process {
        return Some(running_line(id, &process, &record.subject.to_string()));
    }
    let end = record.run.end.as_ref().map_or("", |end| end.text.as_str());
    let by = superseded_by.map(|by| format!(" (superseded by {by})")).unwrap_or_default();
    Some(text_line(id, status.as_str(), &format!("{}  {end}{by}", record.subject)))
}

fn batch_line(
    state: &JobsState,
    batch: &BatchDir,
    by: Option<&Later>,
    failed: bool,
    json: bool,
) -> Option<Line> {
    let id = batch.id();
    let read = || -> Result<(RunDescription, StatusCounts), DbError> {
        let db = BatchDb::open(batch)?;
        Ok((db.description()?, state.totals(&db)?))
    };
    let (description, exports) = match read() {
        Ok(read) => read,
        Err(_) if !batch.path().exists() => return None,
        Err(error) if error.is_incomplete() => {
            return (!failed && !json).then(|| incomplete(id));
        }
        Err(_) => return Some(unreadable(id, json)),
    };
    let status = by.map_or_else(|| batch.status(&description), |_| RunStatus::Superseded);
    if failed && !has_failed(status) {
        return None;
    }
    let superseded_by = by.map(|later| later.id.as_str());
    let process = (status == RunStatus::Running).then(|| batch.process()).flatten();
    if json {
        let listed = Listed::new(id, status, &description);
        let (process, exports) = (process.map(ListedProcess::from), Some(exports));
        let listed = Listed { superseded_by, process, exports, ..listed };
        return Some(json_line(&listed));
    }
    let source = description.source.as_deref().unwrap_or("-");
    let by = superseded_by.map(|by| format!(" (superseded by {by})")).unwrap_or_default();
    let text = format!("{} of {source}: {exports}{by}", exports.size());
    if let Some(process) = process {
        return Some(running_line(id, &process, &text));
    }
    Some(text_line(id, status.as_str(), &text))
}

const fn has_failed(status: RunStatus) -> bool {
    matches!(status, RunStatus::Failed | RunStatus::Interrupted)
}

fn incomplete(id: &str) -> Line {
    text_line(id, "incomplete", "nothing was sent")
}

fn unreadable(id: &str, json: bool) -> Line {
    const UNREADABLE: &str = "unreadable";
    if json {
        let v = Listed::VERSION;
        return json_line(&Listed { v, job: id, status: UNREADABLE, ..Listed::default() });
    }
    text_line(id, UNREADABLE, "")
}

/// The line of a run that is running: `running  document d1 as pdf  process 7 on host, heard of 4 s ago`.
fn running_line(id: &str, process: &RunningProcess, what: &str) -> Line {
    let now = clock::now();
    text_line(id, &process.status(now), &format!("{what}  {}", process.remark(now, id)))
}

fn text_line(id: &str, status: &str, rest: &str) -> Line {
    let line = format!("{id:<21} {status:<11} {rest}");
    Line(id.into(), format!("{}\n", sanitize(line.trim_end())))
}

fn json_line(listed: &Listed<'_>) -> Line {
    Line(listed.job.into(), json(listed).unwrap_or_default() + "\n")
}
