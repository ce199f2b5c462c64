//! `wexport completions` and `wexport man`, and what a shell asks for to complete a line.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use super::jobs::{JobsState, settings_of};
use crate::args::{CONFIG, Cli, StateArgs, TOPICS};
use crate::problem::{Exit, Problem};
use crate::settings::profile_names;
use crate::state::{Wanted, known_files, known_files_path};
use crate::text::sanitize;
use crate::ui::print;

/// The variable in which the script of a shell names the shell.
const VARIABLE: &str = "WEXPORT_COMPLETE";

/// Answers a shell that wants a line completed, which the script of [`completions`] has it do; returns if
/// this is no such call.
pub(crate) fn complete() {
    CompleteEnv::with_factory(|| with_candidates(Cli::command())).var(VARIABLE).complete();
}

/// Prints the completion script of a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    let name = shell.to_string();
    let shells = Shells::builtins();
    let known = shells.completer(&name).ok_or_else(|| {
        Problem::new(Exit::Usage, format!("there are no completions for the shell {name}"))
    })?;
    known
        .write_registration(VARIABLE, "wexport", "wexport", "wexport", &mut script)
        .map_err(|error| Problem::local("cannot write the completion script", &error))?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Zsh {
        script += ZSH_AUTOLOAD;
    }
    print(&script)
}

/// A package installs the script as the file `_wexport` in `$fpath`, which zsh runs as a function at the
/// first completion. Without this, it would only complete the next ones.
const ZSH_AUTOLOAD: &str = r#"
if [[ $funcstack[1] == _wexport ]]; then
    _clap_dynamic_completer_wexport "$@"
fi
"#;

/// The most jobs that are offered, the latest ones.
const JOBS: usize = 100;

/// Adds what this machine knows of values: IDs that were listed, jobs, profiles.
fn with_candidates(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| {
        let candidates = match (name.as_str(), arg.get_id().as_str()) {
            ("document", "id") => ArgValueCandidates::new(|| ids(&["Document"])),
            ("spreadsheet", "id") => ArgValueCandidates::new(|| ids(&["Spreadsheet"])),
            ("presentation", "id") => ArgValueCandidates::new(|| ids(&["Presentation"])),
            ("folder", "id") | ("files", "container") => {
                ArgValueCandidates::new(|| ids(&["Folder"]))
            }
            ("file", "id") => ArgValueCandidates::new(|| ids(&[])),
            ("show" | "resume" | "report", "id") => ArgValueCandidates::new(jobs),
            ("help", "topic") => ArgValueCandidates::new(topics),
            (_, "profile") => ArgValueCandidates::new(|| {
                profile_names(&super::environment).into_iter().map(Into::into).collect()
            }),
            (_, "region") => ArgValueCandidates::new(|| of_words(&["us", "eu", "apac"])),
            (_, "api_version") => {
                ArgValueCandidates::new(|| of_words(&["2026-01-01", "2022-01-01"]))
            }
            _ => return arg,
        };
        arg.add(candidates)
    });
    command.mut_subcommands(with_candidates)
}

fn of_words(words: &[&'static str]) -> Vec<CompletionCandidate> {
    words.iter().copied().map(Into::into).collect()
}

/// The IDs that `wexport files` has listed, of these kinds or of all.
fn ids(kinds: &[&str]) -> Vec<CompletionCandidate> {
    let known = known_files_path().map(|path| known_files(&path)).unwrap_or_default();
    let known = known.into_iter().filter(|file| kinds.is_empty() || kinds.contains(&&*file.kind));
    let candidate = |file: crate::state::KnownFile| {
        let name = sanitize(&file.name).into_owned();
        CompletionCandidate::new(file.id).help(Some(name.into()))
    };
    known.map(candidate).collect()
}

/// The jobs and batches of this machine, the latest first.
fn jobs() -> Vec<CompletionCandidate> {
    let read = || -> Result<Vec<String>, Problem> {
        let state = JobsState::open(&settings_of(&StateArgs::default())?, Wanted::Ids)?;
        let jobs = state.jobs()?.iter().map(|job| job.id().to_owned()).collect::<Vec<_>>();
        let batches = state.batches()?;
        Ok(jobs.into_iter().chain(batches.iter().map(|it| it.id().to_owned())).collect())
    };
    let mut ids = read().unwrap_or_default();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(JOBS);
    ids.into_iter().map(Into::into).collect()
}

fn topics() -> Vec<CompletionCandidate> {
    let commands = Cli::command();
    let commands = commands.get_subcommands().map(|command| command.get_name().to_owned());
    TOPICS.into_iter().map(String::from).chain(commands).map(Into::into).collect()
}

/// Prints the manual page, or writes one for each command to a folder.
pub(super) fn man(folder: Option<&Path>) -> Result<(), Problem> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|error| Problem::local("cannot generate the manual page", &error))?;
        return print(&(String::from_utf8_lossy(&page) + config_section().as_str()));
    };
    let main = folder.join("wexport.1");
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .and_then(|()| OpenOptions::new().append(true).open(main))
        .and_then(|mut page| page.write_all(config_section().as_bytes()))
        .map_err(|error| Problem::local(format!("cannot write to {}", folder.display()), &error))
}

/// The format of the config file as a section of a manual page. Its lines are not filled.
fn config_section() -> String {
    let text = CONFIG.replace('\\', "\\e").replace('-', "\\-");
    format!(".SH \"CONFIG FILE\"\n.nf\n{text}.fi\n")
}
