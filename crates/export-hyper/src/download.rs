//! A file that is read while it comes.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use export_core::Artifact;
use export_host::ExportError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::sink::Sink;

/// The facts of a file, and its bytes as they come.
///
/// Nothing runs in the background: bytes are fetched while [`chunk`](Self::chunk) is awaited, and
/// whoever stops reading stops the download.
pub struct Download {
    artifact: Artifact,
    pieces: Receiver<Piece>,
    driving: Option<Driving>,
    failed: Option<ExportError>,
}

type Driving = Pin<Box<dyn Future<Output = Result<Artifact, ExportError>> + Send>>;

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("artifact", &self.artifact).finish_non_exhaustive()
    }
}

enum Piece {
    Begin(Box<Artifact>),
    Bytes(Bytes),
}

impl Download {
    pub(crate) async fn open<F>(drive: impl FnOnce(Pipe) -> F) -> Result<Self, ExportError>
    where
        F: Future<Output = Result<Artifact, ExportError>> + Send + 'static,
    {
        let (sender, mut pieces) = channel(1);
        let mut driving: Driving = Box::pin(drive(Pipe { sender, sent: 0, begun: false }));
        let first = tokio::select! {
            biased;
            Some(piece) = pieces.recv() => piece,
            outcome = &mut driving => {
                let artifact = outcome?;
                return Ok(Self { artifact, pieces, driving: None, failed: None });
            }
        };
        match first {
            Piece::Begin(artifact) => {
                Ok(Self { artifact: *artifact, pieces, driving: Some(driving), failed: None })
            }
            Piece::Bytes(_) => unreachable!("a pipe is begun before it is written to"),
        }
    }

    /// Name, media type, and length if it is announced.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The next bytes. `None` once the file is complete, and only then.
    ///
    /// # Errors
    ///
    /// Fails if the rest does not come; what was read is then not the whole file. It fails again
    /// if it is asked again.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ExportError> {
        loop {
            let piece = match &mut self.driving {
                // All that is left was sent before the end.
                None => self.pieces.recv().await,
                Some(driving) => tokio::select! {
                    biased;
                    piece = self.pieces.recv() => piece,
                    outcome = driving => {
                        self.driving = None;
                        match outcome {
                            Ok(artifact) => self.artifact = artifact,
                            Err(error) => self.failed = Some(error),
                        }
                        continue;
                    }
                },
            };
            match piece {
                Some(Piece::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Piece::Begin(artifact)) => self.artifact = *artifact,
                None if self.driving.is_none() => {
                    return self.failed.clone().map_or(Ok(None), Err);
                }
                None => {}
            }
        }
    }
}

/// The end of a [`Download`] into which the bytes go. What was passed on cannot be taken back.
pub(crate) struct Pipe {
    sender: Sender<Piece>,
    sent: u64,
    begun: bool,
}

impl Pipe {
    async fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.sender.send(piece).await;
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads any more"))
    }
}

impl Sink for Pipe {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.sent)
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        if offset > self.sent {
            return Err(io::Error::other("there would be a gap"));
        }
        if offset < self.sent {
            let text = format!(
                "the download has to start again at byte {offset}, and {} bytes were passed on",
                self.sent
            );
            return Err(io::Error::new(io::ErrorKind::NotSeekable, text));
        }
        if !self.begun {
            self.begun = true;
            self.send(Piece::Begin(Box::new(artifact.clone()))).await?;
        }
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        let length = chunk.len() as u64;
        self.send(Piece::Bytes(chunk)).await?;
        self.sent += length;
        Ok(())
    }
}
