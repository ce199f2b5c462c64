//! What `-o` means.

use std::path::{Path, PathBuf};

use export_hyper::Timestamp;
use serde::{Deserialize, Serialize};

use super::scheme::Scheme;
#[cfg(feature = "store")]
use super::store::Address;
use super::template::Template;
use crate::cli::{IfExistsWord, PlaceArgs};
use crate::report::Problem;

/// Where a file is to go, as it was asked for: enough for another process to find the place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What stood after `-o`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// The folder in which the command was given.
    pub(crate) folder: PathBuf,
    pub(crate) if_exists: IfExistsWord,
    /// When the command was given.
    pub(crate) at: Timestamp,
    /// Whether the file gets a receipt.
    #[serde(default)]
    pub(crate) receipt: bool,
}

/// Where a file is to go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A file, under this name.
    File(PathBuf),
    /// A folder, under the service's name.
    Folder(PathBuf),
    /// A name that is made of what is known of the export.
    Template(Template),
    /// An object in a store.
    #[cfg(feature = "store")]
    Object(Address),
    /// Standard output.
    Stdout,
}

impl Order {
    /// What was asked for, in the current folder.
    pub(crate) fn new(place: &PlaceArgs, at: Timestamp) -> Result<Self, Problem> {
        let folder = std::env::current_dir()
            .map_err(|error| Problem::local("there is no current folder", &error))?;
        let if_exists = place.if_exists.unwrap_or_default();
        let (output, receipt) = (place.output.clone(), place.receipt);
        Ok(Self { output, folder, if_exists, at, receipt })
    }

    /// The place that is meant.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        let Some(output) = self.output.as_deref() else {
            return Ok(Target::Folder(self.folder.clone()));
        };
        if output.is_empty() {
            return Err(Problem::usage("-o names nothing").advise("use - for standard output"));
        }
        if output == "-" {
            return self.only_replacing(Target::Stdout);
        }
        if let Some((word, rest)) = split_url(output) {
            return object(word, rest);
        }
        if output.contains(['{', '}']) {
            return Template::parse(output, &self.folder).map(Target::Template);
        }
        let path = self.folder.join(output);
        let names_folder = output.ends_with(['/', std::path::MAIN_SEPARATOR]);
        Ok(if names_folder || path.is_dir() { Target::Folder(path) } else { Target::File(path) })
    }

    fn only_replacing(&self, target: Target) -> Result<Target, Problem> {
        if self.receipt {
            return Err(Problem::usage("--receipt is for files: it would have nowhere to lie"));
        }
        if self.if_exists != IfExistsWord::Replace {
            let what = "--if-exists is for files, and this goes to standard output";
            return Err(Problem::usage(what));
        }
        Ok(target)
    }

    /// The path, where it does not depend on what the service says of the file.
    pub(crate) fn fixed(&self) -> Option<PathBuf> {
        match self.target() {
            Ok(Target::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether the file itself goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.output.as_deref() == Some("-")
    }
}

/// An object in a store that this program knows.
#[cfg_attr(not(feature = "store"), expect(unused_variables, reason = "no store reads it"))]
fn object(word: &str, rest: &str) -> Result<Target, Problem> {
    let scheme = Scheme::of(word).ok_or_else(|| {
        Problem::usage(format!("-o: {word}:// is not a place that this program knows"))
            .advise("name a file, a folder, or an object as s3://BUCKET/KEY")
    })?;
    #[cfg(feature = "store")]
    if scheme.is_compiled_in() {
        return Address::parse(scheme, rest).map(Target::Object);
    }
    Err(scheme.missing())
}

/// The scheme of a URL, and what follows it. A single letter is a drive.
fn split_url(output: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = output.split_once("://")?;
    let legal = scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    legal.then_some((scheme, rest))
}

/// A path as people read it: relative where it is under the current folder.
pub(crate) fn shown(path: impl AsRef<Path>) -> String {
    let current = std::env::current_dir().ok();
    let path = path.as_ref();
    let inside = current.and_then(|current| path.strip_prefix(current).ok().map(PathBuf::from));
    inside.unwrap_or_else(|| path.into()).display().to_string()
}
