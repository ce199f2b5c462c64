//! The commands.

mod batch;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod export;
mod fetch;
mod files;
mod help;
mod init;
mod jobs;
mod report;
mod single_command;
mod status;
mod verify;
#[cfg(feature = "postgres")]
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) use self::completions::complete;
use crate::args::{Cli, Command, JobsCommand, ShowArgs};
use crate::problem::{Exit, Problem};
use crate::ui::{Reporter, print_error_event, print_problem};

/// Runs a command, and returns its exit code.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Document(export) => return export::run(*export).await.into(),
        Command::Spreadsheet(export) => return export::run(*export).await.into(),
        Command::Presentation(export) => return export::run(*export).await.into(),
        Command::File(export) => return export::run(*export).await.into(),
        Command::Folder(export) => return export::run(*export).await.into(),
        Command::Container(export) => return export::run(*export).await.into(),
        Command::StyleGuide(export) => return export::run(*export).await.into(),
        Command::GraphReport(export) => return export::run(*export).await.into(),
        Command::TestForm(export) => return export::run(*export).await.into(),
        Command::Attachment(export) => return export::run(*export).await.into(),
        Command::Batch(args) => return batch::run(*args).await.into(),
        #[cfg(feature = "postgres")]
        Command::Work(args) => return work::run(*args).await.into(),
        Command::Files(args) => return files::run(*args).await.into(),
        Command::Fetch(args) => return fetch::run(*args).await.into(),
        Command::Status(args) => return status::run(*args).await.into(),
        Command::Jobs(args) => match args.command {
            JobsCommand::List { failed, json, state } => {
                return ended(jobs::list(failed, json, &state), json);
            }
            JobsCommand::Show { id, json, state } => {
                return ended(jobs::show(&id, json, &state), json);
            }
            JobsCommand::Resume(args) => return jobs::resume(*args).await.into(),
            JobsCommand::Clean { older_than, resumable, state } => {
                jobs::clean(older_than, resumable, &state).await
            }
        },
        Command::Init(args) => init::run(*args),
        Command::Doctor(args) => return doctor::run(*args).await.into(),
        Command::Report(args) => report::run(&args),
        Command::Verify { files } => verify::run(&files),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { folder } => completions::man(folder.as_deref()),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args).await,
        Command::Help(args) => help::run(&args),
    };
    ended(result, false)
}

/// Prints the problem of a command.
fn ended(result: Result<(), Problem>, json: bool) -> ExitCode {
    match result {
        Ok(()) => Exit::Done.into(),
        Err(problem) if json => print_error_event(&problem, false),
        Err(problem) => print_problem(&problem),
    }
}

/// Prints the problem of a command that reports events. Returns its exit code, which is reported as well.
fn exit_code(result: Result<(), Problem>, show: ShowArgs, reporter: &Reporter) -> Exit {
    let exit = result.map_or_else(
        |problem| {
            if !show.json {
                print_problem(&problem);
            }
            problem.exit
        },
        |()| Exit::Done,
    );
    reporter.exit_code(exit)
}

/// Refuses `--json` for a dry run, which prints requests.
fn refuse_json(show: ShowArgs) -> Result<(), Problem> {
    match show.json {
        true => Err(Problem::usage("--json cannot be used with --dry-run")),
        false => Ok(()),
    }
}

/// Reads a variable of the environment.
fn environment(name: &str) -> Option<OsString> {
    #[cfg(test)]
    if let Some(machine) = crate::machine::Machine::current() {
        return machine.variable(name);
    }
    std::env::var_os(name)
}
