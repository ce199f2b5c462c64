//! `wexport doctor`: prints the settings and the results of the checks.

use std::fmt::Write;

use super::environment;
use crate::args::{DoctorArgs, LogLevel, ShowArgs};
use crate::clock;
use crate::doctor::{self, CheckResult, Observer, SettingValue};
use crate::event::{CheckStatus, Event, Record};
use crate::problem::{Exit, Problem};
use crate::text::json;
use crate::ui::{print, print_error_event, print_problem};

/// Runs all checks. The exit code is that of the first failure.
pub(super) async fn run(args: DoctorArgs) -> Exit {
    let mut printer = Printer { show: args.session.show, section: None, failure: None };
    let exit = doctor::run(&args.session, &environment, &mut printer).await;
    if printer.show.json {
        printer.print_event(Event::Diagnosis { exit_code: exit.code() });
    }
    match printer.failure {
        Some(problem) => {
            if printer.show.json {
                print_error_event(&problem, true);
            } else {
                print_problem(&problem);
            }
            if exit == Exit::Done { problem.exit } else { exit }
        }
        None => exit,
    }
}

/// Prints each result at once, since some checks take seconds.
struct Printer {
    show: ShowArgs,
    /// The section that was printed last.
    section: Option<Section>,
    /// Why the output is not complete.
    failure: Option<Problem>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Settings,
    Checks,
}

impl Observer for Printer {
    fn setting(&mut self, setting: &SettingValue) {
        let SettingValue { name, value, source } = setting.clone();
        if self.show.json {
            self.print_event(Event::Setting { name: name.replace(' ', "_"), value, source });
        } else if !self.is_quiet() {
            self.print_text(Section::Settings, &format!("  {name:<16} {value}  ({source})\n"));
        }
    }

    fn check(&mut self, check: &CheckResult) {
        let CheckResult { name, status, message, advice } = check.clone();
        if self.show.json {
            let name = name.replace(' ', "_");
            self.print_event(Event::Check { name, status, message, advice });
            return;
        }
        let mark = match status {
            CheckStatus::Ok | CheckStatus::NotChecked if self.is_quiet() => return,
            CheckStatus::Ok => "ok",
            CheckStatus::Warning => "warning",
            CheckStatus::Failed => "FAILED",
            CheckStatus::NotChecked => "-",
        };
        let mut text = format!("  {mark:<8} {name:<12} {message}\n");
        for advice in advice {
            let _ = writeln!(text, "  {:<8} {:<12} -> {advice}", "", "");
        }
        self.print_text(Section::Checks, &text);
    }
}

impl Printer {
    /// Whether only what is wrong is printed.
    fn is_quiet(&self) -> bool {
        self.show.level() < LogLevel::Info
    }

    fn print_text(&mut self, section: Section, text: &str) {
        let is_new = self.section.replace(section) != Some(section);
        let title = match section {
            _ if self.is_quiet() || !is_new => "",
            Section::Settings => "Settings, and where each was set:\n",
            Section::Checks => "\nChecks:\n",
        };
        self.print(&format!("{title}{text}"));
    }

    fn print_event(&mut self, event: Event) {
        let record = Record::new(clock::now(), None, event);
        if let Ok(line) = json(&record) {
            self.print(&(line + "\n"));
        }
    }

    fn print(&mut self, text: &str) {
        if let (Err(problem), None) = (print(text), &self.failure) {
            self.failure = Some(problem);
        }
    }
}
