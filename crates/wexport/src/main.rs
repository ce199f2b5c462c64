//! `wexport` exports files from Workiva, interactively or in scripts.

#![forbid(unsafe_code)]

mod args;
mod clock;
mod commands;
mod doctor;
mod engine;
mod event;
mod explain;
mod output;
mod problem;
mod receipt;
mod request;
mod settings;
mod signals;
mod state;
mod subject;
mod sunset;
mod text;
mod ui;

use std::pin::Pin;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return ui::print_problem(&problem::Problem::local(
                "cannot start the async runtime",
                &error,
            ));
        }
    };
    // As a trait object, it is compiled once: `block_on` would inline it several times.
    let command: Pin<Box<dyn Future<Output = ExitCode>>> = Box::pin(commands::run(cli));
    let code = runtime.block_on(command);
    // Not joined: a blocking thread may still read standard input, or write to a disk that hangs.
    runtime.shutdown_background();
    code
}
