//! Sinks: where the bytes of an artifact go.

use std::future::Future;
use std::io;

use bytes::Bytes;
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
/// use bytes::Bytes;
/// use export_core::Artifact;
/// use export_hyper::Sink;
///
/// /// Counts bytes and discards them.
/// #[derive(Default)]
/// struct Count(u64);
///
/// impl Sink for Count {
///     async fn have(&mut self, _operation: &str) -> io::Result<u64> {
///         Ok(self.0)
///     }
///     async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
///         self.0 = offset;
///         Ok(())
///     }
///     async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
///         self.0 += chunk.len() as u64;
///         Ok(())
///     }
/// }
/// ```
pub trait Sink: Send {
    /// Returns how many bytes of this operation's current artifact the sink has, as it counts them
    /// itself. At the end of a download that has to be what the job has counted: a sink with another
    /// number of bytes has a wrong file, and ends the job.
    ///
    /// # Errors
    ///
    /// Fails if the sink cannot be used. No request is sent then.
    fn have(&mut self, operation: &str) -> impl Future<Output = io::Result<u64>> + Send;

    /// Discards all bytes from `offset` on. The next write is at `offset`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot discard them.
    fn begin(
        &mut self,
        artifact: &Artifact,
        offset: u64,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes the next bytes. They need not be durable before [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written.
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Makes the written bytes durable. Returns the offset up to which they are. **0** by default:
    /// such a sink starts again in each process.
    ///
    /// # Errors
    ///
    /// Fails if the storage does.
    fn sync(&mut self) -> impl Future<Output = io::Result<u64>> + Send {
        async { Ok(0) }
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
    fn finish(&mut self, artifact: &Artifact) -> impl Future<Output = io::Result<()>> + Send {
        let _ = artifact;
        async { Ok(()) }
    }
}
