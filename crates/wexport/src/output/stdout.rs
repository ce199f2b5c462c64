//! Standard output, which gets nothing before the whole file has arrived.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use export_host::{RoomWatch, check_room};
use export_hyper::{Artifact, Sink};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::problem::Problem;

/// A temporary file that is copied to standard output at the end. Clones share the file, so that a
/// download that breaks off is resumed.
#[derive(Clone, Debug, Default)]
pub(crate) struct StdoutSink(Arc<Mutex<Spool>>);

#[derive(Debug, Default)]
struct Spool {
    file: Option<File>,
    length: u64,
    watch: RoomWatch,
}

impl StdoutSink {
    /// Checks that a file can be received and printed, before anything is sent.
    pub(super) async fn check(&self) -> Result<(), Problem> {
        if !is_open() {
            return Err(Problem::usage("-o -: standard output is closed")
                .advise("redirect it to a file or a pipe"));
        }
        match self.0.lock().await.file().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let folder = std::env::temp_dir();
                let what = format!("cannot create a temporary file in {}", folder.display());
                Err(Problem::local(what, &error)
                    .advise("set TMPDIR to a folder that can be written, or name a file with -o"))
            }
        }
    }
}

/// Whether standard output can be written. Before `main`, Rust opens `/dev/null` in place of a
/// closed one, for reading and writing; a shell opens it for writing only. A write to one that is
/// open for reading only would be ignored.
#[cfg(unix)]
fn is_open() -> bool {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{OFlags, fcntl_getfl, fstat};

    let out = io::stdout();
    let mode = fcntl_getfl(&out).map(|flags| flags & OFlags::RWMODE);
    let is_null = || {
        let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
        matches!((fstat(&out), null), (Ok(out), Ok(null)) if out.st_rdev == null)
    };
    match mode {
        Ok(OFlags::RDONLY) | Err(_) => false,
        Ok(OFlags::RDWR) => !is_null(),
        Ok(_) => true,
    }
}

#[cfg(not(unix))]
const fn is_open() -> bool {
    true
}

impl Spool {
    async fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::from_std(tempfile::tempfile()?))),
        }
    }
}

impl Sink for StdoutSink {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.0.lock().await.length)
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        let length = artifact.length().unwrap_or_default();
        check_room(&std::env::temp_dir(), length.saturating_sub(offset))?;
        let mut spool = self.0.lock().await;
        let file = spool.file().await?;
        file.flush().await?;
        file.set_len(offset).await?;
        file.seek(SeekFrom::Start(offset)).await?;
        spool.length = offset;
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        let mut spool = self.0.lock().await;
        spool.watch.on_write(&std::env::temp_dir(), chunk.len())?;
        spool.file().await?.write_all(&chunk).await?;
        spool.length += chunk.len() as u64;
        Ok(())
    }

    async fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        let Some(mut file) = self.0.lock().await.file.take() else { return Ok(()) };
        file.flush().await?;
        let mut file = file.into_std().await;
        let copied = tokio::task::spawn_blocking(move || {
            let mut out = io::stdout().lock();
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut file, &mut out)?;
            out.flush()
        });
        copied.await.map_err(io::Error::other)?.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
        })
    }
}
