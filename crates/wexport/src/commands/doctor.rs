//! `wexport doctor`: what is set, and what works.

use std::fmt::Write;

use super::environment;
use crate::cli::{DoctorArgs, ShowArgs};
use crate::clock;
use crate::doctor::{Finding, Listener, Standing, Value, examine};
use crate::report::Exit;
use crate::show::{Happening, Record, print};

/// Looks at everything. The code is that of the first thing that is wrong.
pub(super) async fn run(command: DoctorArgs) -> Exit {
    let mut printer = Printer { show: command.session.show, last: None };
    let exit = examine(&command.session, &environment, &mut printer).await;
    if printer.show.json {
        printer.line(Happening::Diagnosis { exit_code: exit.code() });
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
            self.line(Happening::Setting { name: name.replace(' ', "_"), value, from });
        } else if !self.show.quiet {
            self.text(Part::Values, &format!("  {name:<16} {value}  ({from})\n"));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let Finding { name, standing, what, advice } = finding.clone();
        if self.show.json {
            self.line(Happening::Check { name: name.replace(' ', "_"), standing, what, advice });
            return;
        }
        let mark = match standing {
            Standing::Ok | Standing::NotChecked if self.show.quiet => return,
            Standing::Ok => "ok",
            Standing::Warning => "warning",
            Standing::Failed => "FAILED",
            Standing::NotChecked => "-",
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

    fn line(&self, what: Happening) {
        let record = Record::new(clock::now(), None, what);
        if let Ok(line) = serde_json::to_string(&record) {
            let _ = print(&(line + "\n"));
        }
    }
}
