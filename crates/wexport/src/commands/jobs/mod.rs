//! `wexport jobs list`, `show` and `clean`.

mod clean;
mod list;
mod show;

use super::environment;
use crate::cli::{Session, Span, StateArgs};
use crate::clock;
use crate::report::Problem;
use crate::settings::Settings;
use crate::show::print;
use crate::state::State;

/// Where lines go.
type Out<'a> = &'a mut dyn FnMut(&str) -> Result<(), Problem>;

/// Lists the jobs and the batches.
pub(super) fn list(failed: bool, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    list::list(&state_of(&settings_of(flags)?)?, failed, json, &mut print)
}

/// Shows what happened to a job, a batch, or an export of a batch.
pub(super) fn show(name: &str, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    show::show(&state_of(&settings_of(flags)?)?, name, json, &mut print)
}

/// Forgets jobs and batches that are over, or that nobody went on with for so long.
pub(super) async fn clean(older_than: Span, flags: &StateArgs) -> Result<(), Problem> {
    let settings = settings_of(flags)?;
    let state = state_of(&settings)?;
    clean::clean(&state, clock::now(), older_than, &settings, &mut print).await
}

fn settings_of(flags: &StateArgs) -> Result<Settings, Problem> {
    let session = Session { state: flags.clone(), ..Session::default() };
    Settings::resolve(&session, &environment)
}

fn state_of(settings: &Settings) -> Result<State, Problem> {
    let folder = settings.state.as_ref().ok_or_else(|| {
        Problem::usage("--no-state and `jobs` exclude each other: a job is state")
    })?;
    Ok(State::existing(&folder.value))
}
