//! The commands of `--on-failure` and `--on-success`.

use std::io::{self, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::args::DurationArg;
use crate::process;

/// Runs a command with a text on its standard input, and these variables. What it prints goes to
/// standard error: standard output may carry a file, or events.
///
/// # Errors
///
/// Fails if the command cannot be run, fails, or does not end within `time_limit`: it is killed then.
pub(super) async fn run(
    words: &[String],
    input: String,
    variables: Vec<(&'static str, String)>,
    time_limit: DurationArg,
) -> Result<(), String> {
    let fail = |error: io::Error| format!("cannot be run: {error}");
    let mut command = process::command(words).ok_or("is empty")?;
    // It gets no secret of this program. The credentials of object stores are for other programs too.
    command.env_remove("WORKIVA_TOKEN").env_remove("WORKIVA_CLIENT_SECRET");
    command.envs(variables).stdin(Stdio::piped()).stdout(io::stderr());
    let has_group = process::separate(&mut command);
    let mut running = Running { child: command.spawn().map_err(fail)?, has_group };
    if let Some(mut stdin) = running.child.stdin.take() {
        // A command may not read it. The thread ends with the command, which closes the pipe.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    match timeout(time_limit.0, running.ended()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("failed: {status}")),
        Ok(Err(error)) => Err(format!("failed: {error}")),
        Err(_) => Err(format!("was killed after {time_limit} (--hook-timeout)")),
    }
}

/// A command that is killed, with all of its processes, when nothing waits for it any more.
struct Running {
    child: Child,
    has_group: bool,
}

/// How often it is looked at whether a command has ended.
const INTERVAL: Duration = Duration::from_millis(10);

impl Running {
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            sleep(INTERVAL).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What an ended command has left in the background stays.
        if matches!(self.child.try_wait(), Ok(None)) {
            process::kill(&mut self.child, self.has_group);
        }
    }
}
