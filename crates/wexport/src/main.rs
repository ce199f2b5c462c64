//! `wexport` exports files from Workiva, interactively or in scripts.

#![forbid(unsafe_code)]

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("TLS needs the feature `aws-lc-rs` (the default) or `ring`");

mod args;
mod clock;
mod commands;
mod doctor;
mod engine;
mod event;
mod explain;
mod hooks;
#[cfg(test)]
#[cfg_attr(not(unix), expect(dead_code, reason = "its tests need Unix"))]
mod machine;
#[cfg(test)]
#[cfg(unix)]
mod nights;
mod output;
mod problem;
mod process;
mod receipt;
mod report;
mod request;
mod run_facts;
mod settings;
mod signals;
mod state;
mod subject;
mod sunset;
mod text;
mod ui;

use std::io;
use std::pin::Pin;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use self::args::JsonStream;
use self::problem::Problem;

fn main() -> ExitCode {
    commands::complete();
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return usage_error(&error),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let problem = Problem::local("cannot start the async runtime", &error);
            return fail(&problem.advise("raise the limit of open files: ulimit -n"));
        }
    };
    // As a trait object, it is compiled once: `block_on` would inline it several times.
    let command: Pin<Box<dyn Future<Output = ExitCode>>> = Box::pin(commands::run(cli));
    let code = runtime.block_on(command);
    // Not joined: a blocking thread may still read standard input, or write to a disk that hangs.
    runtime.shutdown_background();
    code
}

/// The most threads that wait for the disk, of which more would wait for each other. tokio's default of
/// 512 is for servers.
const BLOCKING_THREADS: usize = 32;

fn runtime() -> io::Result<Runtime> {
    // tokio panics if it cannot open the descriptors of its signal handlers. These eight are more
    // than it needs at its start.
    let spare = [io::pipe()?, io::pipe()?, io::pipe()?, io::pipe()?];
    drop(spare);
    Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()
}

/// Prints an error of the command line, or the help that it asks for.
fn usage_error(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && args::json_stream(std::env::args_os()).is_some() {
        return fail(&args::usage_problem(error));
    }
    error.exit()
}

/// Prints a problem before there is a command that prints its own.
fn fail(problem: &Problem) -> ExitCode {
    match args::json_stream(std::env::args_os()) {
        Some(stream) => ui::print_error_event(problem, stream == JsonStream::Stderr),
        None => ui::print_problem(problem),
    }
}
