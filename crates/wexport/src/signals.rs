//! Ctrl-C and SIGTERM.

use std::future::Future;
use std::io;

use crate::problem::Exit;

/// Runs `work` until it is done or the program gets a signal to stop that it does not ignore. In that case `work` is
/// dropped: every job can be resumed from its last checkpoint.
///
/// # Errors
///
/// Fails with the exit code for the signal.
pub(crate) async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    tokio::select! {
        biased;
        signal = stop_signal() => match signal {
            Ok(exit) => Err(exit),
            // Without a handler, the system terminates the program.
            Err(_) => std::future::pending().await,
        },
        done = work => Ok(done),
    }
}

#[cfg(unix)]
async fn stop_signal() -> io::Result<Exit> {
    use tokio::signal::unix::SignalKind;

    tokio::select! {
        received = receive(SignalKind::interrupt()) => received.map(|()| Exit::Interrupted),
        received = receive(SignalKind::terminate()) => received.map(|()| Exit::Terminated),
    }
}

/// Waits for a signal, unless the parent has set it to be ignored: a shell does so with Ctrl-C for a
/// job in the background of a script.
#[cfg(unix)]
async fn receive(kind: tokio::signal::unix::SignalKind) -> io::Result<()> {
    if is_ignored(kind.as_raw_value()) {
        return std::future::pending().await;
    }
    tokio::signal::unix::signal(kind)?.recv().await;
    Ok(())
}

/// Whether a signal was ignored when the first handler was to be set. Known on Linux only: the
/// system call that tells it elsewhere is unsafe.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    use std::sync::OnceLock;

    static IGNORED: OnceLock<u64> = OnceLock::new();
    // proc_pid_status(5): a mask in hexadecimal digits, whose lowest bit is signal 1.
    let ignored = IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    });
    (ignored >> (signal - 1)) & 1 == 1
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<Exit> {
    tokio::signal::ctrl_c().await.map(|()| Exit::Interrupted)
}
