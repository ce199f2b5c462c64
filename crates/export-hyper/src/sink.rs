//! Where the bytes of an artifact go.

use std::future::Future;
use std::io;

use bytes::Bytes;
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
/// use bytes::Bytes;
/// use export_core::Artifact;
/// use export_hyper::Sink;
///
/// /// Counts, and keeps nothing.
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
    /// How many bytes of this operation's artifact are here already.
    ///
    /// # Errors
    ///
    /// Fails if that cannot be found out, or if the sink is of no use: nothing is sent then.
    fn have(&mut self, operation: &str) -> impl Future<Output = io::Result<u64>> + Send;

    /// Gets ready for the byte at `offset`, and forgets whatever it has from there on.
    ///
    /// # Errors
    ///
    /// Fails if it cannot go back so far.
    fn begin(
        &mut self,
        artifact: &Artifact,
        offset: u64,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Takes the next bytes. Not yet safe: see [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// Fails if they cannot be kept.
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Makes what was written outlive a crash, and says up to which offset that is so.
    /// 0 by default: such a sink starts again with each process.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    fn sync(&mut self) -> impl Future<Output = io::Result<u64>> + Send {
        async { Ok(0) }
    }

    /// The artifact is complete. Called once, and not at all if it never is.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be put in its place.
    fn finish(&mut self, artifact: &Artifact) -> impl Future<Output = io::Result<()>> + Send {
        let _ = artifact;
        async { Ok(()) }
    }
}
