//! The path of `--results`, which must not be that of a file which the run reads or writes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::output::{Protected, ReservedNames, real_path};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::state::StateDir;

/// Protects the file of the results, which are written over what is there.
///
/// # Errors
///
/// Fails if it is a file that the run reads, or is in the state.
pub(super) fn protect_results(
    path: &Path,
    names: &ReservedNames,
    settings: &Settings,
) -> Result<(), Problem> {
    let refused = |what: &str| {
        Problem::usage(format!("--results {} is {what}", path.display()))
            .advise("name another file with --results")
    };
    let found = fs::symlink_metadata(path).ok();
    if let Some(Protected::Input(what)) = names.protected(path, found.as_ref()) {
        return Err(refused(&what));
    }
    let state = settings.state.as_ref().map(|state| StateDir::existing(&state.value));
    let real = real_path(path);
    let is_state = |path: PathBuf| real.starts_with(real_path(&path));
    if state.is_some_and(|state| state.paths().into_iter().any(is_state)) {
        return Err(refused("in the folder of the state"));
    }
    names.protect(path, &Protected::Results);
    Ok(())
}
