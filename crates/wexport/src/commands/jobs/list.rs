//! `wexport jobs list`.

use serde::Serialize;

use super::Out;
use crate::problem::Problem;
use crate::state::{
    BatchDb, BatchDir, DbError, Job, JobRecord, RunDescription, RunStatus, StateDir, StatusCounts,
};
use crate::text::{json, sanitize};

/// One line of `jobs list --json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed<'a> {
    Job {
        id: &'a str,
        status: RunStatus,
        #[serde(flatten)]
        record: &'a JobRecord,
    },
    /// Unlike a job, a batch has `source` and `exports`.
    Batch {
        id: &'a str,
        status: RunStatus,
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
    let jobs = state.jobs()?.into_iter().filter_map(|job| job_line(&job, failed, json));
    let mut lines: Vec<Line> = jobs.collect();
    for batch in state.batches()? {
        lines.extend(batch_line(&batch, failed, json));
    }
    lines.sort_by(|Line(one, _), Line(other, _)| one.cmp(other));
    lines.iter().try_for_each(|Line(_, line)| out(line))
}

fn job_line(job: &Job, failed: bool, json: bool) -> Option<Line> {
    let id = job.id();
    let record = match job.record() {
        Ok(record) => record,
        // Another process may be removing it at this moment, or storing it.
        Err(_) if !job.path().exists() => return None,
        Err(_) if job.is_incomplete() => return (!failed && !json).then(|| incomplete(id)),
        Err(_) => return Some(unreadable(id)),
    };
    let status = job.status(&record);
    if failed && !has_failed(status) {
        return None;
    }
    if json {
        return Some(json_line(&Listed::Job { id, status, record: &record }, id));
    }
    let end = record.run.end.as_ref().map_or("", |end| end.text.as_str());
    Some(text_line(id, status.as_str(), &format!("{}  {end}", record.subject)))
}

fn batch_line(batch: &BatchDir, failed: bool, json: bool) -> Option<Line> {
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
    let status = batch.status(&description);
    if failed && !has_failed(status) {
        return None;
    }
    if json {
        let listed = Listed::Batch { id, status, description: &description, exports };
        return Some(json_line(&listed, id));
    }
    let source = description.source.as_deref().unwrap_or("-");
    let text = format!("{} of {source}: {exports}", exports.size());
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

fn text_line(id: &str, status: &str, rest: &str) -> Line {
    let line = format!("{id:<21} {status:<11} {rest}");
    Line(id.into(), format!("{}\n", sanitize(line.trim_end())))
}

fn json_line(listed: &Listed<'_>, id: &str) -> Line {
    Line(id.into(), json(listed).unwrap_or_default() + "\n")
}
