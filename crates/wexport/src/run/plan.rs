//! What is to be run, and what came of it.

use export_hyper::{Artifact, ExportSpec};

use crate::place::{Delivered, Order};
use crate::spec::What;

/// An export that is to be run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) start: Start,
    pub(crate) what: What,
    pub(crate) place: Order,
}

/// Where it begins.
#[derive(Debug)]
pub(crate) enum Start {
    /// With the request for it.
    Spec(Box<ExportSpec>),
    /// With an operation that somebody started, by its id or URL.
    Operation(String),
}

/// How it ended well.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The file is there.
    Delivered(
        Delivered,
        #[cfg_attr(
            not(feature = "demo"),
            expect(dead_code, reason = "the demonstration reads it")
        )]
        Box<Artifact>,
    ),
    /// The file is in an object store, at this URL.
    #[cfg(feature = "store")]
    Uploaded(String),
    /// Another file is there, and was to be left.
    Skipped,
}
