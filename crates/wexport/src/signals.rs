//! Ctrl-C and SIGTERM.

use std::future::Future;
use std::io;

use crate::problem::Exit;

/// Runs `work` until it is done or the program gets a signal to stop. In that case `work` is
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
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Terminated),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<Exit> {
    tokio::signal::ctrl_c().await.map(|()| Exit::Interrupted)
}
