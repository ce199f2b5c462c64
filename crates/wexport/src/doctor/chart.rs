//! What was found, one line each.

use serde::{Deserialize, Serialize};

use super::Listener;
use crate::report::{Exit, Problem};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) standing: Standing,
    /// What was found, in one sentence.
    pub(crate) what: String,
    /// What to do about it, most likely first.
    pub(crate) advice: Vec<String>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Ok,
    Warning,
    Failed,
    NotChecked,
}

/// Tells findings, and remembers the first failure.
pub(crate) struct Chart<'a> {
    listener: &'a mut dyn Listener,
    first: Option<Exit>,
}

impl<'a> Chart<'a> {
    pub(super) fn new(listener: &'a mut dyn Listener) -> Self {
        Self { listener, first: None }
    }

    pub(super) fn ok(&mut self, name: &'static str, what: impl Into<String>) {
        self.tell(name, Standing::Ok, what.into(), Vec::new());
    }

    pub(super) fn warning(&mut self, name: &'static str, what: impl Into<String>, advice: &str) {
        self.tell(name, Standing::Warning, what.into(), vec![advice.into()]);
    }

    pub(super) fn failed(&mut self, name: &'static str, problem: &Problem) {
        self.first.get_or_insert(problem.exit);
        self.tell(name, Standing::Failed, problem.what.clone(), problem.advice.clone());
    }

    pub(super) fn not_checked(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.tell(name, Standing::NotChecked, format!("not checked: {why}"), Vec::new());
        }
    }

    /// The code of the first failure.
    pub(super) fn exit(&self) -> Exit {
        self.first.unwrap_or(Exit::Done)
    }

    fn tell(&mut self, name: &'static str, standing: Standing, what: String, advice: Vec<String>) {
        self.listener.finding(&Finding { name, standing, what, advice });
    }
}
