//! Standard output: nothing is written to it before the whole file has arrived and checks out.

use std::io::{self, Seek, SeekFrom, Write};

use bytes::Bytes;
use export_hyper::{Artifact, Sink};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// A file without a name, which is copied to standard output at the end.
#[derive(Debug, Default)]
pub(super) struct Spool {
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

impl Sink for Spool {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.length)
    }

    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        let file = self.file().await?;
        file.flush().await?;
        file.set_len(offset).await?;
        file.seek(SeekFrom::Start(offset)).await?;
        self.length = offset;
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.file().await?.write_all(&chunk).await?;
        self.length += chunk.len() as u64;
        Ok(())
    }

    async fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
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
