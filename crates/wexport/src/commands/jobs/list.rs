//! `wexport jobs list`.

use serde::Serialize;

use super::Out;
use crate::clock;
use crate::problem::Problem;
use crate::state::{
    BatchDb, BatchDir, DbError, Job, JobRecord, Later, LaterExports, RunDescription, RunStatus,
    RunningProcess, StateDir, StatusCounts,
};
use crate::text::{json, sanitize};

/// One line of `jobs list --json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed<'a> {
    Job {
        id: &'a str,
        status: RunStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        superseded_by: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        process: Option<RunningProcess>,
        #[serde(flatten)]
        record: &'a JobRecord,
    },
    /// Unlike a job, a batch has `source` and `exports`.
    Batch {
        id: &'a str,
        status: RunStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        superseded_by: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        process: Option<RunningProcess>,
        #[serde(flatten)]
        description: &'a RunDescription,
        /// The number of exports with each status.
        exports: StatusCounts,
    },
}

/// A line, and the id that it is sorted by.
struct Line(String, String);

/// Lists the jobs and the batches, the latest last.
pub(super) fn list(
    state: &StateDir,
    failed: bool,
    json: bool,
    out: Out<'_>,
) -> Result<(), Problem> {
    let later = LaterExports::find(state)?;
    let job_line = |job: Job| job_line(&job, later.superseding(job.id()), failed, json);
    let mut lines: Vec<Line> = state.jobs()?.into_iter().filter_map(job_line).collect();
    for batch in state.batches()? {
        lines.extend(batch_line(&batch, later.superseding(batch.id()), failed, json));
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
        Err(_) => return Some(unreadable(id)),
    };
    let status = by.map_or_else(|| job.status(&record), |_| RunStatus::Superseded);
    if failed && !has_failed(status) {
        return None;
    }
    let superseded_by = by.map(|later| later.id.as_str());
    let process = (status == RunStatus::Running).then(|| job.process()).flatten();
    if json {
        return Some(json_line(
            &Listed::Job { id, status, superseded_by, process, record: &record },
            id,
        ));
    }
    if let Some(process) = process {
        return Some(running_line(id, &process, &record.subject.to_string()));
    }
    let end = record.run.end.as_ref().map_or("", |end| end.text.as_str());
    let by = superseded_by.map(|by| format!(" (superseded by {by})")).unwrap_or_default();
    Some(text_line(id, status.as_str(), &format!("{}  {end}{by}", record.subject)))
}

fn batch_line(batch: &BatchDir, by: Option<&Later>, failed: bool, json: bool) -> Option<Line> {
    let id = batch.id();
    let read = || -> Result<(RunDescription, StatusCounts), DbError> {
        let db = BatchDb::open(batch)?;
        Ok((db.description()?, db.totals()?))
    };
    let (description, exports) = match read() {
        Ok(read) => read,
        Err(_) if !batch.path().exists() => return None,
        Err(error) if error.is_incomplete() => {
            return (!failed && !json).then(|| incomplete(id));
        }
        Err(_) => return Some(unreadable(id)),
    };
    let status = by.map_or_else(|| batch.status(&description), |_| RunStatus::Superseded);
    if failed && !has_failed(status) {
        return None;
    }
    let superseded_by = by.map(|later| later.id.as_str());
    let process = (status == RunStatus::Running).then(|| batch.process()).flatten();
    if json {
        let listed = Listed::Batch {
            id,
            status,
            superseded_by,
            process,
            description: &description,
            exports,
        };
        return Some(json_line(&listed, id));
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

fn unreadable(id: &str) -> Line {
    text_line(id, "unreadable", "")
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

fn json_line(listed: &Listed<'_>, id: &str) -> Line {
    Line(id.into(), json(listed).unwrap_or_default() + "\n")
}
