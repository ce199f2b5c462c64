//! The overview, and the topics of `wexport help`.

use clap::Args;

/// `wexport help`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HelpArgs {
    /// Command, or topic: exit-codes, templates, batch-files, stores, config,
    /// environment, hooks or json
    #[arg(value_name = "COMMAND|TOPIC", num_args = 0..)]
    pub(crate) topic: Vec<String>,
}

/// The topics that are not commands.
pub(crate) const TOPICS: [&str; 8] =
    ["exit-codes", "templates", "batch-files", "stores", "config", "environment", "hooks", "json"];

/// The output of `wexport --help`. It groups the commands, which clap's own overview cannot do.
pub(super) fn overview() -> String {
    let batch = if cfg!(feature = "postgres") { "batch LIST, work" } else { "batch LIST" };
    let (settings, set_up) = match cfg!(feature = "demo") {
        true => ("init, doctor, demo", "Set up and check settings; try it out"),
        false => ("init, doctor", "Set up and check settings"),
    };
    format!(
        "\
Export files from Workiva: submit an export, wait for it, download the file

Usage: wexport <COMMAND> [ID] [OPTIONS]

Exports:
  files [TEXT]                          List what there is, with its IDs
  document, spreadsheet, presentation   Export by ID, in a --format
  file                                  Export any file by ID and --kind
  folder, container, style-guide, graph-report, test-form, attachment
  {batch:<36}  Export all rows of a CSV or JSON list
Jobs:
  jobs list, show, resume, clean        Manage the jobs of this machine
  report [BATCH]                        Report what a batch did
  status, fetch, verify                 Check or fetch operations, check files
Other:
  {settings:<36}  {set_up}
  completions SHELL, man [FOLDER]       Print completions or manual pages
  help COMMAND                          Show help; topics: `wexport help help`

Credentials: WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET, or WORKIVA_TOKEN

  wexport document 124efa2a142f --format pdf -o report.pdf

Options: -h for the common ones of a command, --help for all, -V for the version
"
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn overview_names_the_commands_of_this_build() {
        let (overview, cli) = (overview(), Cli::command());
        let words: Vec<&str> = overview.split([' ', ',']).collect();
        for optional in ["work", "demo"] {
            assert_eq!(
                words.contains(&optional),
                cli.find_subcommand(optional).is_some(),
                "{optional}"
            );
        }
    }
}
