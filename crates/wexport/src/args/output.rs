//! Where the file goes.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Flags of the file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// File, folder, '{template}', s3://BUCKET/KEY or - [default: ./ITS-NAME]
    ///
    /// A path, a folder (under the service's name for the file), a template such as
    /// '{date}/{id}-{name}.{ext}' (see `wexport help templates`), an object in a store (see
    /// `wexport help stores`), or - for standard output, which gets nothing before the whole
    /// file has arrived.
    #[arg(short, long, value_name = "PLACE", help_heading = None)]
    pub(crate) output: Option<String>,

    /// replace, skip, rename or error [default: replace]
    ///
    /// What to do if the file exists: replace it, in one step, when the new one is complete;
    /// skip the export; give the new one a name beside it, `report (2).pdf`; or fail.
    #[arg(long, value_name = "RULE", value_enum, help_heading = None)]
    #[arg(hide_possible_values = true)]
    pub(crate) if_exists: Option<IfExistsArg>,

    /// Write FILE.receipt.json beside the file
    ///
    /// SHA-256, length, what was asked for, the operation and its times, the client and the
    /// versions; `wexport verify FILE` checks the file against it.
    #[arg(long, help_heading = None, hide_short_help = true)]
    pub(crate) receipt: bool,
}

/// What becomes of a file that exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IfExistsArg {
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
