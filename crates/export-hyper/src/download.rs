//! A file that is read while it is downloaded.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use export_core::Artifact;
use export_host::ExportError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::sink::Sink;

/// A file that is read while it is downloaded.
///
/// Nothing runs in the background: bytes are received while [`chunk`](Self::chunk) is awaited.
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

    /// The name, the media type, and the length, if it is announced.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The next bytes; `None` if the file is complete.
    ///
    /// # Errors
    ///
    /// Fails if the rest cannot be downloaded: the bytes that were read are not the whole file.
    /// Later calls fail as well.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ExportError> {
        loop {
            let piece = match &mut self.driving {
                // The driver has ended; the last pieces may still be queued.
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

/// The sink of a [`Download`]. It cannot discard bytes that were read.
pub(crate) struct Pipe {
    sender: Sender<Piece>,
    sent: u64,
    begun: bool,
}

impl Pipe {
    async fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.sender.send(piece).await;
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader was dropped"))
    }
}

impl Sink for Pipe {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.sent)
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        if offset > self.sent {
            return Err(io::Error::other("the download would leave a gap"));
        }
        if offset < self.sent {
            let text = format!(
                "the download has to start again at byte {offset}, but {} bytes were read already",
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
