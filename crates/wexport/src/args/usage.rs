//! Errors of the command line.

use std::ffi::{OsStr, OsString};

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
