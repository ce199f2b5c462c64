//! `wexport jobs resume`.

use std::sync::Arc;

use export_hyper::ApiVersion;

use super::environment;
use super::finish::Readers;
use crate::cli::{ResumeArgs, Session};
use crate::report::{Exit, Problem};
use crate::run::{Outcome, Runner};
use crate::settings::Settings;
use crate::show::{Watcher, display};
use crate::state::{Description, Job, State};

/// Goes on with one job, or with every one that can be gone on with. The code is that of the
/// first that did not come to its end.
pub(super) async fn run(command: ResumeArgs) -> Exit {
    let quietly = Readers { show: command.session.show, stdout_carries_file: false };
    let jobs = match chosen(&command) {
        Ok(jobs) => jobs,
        Err(problem) => {
            let watcher = Watcher::new(display(command.session.show, false));
            return quietly.finish(Err(problem), &watcher);
        }
    };
    let mut code = Exit::Done;
    for (job, description) in jobs {
        let stdout_carries_file = description.place.is_stdout();
        let readers = Readers { stdout_carries_file, ..quietly };
        let watcher = Arc::new(Watcher::new(display(command.session.show, stdout_carries_file)));
        let ended = resume(&command, job, description, &watcher).await;
        let exit = readers.finish(ended.map(Some), &watcher);
        if matches!(exit, Exit::Interrupted | Exit::Terminated) {
            return exit;
        }
        if code == Exit::Done {
            code = exit;
        }
    }
    code
}

fn chosen(command: &ResumeArgs) -> Result<Vec<(Job, Description)>, Problem> {
    let state = state_of(&command.session)?;
    let read = |job: Job| {
        let description = job
            .description()
            .map_err(|error| Problem::local(format!("job {} cannot be read", job.id()), &error))?;
        Ok((job, description))
    };
    match &command.id {
        Some(id) => Ok(vec![read(state.find(id)?)?]),
        None => {
            let readable = state.jobs()?.into_iter().filter_map(|job| read(job).ok());
            Ok(readable.filter(|(job, described)| job.is_resumable(described)).collect())
        }
    }
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
