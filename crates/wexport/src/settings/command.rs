//! `credential_command`: a command, such as that of a password manager, that prints a secret.

use std::io;
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::secret::{self, SecretError};
use crate::args::DurationArg;
use crate::process::{self, kill};

/// Runs a command, and returns what it has printed when it ends, without surrounding whitespace. A
/// process that it leaves in the background is not waited for.
///
/// A single word is a command line for the system's shell.
///
/// # Errors
///
/// Fails if the command cannot be run, fails, does not end within `timeout` or prints no secret. The
/// error does not contain the output.
pub(super) fn output(words: &[String], timeout: Duration) -> Result<Zeroizing<String>, String> {
    let deadline = Instant::now() + timeout;
    let mut command = process::command(words).ok_or("is empty")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let has_group = separate(&mut command);
    let fail = |error: io::Error| format!("cannot be run: {error}");
    let mut child = command.spawn().map_err(fail)?;
    let out = child.stdout.take().ok_or_else(|| fail(io::ErrorKind::BrokenPipe.into()))?;
    let mut output = Output::new(out).map_err(fail)?;
    let timed_out = || format!("timed out after {} (--request-timeout)", DurationArg(timeout));
    loop {
        // Asked before the output is read, which is complete then.
        let ended = child.try_wait();
        if output.read_is_too_long() {
            kill(&mut child, has_group);
            return Err(invalid_output(&SecretError::TooLong));
        }
        match ended {
            Ok(Some(status)) if !status.success() => return Err(format!("failed: {status}")),
            Ok(Some(_)) => {
                let secret = output.into_secret(deadline).ok_or_else(timed_out)?;
                return secret.map_err(|error| invalid_output(&error));
            }
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                kill(&mut child, has_group);
                return Err(timed_out());
            }
        }
    }
}

fn invalid_output(error: &SecretError) -> String {
    format!("printed no secret: {error}")
}

/// What a command prints. It is read without waiting for its end, since a process in the background
/// may keep it open.
#[cfg(unix)]
struct Output {
    out: ChildStdout,
    bytes: Zeroizing<Vec<u8>>,
}

#[cfg(unix)]
impl Output {
    fn new(out: ChildStdout) -> io::Result<Self> {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

        fcntl_setfl(&out, fcntl_getfl(&out)? | OFlags::NONBLOCK)?;
        Ok(Self { out, bytes: Zeroizing::new(Vec::new()) })
    }

    /// Reads what was printed, and whether that is too long for a secret.
    fn read_is_too_long(&mut self) -> bool {
        use std::io::Read;

        use super::secret::MAX_LENGTH;

        let left = (MAX_LENGTH + 1).saturating_sub(self.bytes.len() as u64);
        // The error is that there is no more for now.
        let _ = self.out.by_ref().take(left).read_to_end(&mut self.bytes);
        self.bytes.len() as u64 > MAX_LENGTH
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems wait for the end of the output")]
    fn into_secret(self, _deadline: Instant) -> Option<Result<Zeroizing<String>, SecretError>> {
        Some(secret::parse(&self.bytes))
    }
}

/// What a command prints, up to its end. It is read on a thread, since a read cannot be cancelled
/// when the time is up.
#[cfg(not(unix))]
struct Output {
    receiver: std::sync::mpsc::Receiver<Result<Zeroizing<String>, SecretError>>,
    received: Option<Result<Zeroizing<String>, SecretError>>,
}

#[cfg(not(unix))]
impl Output {
    fn new(out: ChildStdout) -> io::Result<Self> {
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(secret::read(out)));
        Ok(Self { receiver, received: None })
    }

    fn read_is_too_long(&mut self) -> bool {
        if let Ok(received) = self.receiver.try_recv() {
            self.received = Some(received);
        }
        matches!(self.received, Some(Err(SecretError::TooLong)))
    }

    fn into_secret(self, deadline: Instant) -> Option<Result<Zeroizing<String>, SecretError>> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.received.or_else(|| self.receiver.recv_timeout(left).ok())
    }
}

/// Gives a command a process group of its own, so that all of its processes can be killed. Not on a
/// terminal, where only the group in the foreground can ask for a passphrase.
fn separate(command: &mut Command) -> bool {
    let has_terminal = cfg!(unix) && std::fs::File::open("/dev/tty").is_ok();
    !has_terminal && process::separate(command)
}
