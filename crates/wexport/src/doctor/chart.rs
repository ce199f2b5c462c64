//! What was found, one line each.

use super::Listener;
use crate::event::CheckStatus;
use crate::problem::{Exit, Problem};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) standing: CheckStatus,
    /// What was found, in one sentence.
    pub(crate) what: String,
    /// What to do about it, most likely first.
    pub(crate) advice: Vec<String>,
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
        self.tell(name, CheckStatus::Ok, what.into(), Vec::new());
    }

    pub(super) fn warning(&mut self, name: &'static str, what: impl Into<String>, advice: &str) {
        self.tell(name, CheckStatus::Warning, what.into(), vec![advice.into()]);
    }

    pub(super) fn failed(&mut self, name: &'static str, problem: &Problem) {
        self.first.get_or_insert(problem.exit);
        self.tell(name, CheckStatus::Failed, problem.what.clone(), problem.advice.clone());
    }

    pub(super) fn not_checked(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.tell(name, CheckStatus::NotChecked, format!("not checked: {why}"), Vec::new());
        }
    }

    /// The code of the first failure.
    pub(super) fn exit(&self) -> Exit {
        self.first.unwrap_or(Exit::Done)
    }

    fn tell(
        &mut self,
        name: &'static str,
        standing: CheckStatus,
        what: String,
        advice: Vec<String>,
    ) {
        self.listener.finding(&Finding { name, standing, what, advice });
    }
}
