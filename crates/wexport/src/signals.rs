//! Ctrl-C and SIGTERM: everything stops at once.

use std::future::Future;
use std::io;

use crate::problem::Exit;

/// Runs `work` until it is done or somebody wants the program to end. What was going on is
/// dropped then, which every job survives.
pub(crate) async fn interruptible<T>(work: impl Future<Output = T>) -> Result<T, Exit> {
    tokio::select! {
        biased;
        signal = asked_to_end() => match signal {
            Ok(exit) => Err(exit),
            // Without a handler, the system ends the program by itself.
            Err(_) => std::future::pending().await,
        },
        done = work => Ok(done),
    }
}

#[cfg(unix)]
async fn asked_to_end() -> io::Result<Exit> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Terminated),
    }
}

#[cfg(not(unix))]
async fn asked_to_end() -> io::Result<Exit> {
    tokio::signal::ctrl_c().await.map(|()| Exit::Interrupted)
}
