//! `wexport jobs`: list, show, resume and clean.

mod clean;
mod list;
mod resume;
mod show;

use super::environment;
use crate::args::{DurationArg, Session, StateArgs};
use crate::clock;
use crate::problem::Problem;
use crate::settings::{Overrides, Settings};
use crate::state::StateDir;
use crate::ui::print;

use self::clean::Which;
pub(super) use self::resume::run as resume;

/// Prints a line.
type Out<'a> = &'a mut dyn FnMut(&str) -> Result<(), Problem>;

/// Lists jobs and batches.
pub(super) fn list(failed: bool, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    list::list(&state_dir(&settings_of(flags)?)?, failed, json, &mut print)
}

/// Shows what happened to a job, a batch, or an export of a batch.
pub(super) fn show(id: &str, json: bool, flags: &StateArgs) -> Result<(), Problem> {
    show::show(&state_dir(&settings_of(flags)?)?, id, json, &mut print)
}

/// Removes old jobs and batches.
pub(super) async fn clean(
    older_than: DurationArg,
    resumable: bool,
    flags: &StateArgs,
) -> Result<(), Problem> {
    let settings = settings_of(flags)?;
    let state = state_dir(&settings)?;
    let which = Which { older_than, resumable };
    clean::clean(&state, clock::now(), which, settings, &mut print).await
}

pub(super) fn settings_of(flags: &StateArgs) -> Result<Settings, Problem> {
    let session = Session { state: flags.clone(), ..Session::default() };
    Settings::resolve(&session, &Overrides::default(), &environment)
}

pub(super) fn state_dir(settings: &Settings) -> Result<StateDir, Problem> {
    let folder = settings
        .state
        .as_ref()
        .ok_or_else(|| Problem::usage("--no-state cannot be used with `jobs`"))?;
    Ok(StateDir::existing(&folder.value))
}
