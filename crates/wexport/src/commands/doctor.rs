//! `wexport doctor`: what is set, and what works.

use std::fmt::Write;

use super::environment;
use crate::args::{DoctorArgs, ShowArgs};
use crate::clock;
use crate::doctor::{Finding, Listener, Value, examine};
use crate::event::{CheckStatus, Event, Record};
use crate::problem::Exit;
use crate::ui::print;

/// Looks at everything. The code is that of the first thing that is wrong.
pub(super) async fn run(command: DoctorArgs) -> Exit {
    let mut printer = Printer { show: command.session.show, last: None };
    let exit = examine(&command.session, &environment, &mut printer).await;
    if printer.show.json {
        printer.line(Event::Diagnosis { exit_code: exit.code() });
    }
    exit
}

/// Prints as it goes: some checks take their time.
struct Printer {
    show: ShowArgs,
    last: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Values,
    Findings,
}

impl Listener for Printer {
    fn value(&mut self, value: &Value) {
        let Value { name, value, from } = value.clone();
        if self.show.json {
            self.line(Event::Setting { name: name.replace(' ', "_"), value, from });
        } else if !self.show.quiet {
            self.text(Part::Values, &format!("  {name:<16} {value}  ({from})\n"));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding { name, standing, what, advice } = finding.clone();
        if self.show.json {
            self.line(Event::Check { name: name.replace(' ', "_"), standing, what, advice });
            return;
        }
        let mark = match standing {
            CheckStatus::Ok | CheckStatus::NotChecked if self.show.quiet => return,
            CheckStatus::Ok => "ok",
            CheckStatus::Warning => "warning",
            CheckStatus::Failed => "FAILED",
            CheckStatus::NotChecked => "-",
        };
        let mut text = format!("  {mark:<8} {name:<12} {what}\n");
        for advice in advice {
            let _ = writeln!(text, "  {:<8} {:<12} -> {advice}", "", "");
        }
        self.text(Part::Findings, &text);
    }
}

impl Printer {
    fn text(&mut self, part: Part, text: &str) {
        let title = match (self.last.replace(part) == Some(part), part) {
            _ if self.show.quiet => "",
            (true, _) => "",
            (false, Part::Values) => "Settings, and where each was set:\n",
            (false, Part::Findings) => "\nChecks:\n",
        };
        // If there is nobody to read it, the code still says it.
        let _ = print(&format!("{title}{text}"));
    }

    fn line(&self, what: Event) {
        let record = Record::new(clock::now(), None, what);
        if let Ok(line) = serde_json::to_string(&record) {
            let _ = print(&(line + "\n"));
        }
    }
}
