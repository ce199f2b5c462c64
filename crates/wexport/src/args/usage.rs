//! Errors of the command line.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use super::Cli;
use crate::problem::Problem;

/// Where `--json` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonStream {
    Stdout,
    /// Standard output has the file.
    Stderr,
}

/// The stream of `--json` on a command line that could not be parsed; `None` without the flag.
pub(crate) fn json_stream(arguments: impl Iterator<Item = OsString>) -> Option<JsonStream> {
    let arguments: Vec<OsString> = arguments.take_while(|argument| argument != "--").collect();
    let is_output = |flag: &OsStr| flag == "-o" || flag == "--output";
    let carries_file = arguments.windows(2).any(|two| is_output(&two[0]) && two[1] == "-")
        || arguments.iter().any(|argument| argument == "-o-" || argument == "--output=-");
    let has_json = arguments.iter().any(|argument| argument == "--json");
    has_json.then_some(if carries_file { JsonStream::Stderr } else { JsonStream::Stdout })
}

/// Parses the command line. The error of an unknown command names those that may be meant: `jobs resume` for `resume`,
/// and the kinds of files for `export`.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line).map_err(|mut error| {
        if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) {
            let meant = meant_by(name);
            if !meant.is_empty() {
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(meant));
            }
        }
        error
    })
}

fn meant_by(name: &str) -> Vec<String> {
    if name == "export" {
        return ["document", "spreadsheet", "presentation", "batch"].map(String::from).into();
    }
    let command = Cli::command();
    let parents = command.get_subcommands();
    let parents = parents.filter(|parent| parent.find_subcommand(name).is_some());
    parents.map(|parent| format!("{} {name}", parent.get_name())).collect()
}

/// The problem of a command line: clap's message, and its tips as advice.
pub(crate) fn usage_problem(error: &clap::Error) -> Problem {
    let text = error.to_string();
    let mut paragraphs = text.trim_start_matches("error: ").split("\n\n");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let problem = Problem::usage(words(paragraphs.next().unwrap_or_default()));
    let advice = paragraphs.flat_map(str::lines).map(words).filter(|line| !line.is_empty());
    advice.fold(problem, Problem::advise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_may_be_meant_are_named() {
        for (command, meant) in
            [("resume", "jobs resume"), ("list", "jobs list"), ("export", "document")]
        {
            let error = parse(["wexport", command].map(OsString::from)).unwrap_err();
            let advice = usage_problem(&error).advice.join("\n");
            assert!(advice.contains(&format!("'{meant}'")), "{advice}");
        }
        let error = parse(["wexport", "exprot"].map(OsString::from)).unwrap_err();
        assert!(!error.to_string().contains("jobs"), "{error}");
    }

    #[test]
    fn json_goes_where_the_file_does_not() {
        let stream = |line: &str| json_stream(line.split(' ').map(OsString::from));
        assert_eq!(stream("wexport document --json -x"), Some(JsonStream::Stdout));
        assert_eq!(stream("wexport document -o a --json"), Some(JsonStream::Stdout));
        for output in ["-o -", "-o-", "--output -", "--output=-"] {
            let line = format!("wexport document {output} --json -x");
            assert_eq!(stream(&line), Some(JsonStream::Stderr));
        }
        assert_eq!(stream("wexport document -x"), None);
        assert_eq!(stream("wexport document -- --json"), None);
    }
}
