//! Where a file is to go, and under which name.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use export_core::Artifact;

use crate::part_file::PartFile;

/// A place for a file whose name is known from the beginning, or chosen when its first byte comes.
#[derive(Clone)]
pub struct FilePlace(Kind);

#[derive(Clone)]
enum Kind {
    File(PathBuf),
    Chosen(PathBuf, Choose),
}

type Choose = Arc<dyn Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync>;

/// Whoever has the part may be about to end: another process, or a handle that was dropped and
/// writes its last bytes.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

impl FilePlace {
    /// A file at this path.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// A file in this folder, under the name that the service gives it, made safe.
    #[must_use]
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        let folder = path.into();
        let named = folder.clone();
        Self::chosen(folder, move |artifact| Ok(named.join(artifact.file_name())))
    }

    /// A file at the path that `choose` makes of what the service says of it. Until then it is a
    /// part in `folder`, which has to be on the same disk.
    #[must_use]
    pub fn chosen(
        folder: impl Into<PathBuf>,
        choose: impl Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Chosen(folder.into(), Arc::new(choose)))
    }

    /// Opens the part of an operation.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written, or if somebody else writes it.
    pub fn open(&self, operation: &str) -> io::Result<PartFile> {
        match &self.0 {
            Kind::File(target) => PartFile::open(target, operation, LOCK_PATIENCE),
            Kind::Chosen(folder, _) => PartFile::open_unnamed(folder, operation, LOCK_PATIENCE),
        }
    }

    /// Gives the part its target, now that its artifact is known.
    ///
    /// # Errors
    ///
    /// Fails if there is to be no such file. The part is removed then: bytes that get no name are
    /// of no use to anybody.
    pub fn name(&self, part: &mut PartFile, artifact: &Artifact) -> io::Result<()> {
        let Kind::Chosen(_, choose) = &self.0 else { return Ok(()) };
        let named = choose(artifact).and_then(|target| part.retarget(&target));
        named.inspect_err(|_| drop(fs::remove_file(part.part())))
    }
}

impl fmt::Debug for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "{}", path.display()),
            Kind::Chosen(path, _) => write!(f, "{}/", path.display()),
        }
    }
}
