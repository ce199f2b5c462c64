//! The path of a file, known from the start or chosen later.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use export_core::Artifact;

use crate::file_name::{name_room, shortened_name};
use crate::part_file::PartFile;

/// Where to write a file whose name is known from the start, or chosen when the download begins.
#[derive(Clone)]
pub struct FileTarget(Kind);

#[derive(Clone)]
enum Kind {
    File(PathBuf),
    Chosen(PathBuf, Choose),
}

type Choose = Arc<dyn Fn(&Artifact) -> io::Result<PathBuf> + Send + Sync>;

/// For how long to wait for the lock of a part: its owner may be about to end, be it another
/// process or a handle that was dropped and still writes its last bytes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

impl FileTarget {
    /// A file at this path.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// A file in this folder, under the service's name for it, which is made safe.
    #[must_use]
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        let folder = path.into();
        let parent = folder.clone();
        Self::chosen(folder, move |artifact| {
            Ok(parent.join(shortened_name(artifact.file_name(), name_room(&parent))))
        })
    }

    /// A file at the path that `choose` returns for the artifact. Until then its part is in
    /// `folder`, which had better be on the same file system: it is copied otherwise.
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
    /// Fails if it cannot be written, or if another process writes it.
    pub fn open(&self, operation: &str) -> io::Result<PartFile> {
        match &self.0 {
            Kind::File(target) => PartFile::open(target, operation, LOCK_TIMEOUT),
            Kind::Chosen(folder, _) => PartFile::open_unnamed(folder, operation, LOCK_TIMEOUT),
        }
    }

    /// Sets the target of the part, now that its artifact is known.
    ///
    /// # Errors
    ///
    /// Fails if `choose` does, or if the target cannot be replaced. The part is removed then, since
    /// it would never be finished.
    pub fn name(&self, part: &mut PartFile, artifact: &Artifact) -> io::Result<()> {
        let Kind::Chosen(_, choose) = &self.0 else { return Ok(()) };
        let named = choose(artifact).and_then(|target| part.retarget(&target));
        named.inspect_err(|_| drop(fs::remove_file(part.part())))
    }
}

impl fmt::Debug for FileTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "{}", path.display()),
            Kind::Chosen(path, _) => write!(f, "{}/", path.display()),
        }
    }
}

/// The error of a sink that takes one artifact, for a result of several.
#[must_use]
pub fn several_files() -> io::Error {
    let text = "the result has several files: export them to a folder, with `to_files`, or to a sink \
                that takes several";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
