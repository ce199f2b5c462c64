//! Where the bytes of an artifact go.

use std::io::{self, Write};

use export_core::Artifact;

/// A place for the bytes of one artifact.
///
/// A download that broke off goes on where the sink says it ended, if the server can vouch that
/// the file is still the same. Where it cannot, the download starts again at 0, and a sink that
/// cannot take back what it has passed on fails then.
///
/// ```
/// use std::io;
///
/// use export_ureq::{Artifact, Sink};
///
/// /// Counts, and keeps nothing.
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
    /// How many bytes of this operation's artifact are here already.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out, or if the sink is of no use: nothing is sent then.
    fn have(&mut self, operation: &str) -> io::Result<u64>;

    /// Gets ready for the byte at `offset`, and forgets whatever it has from there on.
    ///
    /// # Errors
    ///
    /// Fails if it cannot go back so far.
    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()>;

    /// Takes the next bytes. Not yet safe: see [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Fails if they cannot be kept.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;

    /// Makes what was written outlive a crash, and says up to which offset that is so.
    /// 0 by default: such a sink starts again with each process.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    fn sync(&mut self) -> io::Result<u64> {
        Ok(0)
    }

    /// The artifact is complete. Called once, and not at all if it never is.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be put in its place.
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

    fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        (**self).finish(artifact)
    }
}

/// A sink that passes bytes on to a pipe, a socket, an upload: what was passed on cannot be taken
/// back.
///
/// A download that breaks off goes on at the same byte. Where the server cannot vouch for that,
/// the job ends with an error that says so, and nothing is passed on twice.
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
    /// Passes everything on to `writer`, which is flushed at the end.
    pub const fn new(writer: W) -> Self {
        Self { writer, written: 0 }
    }

    /// The writer, with whatever was passed on.
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

/// Keeps everything in memory, up to a limit.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) limit: usize,
}

impl Memory {
    fn refuse(&self) -> io::Error {
        let text = format!("the file is longer than the {} bytes allowed", self.limit);
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    }
}

impl Sink for Memory {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        // The length is a header's word: a reason to refuse, and none to allocate.
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
