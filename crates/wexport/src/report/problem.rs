//! What went wrong, as it is told to people and to scripts.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::exit::Exit;
use crate::show::say;

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
        self.advice.push(advice.into());
        self
    }

    /// Tells people, on standard error.
    pub(crate) fn print(&self) -> ExitCode {
        say(&self.to_string());
        self.exit.into()
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
