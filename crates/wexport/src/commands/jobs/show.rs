//! `wexport jobs show`.

use std::io;

use super::Out;
use crate::report::{Exit, Problem};
use crate::show::{Happening, Record, harmless, sentence};
use crate::state::{Batch, Ending, Found, Job, RowEnd, RowResult, State};

/// Shows what happened to a job, a batch, or an export of a batch.
pub(super) fn show(state: &State, name: &str, json: bool, out: Out<'_>) -> Result<(), Problem> {
    match state.find(name)? {
        Found::Job(job) => show_job(&job, json, out),
        Found::Batch(batch) => show_batch(&batch, json, out),
        Found::Row(batch, number) => show_row(&batch, number, json, out),
    }
}

fn show_job(job: &Job, json: bool, out: Out<'_>) -> Result<(), Problem> {
    let id = job.id();
    let fail = |error| Problem::local(format!("job {id} cannot be read"), &error);
    let events = job.events().map_err(fail)?.into_iter().map(Ok);
    if json {
        return print_records(events, out);
    }
    let description = job.description().map_err(fail)?;
    out(&format!("job {id}: {}\n", job.standing(&description).as_str()))?;
    out(&format!("{}\n", harmless(&description.what.to_string())))?;
    print_ending(description.ending.as_ref(), out)?;
    out("\n")?;
    print_timeline(events, out)
}

/// A batch as a whole, with all exports that failed: each of the others has a file.
fn show_batch(batch: &Batch, json: bool, out: Out<'_>) -> Result<(), Problem> {
    if json {
        return print_records(events(batch, None)?, out);
    }
    let book = batch.read()?;
    let (description, totals) = (book.description()?, book.totals()?);
    out(&format!("batch {}: {}\n", batch.id(), batch.standing(&description).as_str()))?;
    let source = harmless(&description.source);
    out(&format!("{} of {source}, begun {}\n", totals.size(), description.began))?;
    print_ending(description.ending.as_ref(), out)?;
    out("\n")?;
    for (word, count) in totals.by_standing() {
        out(&format!("{:<8}{count:>8}\n", word.as_str()))?;
    }
    let mut failures = book.failures().peekable();
    if failures.peek().is_some() {
        out("\n")?;
    }
    for failure in failures {
        let RowResult { row, what, end, .. } = failure?;
        let line = format!("{}  {what}: {}", batch.row_name(row), in_short(&end));
        out(&format!("{}\n", harmless(&line)))?;
    }
    Ok(())
}

fn show_row(batch: &Batch, number: u64, json: bool, out: Out<'_>) -> Result<(), Problem> {
    let (book, name) = (batch.read()?, batch.row_name(number));
    let Some(row) = book.row(number)? else {
        let totals = book.totals()?;
        let what = format!("there is no export {name}: the batch has {}", totals.size());
        return Err(Problem::new(Exit::No, what));
    };
    if json {
        return print_records(events(batch, Some(number))?, out);
    }
    out(&format!("export {name}: {}\n", row.standing.as_str()))?;
    let source = book.description()?.source;
    let what = format!("{}, line {} of {source}", row.what, row.line);
    out(&format!("{}\n", harmless(&what)))?;
    if let Some(result) = book.result(number)? {
        out(&format!("{}\n", harmless(&in_short(&result.end))))?;
    }
    out("\n")?;
    print_timeline(events(batch, Some(number))?, out)
}

fn events(
    batch: &Batch,
    number: Option<u64>,
) -> Result<impl Iterator<Item = io::Result<Record>>, Problem> {
    let fail = |error| Problem::local(format!("batch {} cannot be read", batch.id()), &error);
    batch.events(number).map_err(fail)
}

fn in_short(end: &RowEnd) -> String {
    match end {
        RowEnd::Done { file, .. } => file.clone(),
        RowEnd::Skipped { file } => format!("{file} exists"),
        RowEnd::Failed { error } => format!("{} (code {})", error.what, error.exit_code),
    }
}

fn print_ending(ending: Option<&Ending>, out: Out<'_>) -> Result<(), Problem> {
    let Some(Ending { at, exit_code, text }) = ending else { return Ok(()) };
    out(&format!("ended {at} with code {exit_code}: {}\n", harmless(text)))
}

/// Prints events as they were recorded.
fn print_records(
    events: impl Iterator<Item = io::Result<Record>>,
    out: Out<'_>,
) -> Result<(), Problem> {
    for record in events {
        let record = record.map_err(unreadable)?;
        if let Ok(line) = serde_json::to_string(&record) {
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
        if let Some(what) = in_full(&record.what) {
            out(&format!("{:<24}  {}\n", record.at, harmless(&what)))?;
        }
    }
    Ok(())
}

fn unreadable(error: io::Error) -> Problem {
    Problem::local("the events cannot be read", &error)
}

/// What a timeline says of an event: more than the display of a run.
fn in_full(what: &Happening) -> Option<String> {
    Some(match what {
        Happening::Sending { phase, method, url } => format!("{phase}: {method} {url}"),
        Happening::Answered { phase, status, retry_after_seconds, request_id } => {
            let wait = retry_after_seconds.map(|wait| format!(", Retry-After {wait} s"));
            let id = request_id.as_ref().map(|id| format!(", request id {id}"));
            format!("{phase}: {status}{}{}", wait.unwrap_or_default(), id.unwrap_or_default())
        }
        Happening::Waiting { seconds, until, why } => {
            format!("waiting {seconds} s until {until} ({})", why.replace('_', " "))
        }
        Happening::Interrupted { exit_code } => format!("stopped by a signal, code {exit_code}"),
        Happening::Error(failure) => format!("error: {}", failure.what),
        Happening::Deprecated => "the service calls the endpoint deprecated".into(),
        Happening::Ignored { what } => format!("ignored: {what}"),
        Happening::Sunset { endpoint, date, .. } => format!("{endpoint} ends on {date}"),
        other => return sentence(other),
    })
}
