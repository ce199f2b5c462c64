//! `wexport jobs resume`.

use std::sync::Arc;

use export_hyper::ApiVersion;

use super::finish::Readers;
use super::{batch, environment};
use crate::cli::{ResumeArgs, Session};
use crate::report::{Exit, Problem};
use crate::run::{Outcome, Runner};
use crate::settings::Settings;
use crate::show::{Watcher, display};
use crate::state::{Batch, Description, Found, Job, Reopen, Standing, State};

/// Goes on with one job or batch, or with every one that can be gone on with. The code is that of
/// the first that did not come to its end.
pub(super) async fn run(command: ResumeArgs) -> Exit {
    let chosen =
        state_of(&command.session).and_then(|state| Ok((chosen(&command, &state)?, state)));
    let (chosen, state) = match chosen {
        Ok(chosen) => chosen,
        Err(problem) => {
            let watcher = Watcher::new(display(command.session.show, false));
            let readers = Readers { show: command.session.show, stdout_carries_file: false };
            return readers.finish(Err(problem), &watcher);
        }
    };
    let mut code = Exit::Done;
    for unfinished in chosen {
        let exit = match unfinished {
            Unfinished::Job(job, description) => of_job(&command, job, *description).await,
            Unfinished::Batch(batch, which) => {
                batch::resume((&batch, state.paces()), which, &command.session, command.resubmit)
                    .await
            }
        };
        if matches!(exit, Exit::Interrupted | Exit::Terminated) {
            return exit;
        }
        if code == Exit::Done {
            code = exit;
        }
    }
    code
}

/// Something to go on with.
enum Unfinished {
    Job(Job, Box<Description>),
    Batch(Batch, Reopen),
}

fn chosen(command: &ResumeArgs, state: &State) -> Result<Vec<Unfinished>, Problem> {
    let which = if command.failed { Reopen::All } else { Reopen::Unfinished };
    match &command.id {
        Some(id) => Ok(vec![match state.find(id)? {
            Found::Job(job) => {
                let description = description_of(&job)?;
                Unfinished::Job(job, description)
            }
            Found::Batch(batch) => Unfinished::Batch(batch, which),
            Found::Row(batch, _) => {
                return Err(Problem::usage("exports of a batch are gone on with together")
                    .advise(format!("wexport jobs resume {}", batch.id())));
            }
        }]),
        None => {
            let mut chosen = Vec::new();
            for job in state.jobs()? {
                match description_of(&job) {
                    Ok(description) if job.is_resumable(&description) => {
                        chosen.push(Unfinished::Job(job, description));
                    }
                    _ => {}
                }
            }
            let batches = state.batches()?.into_iter().filter(is_unfinished);
            chosen.extend(batches.map(|batch| Unfinished::Batch(batch, which)));
            Ok(chosen)
        }
    }
}

fn description_of(job: &Job) -> Result<Box<Description>, Problem> {
    let fail = |error| Problem::local(format!("job {} cannot be read", job.id()), &error);
    job.description().map(Box::new).map_err(fail)
}

/// Whether a batch that does not run has exports without their file. One that cannot be read has
/// none that could be gone on with.
fn is_unfinished(batch: &Batch) -> bool {
    let Ok(book) = batch.read() else { return false };
    let standing = book.description().map(|description| batch.standing(&description));
    let is_running = standing.is_ok_and(|standing| standing == Standing::Running);
    let totals = book.totals().unwrap_or_default();
    !is_running && totals.waiting + totals.open + totals.failed > 0
}

async fn of_job(command: &ResumeArgs, job: Job, description: Description) -> Exit {
    let stdout_carries_file = description.place.is_stdout();
    let readers = Readers { show: command.session.show, stdout_carries_file };
    let watcher = Arc::new(Watcher::new(display(command.session.show, stdout_carries_file)));
    let ended = resume(command, job, description, &watcher).await;
    readers.finish(ended.map(Some), &watcher)
}

async fn resume(
    command: &ResumeArgs,
    job: Job,
    description: Description,
    watcher: &Arc<Watcher>,
) -> Result<Outcome, Problem> {
    let mut settings = Settings::resolve(&command.session, &environment)?;
    settings.serve(&description.base_url);
    if let Ok(version) = description.api_version.parse::<ApiVersion>() {
        settings.api_version.value = version;
    }
    if let Some(word) = command.resubmit {
        settings.resubmit = word.into();
    }
    let runner = Runner::open(settings, &mut |warning| watcher.warn(warning))?;
    runner.resume(job, description, watcher).await
}

fn state_of(session: &Session) -> Result<State, Problem> {
    let settings = Settings::resolve(session, &environment)?;
    let folder = settings.state.ok_or_else(|| {
        Problem::usage("--no-state and `jobs resume` exclude each other: a job is state")
    })?;
    Ok(State::existing(&folder.value))
}
