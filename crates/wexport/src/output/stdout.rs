//! Standard output, which gets nothing before the whole file has arrived.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use export_hyper::{Artifact, Sink};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// A temporary file that is copied to standard output at the end. Clones share the file, so that a
/// download that breaks off is resumed.
#[derive(Clone, Debug, Default)]
pub(crate) struct StdoutSink(Arc<Mutex<Spool>>);

#[derive(Debug, Default)]
struct Spool {
    file: Option<File>,
    length: u64,
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

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
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
        copied.await.map_err(io::Error::other)?
    }
}
