//! Files: which name one gets, and what happens to a file that exists.

use std::io;
use std::path::{Path, PathBuf};

use export_host::PartFile;
use export_hyper::{Artifact, FileSink, IfExists};

use super::destination::display_path;
use super::failure::OpenFailure;
use super::names::ReservedNames;
use crate::args::IfExistsArg;
use crate::problem::{Exit, Problem};

/// Checks that a file can be written. Returns its path if it exists and is to be kept.
pub(super) fn check_file(path: &Path, if_exists: IfExistsArg) -> Result<Option<String>, Problem> {
    let exists = path.try_exists().unwrap_or(true);
    match if_exists {
        IfExistsArg::Skip if exists => return Ok(Some(path.display().to_string())),
        IfExistsArg::Error if exists => return Err(already_exists(&display_path(path))),
        _ => {}
    }
    PartFile::check(path).map_err(|error| not_writable(&error))?;
    Ok(None)
}

/// Checks that files can be written into a folder.
pub(super) fn check_folder(folder: &Path) -> Result<(), Problem> {
    PartFile::check_folder(folder).map_err(|error| not_writable(&error))
}

/// A sink for a file whose path is known.
pub(super) fn open_file(
    path: &Path,
    if_exists: IfExistsArg,
    names: &ReservedNames,
) -> Result<FileSink, OpenFailure> {
    Ok(FileSink::to_file(reserve(path, if_exists, names)?).if_exists(rule_of(if_exists)))
}

/// A sink for a file whose path `choose` makes from the service's answer. Until then, the file is
/// a part in `folder`, which has to exist.
pub(super) fn open_chosen(
    folder: &Path,
    if_exists: IfExistsArg,
    names: ReservedNames,
    choose: impl Fn(&Artifact) -> PathBuf + Send + Sync + 'static,
) -> FileSink {
    let choose = move |artifact: &Artifact| Ok(reserve(&choose(artifact), if_exists, &names)?);
    FileSink::to_chosen(folder, choose).if_exists(rule_of(if_exists))
}

/// Reserves the path of a file, unless a file that exists is to be kept.
fn reserve(
    path: &Path,
    if_exists: IfExistsArg,
    names: &ReservedNames,
) -> Result<PathBuf, OpenFailure> {
    let fail = |error: io::Error| not_writable(&error);
    let exists = path.try_exists().map_err(fail)?;
    match if_exists {
        IfExistsArg::Skip if exists => {
            return Err(OpenFailure::Skipped(path.display().to_string()));
        }
        IfExistsArg::Error if exists => return Err(already_exists(&display_path(path)).into()),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    Ok(names.reserve_path(path))
}

/// The rule for a file that appears while this one is downloaded.
const fn rule_of(if_exists: IfExistsArg) -> IfExists {
    match if_exists {
        IfExistsArg::Replace => IfExists::Replace,
        IfExistsArg::Rename => IfExists::Rename,
        IfExistsArg::Skip | IfExistsArg::Error => IfExists::Refuse,
    }
}

/// The problem of `--if-exists error`.
pub(super) fn already_exists(file: &str) -> Problem {
    Problem::new(Exit::Local, format!("{file} exists, and --if-exists error was given"))
}

fn not_writable(error: &io::Error) -> Problem {
    let problem = Problem::new(Exit::Local, error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => problem.advise("make the folder first"),
        _ => problem,
    }
}
