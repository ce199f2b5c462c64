//! Where the file goes.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Flags of the file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "File")]
pub(crate) struct PlaceArgs {
    /// A path, a folder, a template such as '{date}/{id}-{name}.{ext}', or - for stdout
    /// [default: the service's name, here]
    #[arg(short, long, value_name = "PLACE")]
    pub(crate) output: Option<String>,

    /// What to do if the file exists [default: replace, in one step]
    #[arg(long, value_name = "RULE", value_enum, hide_possible_values = true, help = IF_EXISTS)]
    pub(crate) if_exists: Option<IfExistsWord>,
}

const IF_EXISTS: &str =
    "If the file exists: replace (in one step), skip, rename or error [default: replace]";

/// What becomes of a file that exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IfExistsWord {
    /// It is replaced in one step when the new one is complete.
    #[default]
    Replace,
    /// It stays, and nothing is exported.
    Skip,
    /// It stays, and the new one is called `name (2).ext`.
    Rename,
    /// It stays, and the command fails.
    Error,
}
