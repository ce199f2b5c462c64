//! `credential_command`: a command, such as that of a password manager, that prints a secret.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::secret::{self, SecretError};
use crate::args::DurationArg;

/// Runs a command, and returns what it prints without surrounding whitespace.
///
/// A single word is a command line for the system's shell.
///
/// # Errors
///
/// Fails if the command cannot be run, fails, does not end within `timeout` or prints no secret. The
/// error does not contain the output.
pub(super) fn output(words: &[String], timeout: Duration) -> Result<Zeroizing<String>, String> {
    let deadline = Instant::now() + timeout;
    let mut command = match words {
        [] => return Err("is empty".into()),
        [line] => shell(line),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        // On a thread, since a read cannot be cancelled when the time is up.
        thread::spawn(move || sender.send(secret::read(out)));
    }
    let text = receiver.recv_timeout(timeout).ok();
    let status = text.as_ref().and_then(|_| wait(&mut child, deadline));
    if let Some(Err(error @ SecretError::TooLong)) = &text {
        // Its pipe was closed before it had printed everything, so its status is not meaningful.
        kill(&mut child);
        return Err(invalid_output(error));
    }
    let (Some(text), Some(status)) = (text, status) else {
        kill(&mut child);
        let timeout = DurationArg(timeout);
        return Err(format!("timed out after {timeout} (--request-timeout)"));
    };
    if !status.success() {
        return Err(format!("failed: {status}"));
    }
    text.map_err(|error| invalid_output(&error))
}

fn invalid_output(error: &SecretError) -> String {
    format!("printed no secret: {error}")
}

/// The exit status of a command that has closed its output, if it exits before the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Kills a command. The errors are ignored: it may have exited already.
fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn shell(line: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.args([flag, line]);
    command
}
