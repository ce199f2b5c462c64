//! What each command does.

mod batch;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod export;
mod fetch;
mod finish;
mod help;
mod jobs;
mod resume;
mod status;
mod verify;

use std::process::ExitCode;

use crate::cli::{Cli, Command, JobsCommand};
use crate::report::Exit;

/// Runs a command to its end.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        Command::Document(command) => return export::run(*command).await.into(),
        Command::Spreadsheet(command) => return export::run(*command).await.into(),
        Command::Presentation(command) => return export::run(*command).await.into(),
        Command::File(command) => return export::run(*command).await.into(),
        Command::Folder(command) => return export::run(*command).await.into(),
        Command::Container(command) => return export::run(*command).await.into(),
        Command::StyleGuide(command) => return export::run(*command).await.into(),
        Command::GraphReport(command) => return export::run(*command).await.into(),
        Command::TestForm(command) => return export::run(*command).await.into(),
        Command::Attachment(command) => return export::run(*command).await.into(),
        Command::Batch(command) => return batch::run(*command).await.into(),
        Command::Fetch(command) => return fetch::run(*command).await.into(),
        Command::Status(command) => return status::run(*command).await.into(),
        Command::Jobs(command) => match command.command {
            JobsCommand::List { failed, json, state } => jobs::list(failed, json, &state),
            JobsCommand::Show { id, json, state } => jobs::show(&id, json, &state),
            JobsCommand::Resume(command) => return resume::run(*command).await.into(),
            JobsCommand::Clean { older_than, state } => jobs::clean(older_than, &state).await,
        },
        Command::Doctor(command) => return doctor::run(*command).await.into(),
        Command::Verify { files } => verify::run(&files),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { folder } => completions::man(folder.as_deref()),
        #[cfg(feature = "demo")]
        Command::Demo(command) => demo::run(&command).await,
        Command::Help(command) => help::run(&command),
    };
    ended.map_or_else(|problem| problem.print(), |()| Exit::Done.into())
}

/// A variable of the process's environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
