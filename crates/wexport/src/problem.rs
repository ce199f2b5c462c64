//! What went wrong, as it is told to people and to scripts.

use std::fmt::{self, Write as _};
use std::io;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// Something that went wrong, with everything that helps to mend it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    /// What failed, in one sentence.
    pub(crate) what: String,
    pub(crate) facts: Box<Facts>,
    /// What to do about it, most likely first.
    pub(crate) advice: Vec<String>,
    /// Whether it is safe to try again.
    pub(crate) again: Option<String>,
}

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// `submit`, `poll` or `fetch`; `upload` for the way into an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<String>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// The service's code, such as `403Forbidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The service's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The service's words on single fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// `X-Request-ID` of the answer, or the store's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The id that the service's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original_request: Option<String>,
    /// The URL of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
}

impl Problem {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        let (facts, advice) = (Box::default(), Vec::new());
        Self { exit, what: what.into(), facts, advice, again: None }
    }

    /// A flag or a setting is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Something on this machine failed.
    pub(crate) fn local(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(Exit::Local, format!("{what}: {error}"))
    }

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
        writeln!(f, "error: {}", self.what)?;
        let mut line = |name: &str, text: &str| writeln!(f, "  {name:<17} {text}");
        let Facts { phase, status: _, code, message, details, .. } = &*self.facts;
        if let Some(phase) = phase {
            line("phase:", phase)?;
        }
        match (code, message) {
            (Some(code), Some(message)) => line("service:", &format!("{code}: {message}"))?,
            (Some(words), None) | (None, Some(words)) => line("service:", words)?,
            (None, None) => {}
        }
        for detail in details {
            line("", detail)?;
        }
        for (name, fact) in [
            ("request id:", &self.facts.request_id),
            ("original request:", &self.facts.original_request),
            ("operation:", &self.facts.operation),
        ] {
            if let Some(fact) = fact {
                line(name, fact)?;
            }
        }
        for (index, advice) in self.advice.iter().enumerate() {
            line(if index == 0 { "what to do:" } else { "" }, advice)?;
        }
        self.again.as_ref().map_or(Ok(()), |again| line("try again:", again))
    }
}

/// How the program ends. The numbers never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done = 0,
    No = 1,
    Usage = 2,
    Refused = 3,
    Unauthorized = 4,
    Failed = 5,
    Network = 6,
    Local = 7,
    Some = 8,
    GaveUp = 75,
    Interrupted = 130,
    Terminated = 143,
}

/// Each code, and what it means.
const EXITS: [(Exit, &str); 12] = [
    (Exit::Done, "done: the file is where it should be, or was there and is to be left"),
    (Exit::No, "no: `verify` found a difference, or what was asked after is not there"),
    (Exit::Usage, "usage: a flag or a setting is wrong; nothing was sent"),
    (Exit::Refused, "refused: the service will not do this; change the request"),
    (Exit::Unauthorized, "not authorised: the credentials are wrong or lack a scope"),
    (Exit::Failed, "failed at the service, or its answer was of no use"),
    (Exit::Network, "network: the service was not reached, or its peer is not trusted"),
    (Exit::Local, "local: a file, an object or the state folder cannot be read or written"),
    (Exit::Some, "some: exports of a batch ended without their file; see `wexport jobs show ID`"),
    (Exit::GaveUp, "gave up within its budgets; go on with `wexport jobs resume ID`"),
    (Exit::Interrupted, "stopped by Ctrl-C; go on with `wexport jobs resume ID`"),
    (Exit::Terminated, "stopped by SIGTERM; go on with `wexport jobs resume ID`"),
];

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table as text.
pub(crate) fn exit_code_table() -> String {
    let mut text = String::new();
    for (exit, meaning) in EXITS {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{:>5}  {meaning}", exit.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_is_there_once() {
        assert!(EXITS.is_sorted_by(|(one, _), (other, _)| one.code() < other.code()));
    }
}
