//! What can be looked at without a network: files, folders, credentials.

use std::io::{self, Write};
use std::path::Path;

use super::chart::Chart;
use crate::problem::Problem;
use crate::settings::{Loaded, Settings};
use crate::state::StateDir;

pub(super) fn config_file(settings: &Settings, chart: &mut Chart<'_>) {
    match &settings.config_file.value {
        Some(path) => chart.ok("settings", format!("{} was read", path.display())),
        None => chart.ok("settings", "there is no config file, and none is needed"),
    }
}

/// Whether jobs can be kept, and by nobody else read.
pub(super) fn state(settings: &Settings, chart: &mut Chart<'_>) {
    let Some(folder) = settings.state.as_ref().map(|folder| &folder.value) else {
        return chart.ok("state", "none is kept: a run that is cut off cannot be resumed");
    };
    let jobs = match StateDir::open(folder) {
        Ok(state) => state.jobs_folder(),
        Err(problem) => return chart.failed("state", &problem),
    };
    let written = tempfile::tempfile_in(&jobs).and_then(|mut file| file.write_all(b"x"));
    match written.and_then(|()| is_private(&jobs)) {
        Ok(true) => {
            chart.ok("state", format!("{} can be written, and by nobody else", folder.display()))
        }
        Ok(false) => chart.warning(
            "state",
            format!("others may look into {}", jobs.display()),
            &format!("run: chmod 700 {}", jobs.display()),
        ),
        Err(error) => {
            let what = format!("cannot write into {}", jobs.display());
            let advice = "name another folder with --state or WEXPORT_STATE_DIR";
            chart.failed("state", &Problem::local(what, &error).advise(advice));
        }
    }
}

#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(folder.metadata()?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Fetches the credentials. Whether they are good, the service says.
pub(super) fn credentials(settings: &Settings, chart: &mut Chart<'_>) -> Option<Loaded> {
    let mut warnings = Vec::new();
    match settings.credentials.load(&mut |warning| warnings.push(warning)) {
        Ok(loaded) => {
            let who = match &loaded.client_id {
                Some(id) => format!("the client {id}, and its secret"),
                None => "a token".into(),
            };
            match warnings.is_empty() {
                true => chart.ok("credentials", format!("there is {who}")),
                false => {
                    let advice = "see `wexport help environment` for what counts, and where";
                    chart.warning("credentials", warnings.join("; "), advice);
                }
            }
            Some(loaded)
        }
        Err(problem) => {
            chart.failed("credentials", &problem);
            None
        }
    }
}
