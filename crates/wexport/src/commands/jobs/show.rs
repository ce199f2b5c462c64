//! `wexport jobs show`.

use std::io;

use super::{JobsState, Out};
use crate::clock;
use crate::event::Record;
use crate::problem::{Exit, Problem};
use crate::state::{
    BatchDb, BatchDir, Found, Job, Later, LaterExports, RowEnd, RowResult, RunEnd, RunStatus,
    RunningProcess, StateDir,
};
use crate::text::{json, sanitize};
use crate::ui::detail;

/// Shows what happened to a job, a batch, or an export of a batch.
pub(super) fn show(state: &JobsState, id: &str, json: bool, out: Out<'_>) -> Result<(), Problem> {
    match state.find(id)? {
        Found::Job(job) => show_job(state, &job, json, out),
        Found::Batch(batch) => show_batch(state, &batch, json, out),
        Found::Row(batch, number) => show_row(&batch, number, json, out),
    }
}

fn show_job(state: &StateDir, job: &Job, json: bool, out: Out<'_>) -> Result<(), Problem> {
    let id = job.id();
    let fail = |error| Problem::local(format!("cannot read job {id}"), &error);
    let events = job.events().map_err(fail)?.into_iter().map(Ok);
    if json {
        return print_records(events, out);
    }
    let record = job.record().map_err(fail)?;
    let status = job.status(&record);
    let is_unfinished = status != RunStatus::Done;
    let (status, process) = with_process(id, status, job.process());
    out(&format!("job {id}: {status}\n{process}"))?;
    out(&format!("{}\n", sanitize(&record.subject.to_string())))?;
    print_end(record.run.end.as_ref(), out)?;
    let outcome = record.run.end.as_ref().and_then(|end| end.outcome.as_ref());
    print_explanation(outcome, out)?;
    print_later(state, id, is_unfinished, out)?;
    out("\n")?;
    print_timeline(events, out)
}

/// A batch as a whole, and the exports that failed.
fn show_batch(
    state: &JobsState,
    batch: &BatchDir,
    json: bool,
    out: Out<'_>,
) -> Result<(), Problem> {
    if json {
        return print_records(events(batch, None)?, out);
    }
    let db = BatchDb::open(batch)?;
    let (description, totals) = (db.description()?, db.totals()?);
    let (id, status) = (batch.id(), batch.status(&description));
    let is_unfinished = status != RunStatus::Done;
    let workers = state.workers(id)?;
    let process = batch.process().filter(|_| workers.is_empty());
    let (status, process) = with_process(id, status, process);
    out(&format!("batch {id}: {status}\n{process}"))?;
    for worker in workers {
        out(&format!("worker: {}\n", worker.remark(clock::now(), id)))?;
    }
    let source = sanitize(description.source.as_deref().unwrap_or("-"));
    out(&format!("{} of {source}, begun {}\n", totals.size(), description.began))?;
    print_end(description.end.as_ref(), out)?;
    print_later(state, id, is_unfinished, out)?;
    out("\n")?;
    for (status, count) in totals.by_status() {
        out(&format!("{:<8}{count:>8}\n", status.as_str()))?;
    }
    let mut failures = db.failures().peekable();
    if failures.peek().is_some() {
        out("\n")?;
    }
    for failure in failures {
        let RowResult { row, subject, end, .. } = failure?;
        let line = format!("{}  {subject}: {}", batch.row_name(row), summary(&end));
        out(&format!("{}\n", sanitize(&line)))?;
        print_explanation(Some(&end), out)?;
    }
    Ok(())
}

/// The status of a run, and a line about its process if it is running.
fn with_process(id: &str, status: RunStatus, process: Option<RunningProcess>) -> (String, String) {
    let now = clock::now();
    match process.filter(|_| status == RunStatus::Running) {
        Some(process) => (process.status(now), format!("{}\n", process.remark(now, id))),
        None => (status.as_str().into(), String::new()),
    }
}

fn show_row(batch: &BatchDir, number: u64, json: bool, out: Out<'_>) -> Result<(), Problem> {
    let (db, name) = (BatchDb::open(batch)?, batch.row_name(number));
    let Some(row) = db.row(number)? else {
        let totals = db.totals()?;
        let message = format!("there is no export {name}: the batch has {}", totals.size());
        return Err(Problem::new(Exit::No, message));
    };
    if json {
        return print_records(events(batch, Some(number))?, out);
    }
    out(&format!("export {name}: {}\n", row.status.as_str()))?;
    let source = db.description()?.source;
    let source = source.as_deref().unwrap_or("-");
    let line = format!("{}, line {} of {source}", row.subject, row.line);
    out(&format!("{}\n", sanitize(&line)))?;
    if let Some(result) = db.result(number)? {
        out(&format!("{}\n", sanitize(&summary(&result.end))))?;
        print_explanation(Some(&result.end), out)?;
    }
    out("\n")?;
    print_timeline(events(batch, Some(number))?, out)
}

fn events(
    batch: &BatchDir,
    number: Option<u64>,
) -> Result<impl Iterator<Item = io::Result<Record>>, Problem> {
    let fail = |error| Problem::local(format!("cannot read batch {}", batch.id()), &error);
    batch.events(number).map_err(fail)
}

fn summary(end: &RowEnd) -> String {
    match end {
        RowEnd::Done { file, .. } => file.clone(),
        RowEnd::Skipped { file } => format!("{file} exists"),
        RowEnd::Failed { error } => format!("{} (code {})", error.message, error.exit_code),
    }
}

fn print_end(end: Option<&RunEnd>, out: Out<'_>) -> Result<(), Problem> {
    let Some(RunEnd { at, exit_code, text, .. }) = end else { return Ok(()) };
    out(&format!("ended {at} with code {exit_code}: {}\n", sanitize(text)))
}

/// Prints what the service said of an export that failed, and what to do.
fn print_explanation(end: Option<&RowEnd>, out: Out<'_>) -> Result<(), Problem> {
    let Some(RowEnd::Failed { error }) = end else { return Ok(()) };
    error.explanation().try_for_each(|line| out(&format!("{line}\n")))
}

/// Prints which later run has brought the file of one that has none.
fn print_later(
    state: &StateDir,
    id: &str,
    is_unfinished: bool,
    out: Out<'_>,
) -> Result<(), Problem> {
    if !is_unfinished {
        return Ok(());
    }
    match LaterExports::find(state)?.superseding(id) {
        Some(Later { id, file: Some(file) }) => {
            out(&format!("superseded by {id}: {}\n", sanitize(file)))
        }
        _ => Ok(()),
    }
}

/// Prints events unchanged.
fn print_records(
    events: impl Iterator<Item = io::Result<Record>>,
    out: Out<'_>,
) -> Result<(), Problem> {
    for record in events {
        let record = record.map_err(unreadable)?;
        if let Ok(line) = json(&record) {
            out(&format!("{line}\n"))?;
        }
    }
    Ok(())
}

/// Prints events for people.
fn print_timeline(
    events: impl Iterator<Item = io::Result<Record>>,
    out: Out<'_>,
) -> Result<(), Problem> {
    for record in events {
        let record = record.map_err(unreadable)?;
        if let Some(text) = detail(&record.event) {
            out(&format!("{:<24}  {}\n", record.at, sanitize(&text)))?;
        }
    }
    Ok(())
}

fn unreadable(error: io::Error) -> Problem {
    Problem::local("cannot read the log", &error)
}
