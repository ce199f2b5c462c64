//! `wexport jobs list`, `show` and `clean`.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::environment;
use crate::cli::{Session, Span, StateArgs};
use crate::clock;
use crate::report::Problem;
use crate::settings::Settings;
use crate::show::{Happening, Record, harmless, print, sentence};
use crate::state::{Description, Job, Standing, State};

/// One line of `jobs list --json`.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    standing: Standing,
    #[serde(flatten)]
    description: &'a Description,
}

/// Lists the jobs.
pub(super) fn list(failed: bool, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    let mut text = String::new();
    for job in state_of(flags)?.jobs()? {
        let Ok(description) = job.description() else {
            let _ = writeln!(text, "{:<21} unreadable", job.id());
            continue;
        };
        let standing = job.standing(&description);
        if failed && !matches!(standing, Standing::Failed | Standing::Interrupted) {
            continue;
        }
        if json {
            let listed = Listed { id: job.id(), standing, description: &description };
            text.push_str(&serde_json::to_string(&listed).unwrap_or_default());
            text.push('\n');
        } else {
            let ending = description.ending.as_ref().map_or("", |ending| &ending.text);
            let (id, standing) = (job.id(), standing.as_str());
            let line = format!("{id:<21} {standing:<11} {}  {ending}", description.what);
            let _ = writeln!(text, "{}", harmless(line.trim_end()));
        }
    }
    print(&text)
}

/// Shows what happened to a job.
pub(super) fn show(name: &str, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    let job = state_of(flags)?.find(name)?;
    let fail = |error| Problem::local(format!("job {} cannot be read", job.id()), &error);
    let events = job.events().map_err(fail)?;
    if json {
        let lines: Vec<String> =
            events.iter().filter_map(|e| serde_json::to_string(e).ok()).collect();
        return print(&(lines.join("\n") + "\n"));
    }
    let description = job.description().map_err(fail)?;
    print(&timeline(&job, &description, &events))
}

fn timeline(job: &Job, description: &Description, events: &[Record]) -> String {
    let mut text = String::new();
    let standing = job.standing(description).as_str();
    let _ = writeln!(text, "job {}: {standing}", job.id());
    let _ = writeln!(text, "{}", description.what);
    if let Some(ending) = &description.ending {
        let _ = writeln!(
            text,
            "ended {} with code {}: {}",
            ending.at,
            ending.exit_code,
            harmless(&ending.text)
        );
    }
    text.push('\n');
    for record in events {
        if let Some(what) = in_full(&record.what) {
            let _ = writeln!(text, "{:<24}  {}", record.at, harmless(&what));
        }
    }
    text
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

/// Forgets jobs that are over, or that nobody went on with for so long. A job is kept if what it
/// left in an object store cannot be taken back.
pub(super) async fn clean(older_than: Span, flags: &StateArgs) -> Result<(), Problem> {
    let now = clock::now();
    let mut forgotten = 0_u32;
    #[cfg_attr(not(feature = "store"), expect(unused_mut, reason = "no job left anything there"))]
    let mut kept = Ok(());
    for job in state_of(flags)?.jobs()? {
        let Ok(description) = job.description() else { continue };
        let is_old = now.since(description.began) >= older_than.0;
        if is_old && job.standing(&description) != Standing::Running {
            #[cfg(feature = "store")]
            if let Err(problem) = take_back(&job, &description, flags).await {
                kept = kept.and(Err(problem));
                continue;
            }
            job.remove().map_err(|error| {
                Problem::local(format!("cannot remove {}", job.path().display()), &error)
            })?;
            forgotten += 1;
        }
    }
    print(&format!("forgot {forgotten} {}\n", if forgotten == 1 { "job" } else { "jobs" }))?;
    kept
}

/// Takes back the upload that a job began, if it did.
#[cfg(feature = "store")]
async fn take_back(job: &Job, description: &Description, flags: &StateArgs) -> Result<(), Problem> {
    let session = Session { state: flags.clone(), ..Session::default() };
    let settings = Settings::resolve(&session, &environment)?;
    let taken_back = crate::place::abandon(job.path(), &description.place, &settings).await;
    taken_back.map_err(|mut problem| {
        problem.what = format!("job {} is kept: {}", job.id(), problem.what);
        problem
    })
}

fn state_of(flags: &StateArgs) -> Result<State, Problem> {
    let session = Session { state: flags.clone(), ..Session::default() };
    let settings = Settings::resolve(&session, &environment)?;
    let folder: PathBuf = settings
        .state
        .ok_or_else(|| Problem::usage("--no-state and `jobs` exclude each other: a job is state"))?
        .value;
    Ok(State::existing(&folder))
}
