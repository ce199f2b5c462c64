//! `wexport`: exports files from Workiva, at a shell, in a script, in a nightly job.

#![forbid(unsafe_code)]

mod cli;
mod clock;
mod commands;
mod doctor;
mod place;
mod receipt;
mod report;
mod run;
mod settings;
mod show;
mod signals;
mod spec;
mod state;
mod sunset;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report::Problem::local("cannot start", &error).print(),
    };
    let code = runtime.block_on(commands::run(cli));
    // Not waited for: a thread may still read standard input, or write to a disk that hangs.
    runtime.shutdown_background();
    code
}
