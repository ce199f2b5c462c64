use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::Server;
use crate::Config;

/// A thread with a tokio runtime that runs until this is dropped.
#[derive(Debug)]
pub(super) struct RuntimeThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeThread {
    pub(super) fn start(config: Config) -> io::Result<(Server, Self)> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (started, result) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("export-sim".to_owned()).spawn(move || {
            runtime.block_on(async {
                let server = Server::start(config).await;
                // If the receiver is gone, so is `stop`, and the next line returns at once.
                let _ = started.send(server);
                let _ = stopped.await;
            });
            // Waits for the tasks: the caller that drops the server may bind its port again.
            drop(runtime);
        })?;
        let thread = Self { stop: Some(stop), thread: Some(thread) };
        let ended = || io::Error::other("the server thread ended before the server started");
        Ok((result.recv().map_err(|_| ended())??, thread))
    }
}

impl Drop for RuntimeThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic of the thread.
            let _ = thread.join();
        }
    }
}
