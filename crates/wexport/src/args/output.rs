//! The flags of the output file.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::values::DateArg;

/// The flags of the output file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// File, folder, template, s3:// URL, or - for stdout [default: the service's file name]
    ///
    /// Missing folders are made; a path that ends in / is a folder. A file in a folder gets the
    /// service's name for it. A template such as
    /// '{date}/{id}-{name}.{ext}' is filled in (see `wexport help templates`). For s3:// URLs see
    /// `wexport help stores`. Standard output gets nothing before the download is complete.
    #[arg(short, long, value_name = "PATH", help_heading = None)]
    #[arg(value_parser = OsStringValueParser::new().try_map(utf8))]
    pub(crate) output: Option<String>,

    /// replace, skip, rename or error [default: replace]
    ///
    /// What to do if the file exists: replace it in one step when the new file is complete, which
    /// gets its owner and permissions; skip the export; rename the new file, for example to `report
    /// (2).pdf`; or fail with an error.
    ///
    /// skip and error look before the export is requested, if the name is known then. For a name that
    /// the service chooses, skip looks for the file that the same export has left before, under the
    /// same -o and date: the jobs and batches in the state folder have its name.
    #[arg(long, value_name = "RULE", value_enum, help_heading = None)]
    #[arg(hide_possible_values = true)]
    pub(crate) if_exists: Option<IfExistsArg>,

    /// The date of {date} in a template, such as 2026-11-30 [default: today]
    ///
    /// Without it, the date is that of the time zone of TZ or of the system, as `date +%F` prints
    /// it. A job that is resumed keeps the date that it was begun with.
    #[arg(long, value_name = "DATE", help_heading = None, hide_short_help = true)]
    pub(crate) date: Option<DateArg>,

    /// Write FILE.receipt.json beside the file
    ///
    /// The receipt has the SHA-256 and the length of the file, the request, the operation and its
    /// times, the client ID and the versions. `wexport verify FILE` checks the file against it.
    #[arg(long, help_heading = None, hide_short_help = true)]
    pub(crate) receipt: bool,
}

/// What to do if the file exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IfExistsArg {
    /// Replace it in one step when the new file is complete.
    #[default]
    Replace,
    /// Keep it, and export nothing.
    Skip,
    /// Keep it, and call the new file `name (2).ext`.
    Rename,
    /// Keep it, and fail.
    Error,
}

fn utf8(path: OsString) -> Result<String, &'static str> {
    path.into_string().map_err(|_| "not UTF-8; change to its folder, and name the file from there")
}
