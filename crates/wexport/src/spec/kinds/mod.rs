//! What each command asks for.

mod documents;
mod files;
mod formats;
mod graph;

use export_hyper::ExportSpec;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::choices::Choice;
use crate::report::Problem;

/// What a command asks for.
pub(crate) trait Asked: clap::Args {
    /// The formats to choose from; none if there is nothing to choose.
    const FORMATS: &'static [&'static str] = &[];

    /// What is exported, in a word.
    fn kind(&self) -> &'static str;

    /// Its id.
    fn id(&self) -> &str;

    /// The path of the request, in a generation that has it.
    fn path(&self) -> String;

    /// The format, if `--format` names it.
    fn format(&self) -> Option<&str> {
        None
    }

    /// The options that were given.
    fn choices(&self) -> &[Choice] {
        &[]
    }

    /// The request, in this format.
    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem>;
}

/// An id as one segment of a path.
fn encoded(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}
