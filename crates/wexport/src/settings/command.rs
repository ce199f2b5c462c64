//! A command of the user's that prints a secret: a password manager's, a vault's.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::secret::{self, SecretError};
use crate::args::DurationArg;

/// Runs a command and reads what it prints, without the blanks around it.
///
/// One word is a line for the system's shell. What goes wrong is told without what was printed.
pub(super) fn printed(words: &[String], patience: Duration) -> Result<Zeroizing<String>, String> {
    let give_up_at = Instant::now() + patience;
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
    let (tell, told) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        // In a thread of its own: what hangs here must not hang the program.
        thread::spawn(move || tell.send(secret::read(out)));
    }
    let text = told.recv_timeout(patience).ok();
    let status = text.as_ref().and_then(|_| ended(&mut child, give_up_at));
    if let Some(Err(why @ SecretError::TooLong)) = &text {
        // It was not let say all, which is why it failed, if it did.
        let _ = child.kill();
        let _ = child.wait();
        return Err(useless(why));
    }
    let (Some(text), Some(status)) = (text, status) else {
        // It may have ended meanwhile; either way it is gone afterwards.
        let _ = child.kill();
        let _ = child.wait();
        let patience = DurationArg(patience);
        return Err(format!("did not end within {patience}, the time for a request"));
    };
    if !status.success() {
        return Err(format!("failed: {status}"));
    }
    text.map_err(|why| useless(&why))
}

fn useless(why: &SecretError) -> String {
    format!("printed nothing of use: {why}")
}

/// How the command ended, if it does so in time. What it printed is there: it is about to end.
fn ended(child: &mut Child, give_up_at: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < give_up_at => thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// A line for the system's shell.
fn shell(line: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.args([flag, line]);
    command
}
