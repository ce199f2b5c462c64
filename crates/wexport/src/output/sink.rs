//! The sink of a download to any destination.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use export_hyper::{Artifact, Sink};

use super::file::FileOutput;
use super::stdout::StdoutSink;
#[cfg(feature = "store")]
use super::store::{Upload, UploadSink};

/// Takes the file of an export.
#[derive(Debug)]
pub(crate) enum OutputSink {
    File(Box<FileOutput>),
    /// The file is downloaded here first, and then uploaded.
    #[cfg(feature = "store")]
    Object(Box<UploadSink>),
    Stdout(StdoutSink),
}

impl OutputSink {
    /// The file once it is complete, for messages and records: its path, or `-` for standard output.
    /// `None` if it has to be uploaded.
    pub(crate) fn file(&self) -> Option<String> {
        match self {
            Self::File(_) => self.path().map(|path| path.display().to_string()),
            #[cfg(feature = "store")]
            Self::Object(_) => None,
            Self::Stdout(_) => Some("-".into()),
        }
    }

    /// Writes the part of a file to disk. Returns its path, and that of the file which it becomes;
    /// `None` if the file goes elsewhere.
    pub(crate) async fn sync_part(&mut self) -> io::Result<Option<(PathBuf, PathBuf)>> {
        match self {
            Self::File(sink) => sink.sync_part().await,
            #[cfg(feature = "store")]
            Self::Object(_) => Ok(None),
            Self::Stdout(_) => Ok(None),
        }
    }

    /// The path of a file on this machine once it is complete, which need not be UTF-8.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(sink) => sink.finished(),
            #[cfg(feature = "store")]
            Self::Object(_) => None,
            Self::Stdout(_) => None,
        }
    }

    /// The upload of a file that is complete here.
    #[cfg(feature = "store")]
    pub(crate) fn into_upload(self) -> Option<Upload> {
        match self {
            Self::Object(sink) => sink.into_upload(),
            Self::File(_) | Self::Stdout(_) => None,
        }
    }

    /// Removes the part that was downloaded, for an export that is not resumed.
    pub(crate) async fn discard(&mut self) {
        // A part that stays is hidden, and replaced by the next download of the same operation.
        let _ = match self {
            Self::File(sink) => sink.discard().await,
            #[cfg(feature = "store")]
            Self::Object(sink) => sink.discard().await,
            Self::Stdout(_) => Ok(()),
        };
    }
}

/// Calls a method of the sink of each variant.
macro_rules! dispatch {
    ($self:ident, $sink:ident => $call:expr) => {
        match $self {
            Self::File($sink) => $call.await,
            #[cfg(feature = "store")]
            Self::Object($sink) => $call.await,
            Self::Stdout($sink) => $call.await,
        }
    };
}

impl Sink for OutputSink {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        dispatch!(self, sink => sink.have(operation))
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        dispatch!(self, sink => sink.begin(artifact, offset))
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        dispatch!(self, sink => sink.write(chunk))
    }

    async fn sync(&mut self) -> io::Result<u64> {
        dispatch!(self, sink => sink.sync())
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        dispatch!(self, sink => sink.finish(artifact))
    }
}
