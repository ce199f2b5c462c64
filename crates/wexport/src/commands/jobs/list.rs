//! `wexport jobs list`.

use serde::Serialize;

use super::Out;
use crate::report::Problem;
use crate::show::harmless;
use crate::state::{Batch, BatchDescription, BookError, Description, Job, Standing, State, Totals};

/// One line of `jobs list --json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed<'a> {
    Job {
        id: &'a str,
        standing: Standing,
        #[serde(flatten)]
        description: &'a Description,
    },
    /// It has `source` and `exports`, and a job has neither.
    Batch {
        id: &'a str,
        standing: Standing,
        #[serde(flatten)]
        description: &'a BatchDescription,
        /// How many stand how.
        exports: Totals,
    },
}

/// A line with the id that it is sorted by.
struct Line(String, String);

/// Lists the jobs and the batches, the latest last.
pub(super) fn list(state: &State, failed: bool, json: bool, out: Out<'_>) -> Result<(), Problem> {
    let jobs = state.jobs()?.into_iter().filter_map(|job| line_of_job(&job, failed, json));
    let mut lines: Vec<Line> = jobs.collect();
    for batch in state.batches()? {
        lines.extend(line_of_batch(&batch, failed, json));
    }
    lines.sort_by(|Line(one, _), Line(other, _)| one.cmp(other));
    lines.iter().try_for_each(|Line(_, line)| out(line))
}

fn line_of_job(job: &Job, failed: bool, json: bool) -> Option<Line> {
    let id = job.id();
    let Ok(description) = job.description() else { return Some(unreadable(id)) };
    let standing = job.standing(&description);
    if failed && !has_failed(standing) {
        return None;
    }
    if json {
        return Some(in_json(&Listed::Job { id, standing, description: &description }, id));
    }
    let ending = description.ending.as_ref().map_or("", |ending| &ending.text);
    Some(in_words(id, standing.as_str(), &format!("{}  {ending}", description.what)))
}

fn line_of_batch(batch: &Batch, failed: bool, json: bool) -> Option<Line> {
    let id = batch.id();
    let read = || -> Result<(BatchDescription, Totals), BookError> {
        let book = batch.read()?;
        Ok((book.description()?, book.totals()?))
    };
    let (description, exports) = match read() {
        Ok(read) => read,
        // It may be that it is being written down at this moment.
        Err(error) if error.is_incomplete() => {
            let nothing_sent = "nothing of it was sent";
            return (!failed && !json).then(|| in_words(id, "incomplete", nothing_sent));
        }
        Err(_) => return Some(unreadable(id)),
    };
    let standing = batch.standing(&description);
    if failed && !has_failed(standing) {
        return None;
    }
    if json {
        let listed = Listed::Batch { id, standing, description: &description, exports };
        return Some(in_json(&listed, id));
    }
    let words = format!("{} of {}: {exports}", exports.size(), description.source);
    Some(in_words(id, standing.as_str(), &words))
}

const fn has_failed(standing: Standing) -> bool {
    matches!(standing, Standing::Failed | Standing::Interrupted)
}

fn unreadable(id: &str) -> Line {
    in_words(id, "unreadable", "")
}

fn in_words(id: &str, standing: &str, rest: &str) -> Line {
    let line = format!("{id:<21} {standing:<11} {rest}");
    Line(id.into(), format!("{}\n", harmless(line.trim_end())))
}

fn in_json(listed: &Listed<'_>, id: &str) -> Line {
    Line(id.into(), serde_json::to_string(listed).unwrap_or_default() + "\n")
}
