//! A file that is read while it is downloaded.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use export_core::Artifact;
use export_host::ExportError;

use crate::sink::Sink;
use crate::stopper::Stopper;

/// A file that is read while it is downloaded.
///
/// At most two buffers of a few hundred KiB are received in advance. The reader ends only at the
/// end of the file, not when a connection ends. Dropping it stops the download.
///
/// ```no_run
/// use export_ureq::{Client, ExportSpec};
///
/// # fn run(client: Client, spec: ExportSpec) -> Result<(), Box<dyn std::error::Error>> {
/// let mut report = client.export(spec).open()?;
/// println!("{}", report.artifact().file_name());
/// std::io::copy(&mut report, &mut std::io::stdout())?;
/// # Ok(())
/// # }
/// ```
pub struct Download {
    artifact: Artifact,
    pieces: Receiver<Piece>,
    spent: Sender<Vec<u8>>,
    current: Vec<u8>,
    read: usize,
    ended: Option<Result<(), ExportError>>,
    stopper: Stopper,
}

enum Piece {
    Begin(Box<Artifact>),
    Bytes(Vec<u8>),
    End(Result<Box<Artifact>, ExportError>),
}

impl Download {
    /// Runs `drive`, which fills the pipe, on a thread, and waits for the first byte.
    pub(crate) fn open(
        stopper: Stopper,
        drive: impl FnOnce(Pipe) -> Result<Artifact, ExportError> + Send + 'static,
    ) -> Result<Self, ExportError> {
        let (sender, pieces) = sync_channel(1);
        let (spent, reusable) = channel();
        let pipe = Pipe { sender: sender.clone(), reusable, sent: 0, begun: false };
        let run = move || {
            let outcome = drive(pipe).map(Box::new);
            // Fails if the reader was dropped.
            let _ = sender.send(Piece::End(outcome));
        };
        let started = thread::Builder::new().name("export".into()).spawn(run);
        let mut ended = None;
        let artifact = match started.map(|_| pieces.recv()) {
            Ok(Ok(Piece::Begin(artifact))) => artifact,
            Ok(Ok(Piece::End(outcome))) => {
                ended = Some(Ok(()));
                outcome?
            }
            Ok(Ok(Piece::Bytes(_)) | Err(_)) => return Err(ExportError::Thread(lost().into())),
            Err(error) => return Err(ExportError::Thread(error.into())),
        };
        let (current, read) = (Vec::new(), 0);
        Ok(Self { artifact: *artifact, pieces, spent, current, read, ended, stopper })
    }

    /// The name, the media type, and the length, if it is announced.
    #[must_use]
    pub const fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Waits for more bytes, if all were read.
    fn refill(&mut self) {
        while self.read == self.current.len() && self.ended.is_none() {
            match self.pieces.recv() {
                Ok(Piece::Begin(artifact)) => self.artifact = *artifact,
                Ok(Piece::Bytes(bytes)) => {
                    let spent = std::mem::replace(&mut self.current, bytes);
                    self.read = 0;
                    // Fails if the thread has ended.
                    let _ = self.spent.send(spent);
                }
                Ok(Piece::End(outcome)) => {
                    self.ended = Some(outcome.map(|artifact| self.artifact = *artifact));
                }
                Err(_) => self.ended = Some(Err(ExportError::Thread(lost().into()))),
            }
        }
    }
}

impl Read for Download {
    /// Reads the next bytes.
    ///
    /// # Errors
    ///
    /// Fails, with an [`ExportError`] inside, if the rest cannot be downloaded: the bytes that were
    /// read are not the whole file. Later calls fail as well.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.refill();
        let left = self.current.get(self.read..).unwrap_or_default();
        if left.is_empty() {
            return match &self.ended {
                Some(Err(error)) => Err(io::Error::other(error.clone())),
                _ => Ok(0),
            };
        }
        let taken = left.len().min(buffer.len());
        let (Some(into), Some(from)) = (buffer.get_mut(..taken), left.get(..taken)) else {
            return Ok(0);
        };
        into.copy_from_slice(from);
        self.read += taken;
        Ok(taken)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("artifact", &self.artifact).finish_non_exhaustive()
    }
}

fn lost() -> io::Error {
    io::Error::other("the download thread has ended")
}

/// The sink of a [`Download`]. It cannot discard bytes that were read.
pub(crate) struct Pipe {
    sender: SyncSender<Piece>,
    reusable: Receiver<Vec<u8>>,
    sent: u64,
    begun: bool,
}

impl Pipe {
    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.sender.send(piece);
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader was dropped"))
    }
}

impl Sink for Pipe {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.sent)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        if offset != self.sent {
            let text = format!(
                "the download has to start again at byte {offset}, but {} bytes were read already",
                self.sent
            );
            return Err(io::Error::new(io::ErrorKind::NotSeekable, text));
        }
        if !self.begun {
            self.begun = true;
            self.send(Piece::Begin(Box::new(artifact.clone())))?;
        }
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut bytes = self.reusable.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(chunk);
        self.send(Piece::Bytes(bytes))?;
        self.sent += chunk.len() as u64;
        Ok(())
    }
}
