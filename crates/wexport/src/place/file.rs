//! Files: which name, and what about one that is there already.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use export_host::PartFile;
use export_hyper::{Artifact, FileSink, IfExists};

use super::claims::Claims;
use super::delivery::Opened;
use super::target::shown;
use crate::cli::IfExistsWord;
use crate::report::{Exit, Problem};

/// What is to be done about a file that is there.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) if_exists: IfExistsWord,
    pub(super) claims: Claims,
    /// The file because of which this one is left out.
    pub(super) skipped: Arc<OnceLock<PathBuf>>,
}

impl Rules {
    /// A sink for a file whose name is known.
    pub(super) fn open_file(self, path: &Path) -> Result<Opened<FileSink>, Problem> {
        let exists = path.try_exists().unwrap_or(true);
        match self.if_exists {
            IfExistsWord::Skip if exists => return Ok(Opened::Skip(path.into())),
            IfExistsWord::Error if exists => return Err(is_there(path)),
            _ => {}
        }
        PartFile::check(path).map_err(unwritable)?;
        let sink = FileSink::to_file(self.claims.claim(path)).if_exists(self.rule());
        Ok(Opened::Sink(sink))
    }

    /// A sink for a file whose name is made of what the service says. `folder` has to exist.
    pub(super) fn open_chosen(
        self,
        folder: &Path,
        choose: impl Fn(&Artifact) -> PathBuf + Send + Sync + 'static,
    ) -> Result<Opened<FileSink>, Problem> {
        PartFile::check_folder(folder).map_err(unwritable)?;
        let rule = self.rule();
        let chosen = OnceLock::new();
        let sink = FileSink::to_chosen(folder, move |artifact| {
            // A download that begins again keeps its name.
            let path = match chosen.get() {
                Some(path) => path,
                None => {
                    let path = self.judge(&choose(artifact))?;
                    chosen.get_or_init(|| path)
                }
            };
            Ok(path.clone())
        });
        Ok(Opened::Sink(sink.if_exists(rule)))
    }

    /// The name for a file, if there is to be one.
    fn judge(&self, path: &Path) -> io::Result<PathBuf> {
        let exists = path.try_exists()?;
        match self.if_exists {
            IfExistsWord::Skip if exists => {
                let _ = self.skipped.set(path.into());
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            IfExistsWord::Error if exists => {
                let text = format!("{} exists, and --if-exists error was given", shown(path));
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            _ => {}
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(self.claims.claim(path))
    }

    /// What holds when the file is complete: another may have come in the meantime.
    const fn rule(&self) -> IfExists {
        match self.if_exists {
            IfExistsWord::Replace => IfExists::Replace,
            IfExistsWord::Rename => IfExists::Rename,
            IfExistsWord::Skip | IfExistsWord::Error => IfExists::Refuse,
        }
    }
}

fn is_there(path: &Path) -> Problem {
    let what = format!("{} exists, and --if-exists error was given", shown(path));
    Problem::new(Exit::Local, what)
}

fn unwritable(error: io::Error) -> Problem {
    let problem = Problem::new(Exit::Local, error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => problem.advise("make the folder first"),
        _ => problem,
    }
}
