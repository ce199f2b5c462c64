//! Help beyond the flags of one command.

use clap::Args;

/// `wexport help`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HelpArgs {
    /// A command, or one of: exit-codes, templates, batch-files, stores, environment,
    /// json
    #[arg(value_name = "COMMAND|TOPIC", num_args = 0..)]
    pub(crate) topic: Vec<String>,
}

/// The topics that are no commands.
pub(crate) const TOPICS: [&str; 6] =
    ["exit-codes", "templates", "batch-files", "stores", "environment", "json"];

/// What `wexport --help` says. clap would list all commands alike, and nobody needs all alike.
pub(super) const OVERVIEW: &str = "\
Export files from Workiva: asks, waits as the service wishes, downloads.

Usage: wexport COMMAND [ID] [OPTIONS]

Export:
  document, spreadsheet, presentation   by id, in a --format
  file                                  any file, by id and --kind
  folder, container, style-guide, graph-report, test-form, attachment
  batch LIST                            all that a CSV or JSON file lists
Go on:
  jobs list, show, resume, clean        what this machine has exported, and how
  status, fetch                         an operation that was started elsewhere
  verify FILE                           check a file against its --receipt
More:
  doctor                                what is set, and what is wrong
  demo                                  see it work: no credentials, no network
  completions SHELL, man [FOLDER]
  help COMMAND                          or a topic, see `wexport help help`

Credentials: WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET, or WORKIVA_TOKEN.

  wexport document 124efa2a142f --format pdf -o report.pdf

Flags: -h for a command's most used, --help for all of them, -V for the version
";
