//! Errors as users and scripts see them, and exit codes.

use std::fmt::{self, Write as _};
use std::io;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::text::sanitize;

/// An error, with what a user needs to know to fix it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    /// What failed, in one sentence.
    pub(crate) message: String,
    pub(crate) facts: Box<Facts>,
    /// What to do, the most likely remedy first.
    pub(crate) advice: Vec<String>,
    /// Whether it is safe to try again, and how.
    pub(crate) retry: Option<String>,
}

/// Where in an export a problem occurred, and what the service said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// `submit`, `poll` or `fetch`; `upload` for an upload to an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<String>,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// The service's error code, such as `403Forbidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The service's error message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_message: Option<String>,
    /// The service's errors about single fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// The `X-Request-ID` of the response, or the request ID of an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The ID of the submit request, which Workiva's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original_request: Option<String>,
    /// The URL of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    /// What resuming the export would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<Ending>,
}

/// An end of an export that is not to be resumed without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// The service refused it, or ended it: the same may happen again.
    Refused,
    /// A submit may have started an export.
    Unconfirmed,
}

impl Problem {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let (facts, advice) = (Box::default(), Vec::new());
        Self { exit, message: message.into(), facts, advice, retry: None }
    }

    /// An invalid flag or setting.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// An I/O error on this machine.
    pub(crate) fn local(message: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(Exit::Local, format!("{message}: {error}"))
    }

    /// The problem of a run, which it names if there are others.
    pub(crate) fn of_run(&self, run: Option<&str>) -> Self {
        let prefix = run.map(|run| format!("{run}: ")).unwrap_or_default();
        Self { message: format!("{prefix}{}", self.message), ..self.clone() }
    }

    /// Adds advice, unless the problem has it.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        let advice = advice.into();
        if !self.advice.contains(&advice) {
            self.advice.push(advice);
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let retry = self.retry.as_deref();
        explanation(&self.facts, &self.advice, retry).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The lines below the message of an error: where it occurred, what the service said, and what to do.
pub(crate) fn explanation<'a>(
    facts: &'a Facts,
    advice: &'a [String],
    retry: Option<&'a str>,
) -> impl Iterator<Item = String> + 'a {
    let service = match (&facts.code, &facts.service_message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (Some(text), None) | (None, Some(text)) => Some(text.clone()),
        (None, None) => None,
    };
    let details = facts.details.iter().map(String::as_str).enumerate();
    let details = details.map(move |(index, detail)| {
        let is_first = index == 0 && facts.code.is_none() && facts.service_message.is_none();
        (if is_first { "service:" } else { "" }, Some(detail))
    });
    let advice = advice.iter().map(String::as_str).enumerate();
    let advice =
        advice.map(|(index, text)| (if index == 0 { "what to do:" } else { "" }, Some(text)));
    let line =
        |(name, text): (&str, Option<&str>)| Some(format!("  {name:<17} {}", sanitize(text?)));
    let first = line(("phase:", facts.phase.as_deref()));
    let service = line(("service:", service.as_deref()));
    let ids = [
        ("request id:", facts.request_id.as_deref()),
        ("original request:", facts.original_request.as_deref()),
        ("operation:", facts.operation.as_deref()),
    ];
    let rest = details.chain(ids).chain(advice).chain([("try again:", retry)]);
    first.into_iter().chain(service).chain(rest.filter_map(line))
}

/// The exit codes. A number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done = 0,
    /// A check failed, or an ID matches nothing.
    No = 1,
    Usage = 2,
    Refused = 3,
    Unauthorized = 4,
    Failed = 5,
    Network = 6,
    Local = 7,
    SomeFailed = 8,
    /// Another process runs the same.
    Running = 9,
    GaveUp = 75,
    Interrupted = 130,
    Terminated = 143,
}

/// Each code, and what it means.
const EXITS: [(Exit, &str); 13] = [
    (Exit::Done, "done: the file is complete, or it existed and was kept"),
    (Exit::No, "no: the file differs from its receipt, or the ID is unknown"),
    (Exit::Usage, "usage: a flag or a setting is invalid; nothing was sent"),
    (Exit::Refused, "refused: the service refused the request; change it"),
    (Exit::Unauthorized, "not authorised: the credentials are wrong, or lack a scope"),
    (Exit::Failed, "failed: the export failed at the service, or its response was invalid"),
    (Exit::Network, "network: the service cannot be reached or verified"),
    (Exit::Local, "local: a file, an object or the state folder cannot be read or written"),
    (Exit::SomeFailed, "some: exports of a batch failed; see `wexport jobs show ID`"),
    (Exit::Running, "running: another process runs the same, or has taken over"),
    (Exit::GaveUp, "gave up: out of time or retries; continue with `wexport jobs resume ID`"),
    (Exit::Interrupted, "stopped by Ctrl-C; continue with `wexport jobs resume ID`"),
    (Exit::Terminated, "stopped by SIGTERM; continue with `wexport jobs resume ID`"),
];

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The exit of another process of this program.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        let mut exits = EXITS.into_iter().map(|(exit, _)| exit);
        exits.find(|exit| i32::from(exit.code()) == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The exit codes as a table.
pub(crate) fn exit_code_table() -> String {
    let mut text = String::new();
    for (exit, meaning) in EXITS {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{:>5}  {meaning}", exit.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_sorted_and_unique() {
        assert!(EXITS.is_sorted_by(|(one, _), (other, _)| one.code() < other.code()));
    }
}
