//! Files: which name one gets, and what happens to a file that exists.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use export_hyper::{Artifact, FileSink, IfExists, Sink};

use super::checks::FileChecks;
use super::destination::display_path;
use super::failure::OpenFailure;
use super::newer::NewerGuard;
use super::reserved_names::ReservedNames;
use crate::args::IfExistsArg;
use crate::problem::{Exit, Problem};

/// Checks whether a file exists and is to be kept. Returns its path then.
pub(super) fn check_existing(
    path: &Path,
    if_exists: IfExistsArg,
) -> Result<Option<String>, Problem> {
    let exists = || path.try_exists().unwrap_or(true);
    match if_exists {
        IfExistsArg::Skip if exists() => Ok(Some(path.display().to_string())),
        IfExistsArg::Error if exists() => Err(already_exists(&display_path(path))),
        _ => Ok(None),
    }
}

/// Takes a file, and skips it if another file with its name is created during the download.
#[derive(Debug)]
pub(crate) struct FileOutput {
    sink: FileSink,
    if_exists: IfExistsArg,
    checks: FileChecks,
    guard: Option<NewerGuard>,
    /// The path that was reserved, once it is known.
    path: Arc<Mutex<Option<PathBuf>>>,
}

impl FileOutput {
    /// A file whose path is known.
    pub(super) fn to_path(
        path: &Path,
        if_exists: IfExistsArg,
        names: &ReservedNames,
        checks: FileChecks,
    ) -> Result<Self, OpenFailure> {
        let path = reserve(path, if_exists, names)?;
        let sink = FileSink::to_file(&path);
        Ok(Self::new(sink, if_exists, checks, Arc::new(Mutex::new(Some(path)))))
    }

    /// A file whose path `choose` makes from the service's response. It has to be below `folder`,
    /// which exists, and in which the file is a part until then.
    pub(super) fn to_chosen(
        folder: &Path,
        if_exists: IfExistsArg,
        names: ReservedNames,
        checks: FileChecks,
        choose: impl Fn(&Artifact) -> PathBuf + Send + Sync + 'static,
    ) -> Self {
        let path = Arc::<Mutex<Option<PathBuf>>>::default();
        let chosen = Arc::clone(&path);
        let base = folder.to_owned();
        let choose = move |artifact: &Artifact| {
            let path = choose(artifact);
            stays_below(&base, &path)?;
            let path = reserve(&path, if_exists, &names)?;
            *chosen.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
            Ok(path)
        };
        Self::new(FileSink::to_chosen(folder, choose), if_exists, checks, path)
    }

    fn new(
        sink: FileSink,
        if_exists: IfExistsArg,
        checks: FileChecks,
        path: Arc<Mutex<Option<PathBuf>>>,
    ) -> Self {
        Self { sink: sink.if_exists(rule_of(if_exists)), if_exists, checks, guard: None, path }
    }

    /// Replaces no newer file, if there is a guard.
    pub(super) fn with_guard(self, guard: Option<NewerGuard>) -> Self {
        Self { guard, ..self }
    }

    /// The path of the file, once it is complete.
    pub(super) fn finished(&self) -> Option<&Path> {
        self.sink.finished()
    }

    /// Writes the part to disk. Returns its path, and that of the file which it becomes.
    pub(super) async fn sync_part(&mut self) -> io::Result<Option<(PathBuf, PathBuf)>> {
        self.sink.sync().await?;
        Ok(self.sink.part().map(PathBuf::from).zip(self.path()))
    }

    /// Removes the part that was downloaded.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        self.sink.discard().await
    }

    fn path(&self) -> Option<PathBuf> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for FileOutput {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.sink.have(operation).await
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.sink.begin(artifact, offset).await
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.sink.write(chunk).await
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.sink.sync().await
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        // Again, since the path may be chosen only now, and the file may be newer than the check.
        if let (Some(guard), Some(path)) = (&self.guard, self.path()) {
            guard.check_file(&path).map_err(OpenFailure::from)?;
        }
        let Err(error) = self.sink.finish(artifact).await else {
            self.checks.report(self.sink.fallbacks().iter().cloned());
            return Ok(());
        };
        let exists = error.kind() == io::ErrorKind::AlreadyExists;
        match self.path() {
            Some(path) if exists && self.if_exists == IfExistsArg::Skip => {
                // The sink has closed the part, which is not needed any more. Opening it is the
                // only way to remove it; if that fails, a hidden file is left.
                if self.sink.have(artifact.operation()).await.is_ok() {
                    let _ = self.sink.discard().await;
                }
                Err(OpenFailure::Skipped(path.display().to_string()).into())
            }
            _ => Err(error),
        }
    }
}

/// Checks that no link leads a path out of its folder. The service chooses names, and a link that
/// is in the folder by chance must not let it choose another place.
fn stays_below(folder: &Path, path: &Path) -> Result<(), OpenFailure> {
    let Ok(names) = path.strip_prefix(folder) else { return Ok(()) };
    let Ok(real_folder) = folder.canonicalize() else { return Ok(()) };
    let mut below = folder.to_owned();
    for name in names {
        below.push(name);
        let is_link = below.symlink_metadata().is_ok_and(|found| found.is_symlink());
        if is_link && !below.canonicalize().is_ok_and(|real| real.starts_with(&real_folder)) {
            let text = format!("{} is a link that leads out of its folder", display_path(&below));
            return Err(Problem::new(Exit::Local, text).advise("remove the link").into());
        }
    }
    Ok(())
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
pub(super) const fn rule_of(if_exists: IfExistsArg) -> IfExists {
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

/// The problem of a path at which no file can be written.
pub(super) fn not_writable(error: &io::Error) -> Problem {
    let exit = match error.kind() {
        io::ErrorKind::InvalidFilename => Exit::Usage,
        _ => Exit::Local,
    };
    let problem = Problem::new(exit, error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => problem.advise("make the folder first"),
        io::ErrorKind::InvalidFilename => problem.advise("use a shorter name, or another folder"),
        io::ErrorKind::AlreadyExists => {
            problem.advise("name a file, or use -o - for standard output")
        }
        _ => problem,
    }
}
