//! Sinks: where the bytes of an artifact go.

use std::io::{self, Write};

use export_core::Artifact;

/// Receives the bytes of an artifact, or of several one after the other.
///
/// A download that broke off is resumed at the offset that the sink reports, if a validator shows
/// that the file is unchanged. Otherwise it starts again at 0, and a sink that cannot discard the
/// bytes that it has passed on fails.
///
/// ```
/// use std::io;
///
/// use export_ureq::{Artifact, Sink};
///
/// /// Counts bytes and discards them.
/// #[derive(Default)]
/// struct Count(u64);
///
/// impl Sink for Count {
///     fn have(&mut self, _operation: &str) -> io::Result<u64> {
///         Ok(self.0)
///     }
///     fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
///         self.0 = offset;
///         Ok(())
///     }
///     fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
///         self.0 += chunk.len() as u64;
///         Ok(())
///     }
/// }
/// ```
pub trait Sink {
    /// Returns how many bytes of this operation's current artifact the sink has, as it counts them
    /// itself. At the end of a download that has to be what the job has counted: a sink with another
    /// number of bytes has a wrong file, and ends the job.
    ///
    /// # Errors
    ///
    /// Fails if the sink cannot be used. No request is sent then.
    fn have(&mut self, operation: &str) -> io::Result<u64>;

    /// Discards all bytes from `offset` on. The next write is at `offset`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot discard them.
    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()>;

    /// Writes the next bytes. They need not be durable before [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;

    /// Makes the written bytes durable. Returns the offset up to which they are. **0** by default:
    /// such a sink starts again in each process.
    ///
    /// # Errors
    ///
    /// Fails if the storage does.
    fn sync(&mut self) -> io::Result<u64> {
        Ok(0)
    }

    /// Whether the sink takes a result of several artifacts. Each of them is begun and finished before
    /// the next one. **No** by default: such a result ends the job before its first byte is written.
    fn takes_several(&self) -> bool {
        false
    }

    /// Completes the artifact. Called once for each, and only if its download is complete.
    ///
    /// # Errors
    ///
    /// Fails if the artifact cannot be completed, such as a file that cannot be renamed.
    fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        let _ = artifact;
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn have(&mut self, operation: &str) -> io::Result<u64> {
        (**self).have(operation)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        (**self).begin(artifact, offset)
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        (**self).write(chunk)
    }

    fn sync(&mut self) -> io::Result<u64> {
        (**self).sync()
    }

    fn takes_several(&self) -> bool {
        (**self).takes_several()
    }

    fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        (**self).finish(artifact)
    }
}

/// A sink that passes bytes on to a writer, such as a pipe, a socket or an upload, and cannot
/// discard them afterwards.
///
/// A download that breaks off is resumed at the same byte. If the file may have changed, the job
/// ends with an error, and no byte is passed on twice.
///
/// ```no_run
/// use export_ureq::{Client, ExportSpec, WriteSink};
///
/// # fn run(client: Client, spec: ExportSpec) -> Result<(), export_ureq::ExportError> {
/// client.export(spec).to_sink(&mut WriteSink::new(std::io::stdout()))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WriteSink<W> {
    writer: W,
    written: u64,
}

impl<W: Write> WriteSink<W> {
    /// Passes bytes on to `writer`, which is flushed at the end.
    pub const fn new(writer: W) -> Self {
        Self { writer, written: 0 }
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write> Sink for WriteSink<W> {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.written)
    }

    fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        if offset == self.written {
            return Ok(());
        }
        let text = format!(
            "the download has to start again at byte {offset}, and {} bytes were passed on \
             already, which cannot be taken back",
            self.written
        );
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.writer.write_all(chunk)?;
        self.written += chunk.len() as u64;
        Ok(())
    }

    fn finish(&mut self, _artifact: &Artifact) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A sink in memory, up to a limit.
#[derive(Debug)]
pub(crate) struct MemorySink {
    pub(crate) bytes: Vec<u8>,
    pub(crate) limit: usize,
}

impl MemorySink {
    /// For a job that is not driven to its file.
    pub(crate) const fn none() -> Self {
        Self { bytes: Vec::new(), limit: 0 }
    }

    fn refuse(&self) -> io::Error {
        let text = format!("the file is longer than the {} bytes allowed", self.limit);
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    }
}

impl Sink for MemorySink {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        // A length from a header may be a reason to refuse, but not to allocate.
        if artifact.length().is_some_and(|length| length > self.limit as u64) {
            return Err(self.refuse());
        }
        self.bytes.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        if chunk.len() > self.limit - self.bytes.len() {
            return Err(self.refuse());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}
