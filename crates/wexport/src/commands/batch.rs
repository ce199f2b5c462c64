//! `wexport batch`, and going on with one.

use std::path::{self, PathBuf};
use std::sync::Arc;

use export_hyper::{ApiVersion, Config, ExportJob};

use super::environment;
use crate::cli::{BatchArgs, DryRun, ResubmitWord, Session};
use crate::place::Claims;
use crate::report::{Exit, Problem};
use crate::run::{Fleet, Prepared, claims_of, prepare};
use crate::settings::{Settings, dress};
use crate::show::{BatchWatcher, batch_display, print};
use crate::spec::{Line, Source, dry_run, read_lines};
use crate::state::{Batch, BatchDescription, BatchOptions, Paces, Reopen, State};
use crate::{clock, sunset};

/// Runs the exports of a list.
pub(super) async fn run(command: BatchArgs) -> Exit {
    let watcher = Arc::new(BatchWatcher::new(batch_display(command.session.show)));
    conclude(begin(&command, &watcher).await, &watcher)
}

/// Goes on with a batch.
pub(super) async fn resume(
    (batch, paces): (&Batch, Paces),
    which: Reopen,
    session: &Session,
    resubmit: Option<ResubmitWord>,
) -> Exit {
    let watcher = Arc::new(BatchWatcher::new(batch_display(session.show)));
    conclude(go_on((batch, paces), which, session, resubmit, &watcher).await, &watcher)
}

/// How a run ended, and the batch that it was of.
type Ended = Result<Option<(Exit, String)>, Problem>;

async fn begin(command: &BatchArgs, watcher: &Arc<BatchWatcher>) -> Ended {
    let mut settings = Settings::resolve(&command.session, &environment)?;
    if let Some(word) = command.resubmit {
        settings.resubmit = word.into();
    }
    let config = settings.config()?;
    let (source, began) = (Source::new(&command.list), clock::now());
    let lines = read_lines(&source, &command.place, began, &config)?;
    for Line { number, unknown, .. } in &lines {
        for field in unknown {
            watcher.warn(format!(
                "line {number}: {field} is not known to this release; it is sent as it is"
            ));
        }
    }
    if settings.deny_deprecated {
        deny_deprecated(&lines, &config)?;
    }
    if let Some(form) = command.dry_run {
        return print(&requests(lines, &config, form)?).map(|()| None);
    }
    let state = settings.state.as_ref().ok_or_else(|| {
        Problem::usage("--no-state and `batch` exclude each other: a batch is state")
    })?;
    let state = State::open(&state.value)?;
    let claims = Claims::default();
    let prepared = prepare(lines, &claims, &settings, &config).await?;
    let description = BatchDescription {
        began,
        base_url: settings.service.value.base_url().into(),
        api_version: settings.api_version.value.to_string(),
        source: command.list.clone(),
        options: BatchOptions {
            keep_going: command.keep_going,
            max_in_flight: command.max_in_flight.map(Into::into),
            results: command.results.as_ref().map(absolute).transpose()?,
        },
        ending: None,
    };
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for (number, Prepared { row, skipped: path }) in (1..).zip(prepared) {
        rows.push(row);
        skipped.extend(path.map(|path| (number, path)));
    }
    let book = state.create_batch(&description, rows)?;
    let id = book.batch().id().to_owned();
    let fleet = Fleet::open(book, state.paces(), settings, claims, watcher)?;
    fleet.run(skipped, false).await.map(|exit| Some((exit, id)))
}

async fn go_on(
    (batch, paces): (&Batch, Paces),
    which: Reopen,
    session: &Session,
    resubmit: Option<ResubmitWord>,
    watcher: &Arc<BatchWatcher>,
) -> Ended {
    let book = batch.take()?;
    book.reopen(which)?;
    let mut description = book.description()?;
    let mut settings = Settings::resolve(session, &environment)?;
    settings.serve(&description.base_url);
    if let Ok(version) = description.api_version.parse::<ApiVersion>() {
        settings.api_version.value = version;
    }
    if let Some(word) = resubmit {
        settings.resubmit = word.into();
    }
    description.ending = None;
    book.describe(&description)?;
    let claims = claims_of(&book)?;
    let fleet = Fleet::open(book, paces, settings, claims, watcher)?;
    let exit = fleet.run(Vec::new(), true).await?;
    Ok(Some((exit, batch.id().into())))
}

/// Ends a command.
fn conclude(ended: Ended, watcher: &BatchWatcher) -> Exit {
    let problem = match ended {
        Ok(None | Some((Exit::Done, _))) => return Exit::Done,
        Ok(Some((exit, id))) => unfinished(exit, &id),
        Err(problem) => {
            watcher.failed(&problem);
            problem
        }
    };
    problem.print();
    problem.exit
}

/// What there is to do about a batch that has not all of its files.
fn unfinished(exit: Exit, id: &str) -> Problem {
    let what = match exit {
        Exit::Interrupted => "stopped by Ctrl-C",
        Exit::Terminated => "stopped by SIGTERM",
        Exit::Some => "some exports ended without their file",
        _ => "the batch was stopped by a failure that would befall every export",
    };
    let mut problem = Problem::new(exit, what).advise(format!("`wexport jobs show {id}` says why"));
    problem.again = Some(match exit {
        Exit::Interrupted | Exit::Terminated => format!("yes: wexport jobs resume {id}"),
        _ => format!("yes: wexport jobs resume {id} --failed"),
    });
    problem
}

fn deny_deprecated(lines: &[Line], config: &Config) -> Result<(), Problem> {
    for line in lines {
        let job = ExportJob::new(line.spec.clone(), config);
        if let Some(notice) = job.ok().and_then(|job| job.sunset(clock::now())) {
            return Err(sunset::deny(&notice));
        }
    }
    Ok(())
}

/// Each request as it would be sent, under the line that it is of.
fn requests(lines: Vec<Line>, config: &Config, form: DryRun) -> Result<String, Problem> {
    let mut text = String::new();
    for Line { number, what, spec, .. } in lines {
        text.push_str(&format!("# line {number}: {what}\n"));
        text.push_str(&dry_run(spec, config, dress, form)?);
        text.push('\n');
    }
    Ok(text)
}

/// Whoever goes on may be in another folder.
fn absolute(path: &PathBuf) -> Result<PathBuf, Problem> {
    path::absolute(path)
        .map_err(|error| Problem::local(format!("--results {}", path.display()), &error))
}
