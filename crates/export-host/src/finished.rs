//! The end of one of many exports.

use export_core::{Artifact, JobKey};

use crate::export_error::ExportError;

/// An export that is over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished<S> {
    /// What its caller calls it.
    pub key: JobKey,
    /// What the service said of the file, or why there is none.
    pub outcome: Result<Artifact, ExportError>,
    /// The sink of its last download, if there was one.
    pub sink: Option<S>,
}

impl<S> Finished<S> {
    /// One that came to this end.
    pub const fn new(key: JobKey, outcome: Result<Artifact, ExportError>, sink: Option<S>) -> Self {
        Self { key, outcome, sink }
    }
}
