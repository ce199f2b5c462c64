//! Writes of several exports in one transaction.

use std::fmt;
use std::mem::{forget, replace, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Error, ErrorCode, Result, TransactionBehavior};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::may_be_full;
use crate::state::reserve::Reserve;

/// The writes that wait for the database.
///
/// A transaction ends with a flush of the disk, however many rows it has written. So one thread at a
/// time writes, and takes all writes that have come meanwhile into its next transaction. Whoever waits
/// for a write is a future: no thread does.
pub(super) struct WriteQueue(Arc<Shared>);

/// Takes writes for a queue, also when that has gone.
#[derive(Clone)]
pub(super) struct WriteSender(Arc<Shared>);

struct Shared {
    connection: Arc<Mutex<Connection>>,
    waiting: Mutex<Waiting>,
    /// Space that is released if the disk is full.
    reserve: Mutex<Option<Reserve>>,
}

#[derive(Default)]
struct Waiting {
    writes: Vec<Box<dyn Write>>,
    /// Whether a thread writes, or is about to.
    has_writer: bool,
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue").field("reserve", &self.0.reserve).finish_non_exhaustive()
    }
}

/// A write whose result is sent when it is committed.
trait Write: Send {
    /// Writes, and keeps the result. Returns whether it has succeeded.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Sets another result: it was not committed.
    fn fail(&mut self, error: Error);

    /// Whether it has failed since the disk is full.
    fn is_out_of_space(&self) -> bool;

    /// Sends the result, which is final.
    fn send(self: Box<Self>);
}

struct Queued<T, F> {
    write: F,
    result: Option<Result<T>>,
    /// `None` if the caller waits for the write itself.
    sender: Option<oneshot::Sender<Result<T>>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T> + Send> Write for Queued<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        let result = (self.write)(connection);
        self.result.insert(result).is_ok()
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error));
    }

    fn is_out_of_space(&self) -> bool {
        matches!(&self.result, Some(Err(error)) if may_be_full(error))
    }

    fn send(self: Box<Self>) {
        if let (Some(sender), Some(result)) = (self.sender, self.result) {
            // The export may have been stopped meanwhile.
            let _ = sender.send(result);
        }
    }
}

impl WriteQueue {
    pub(super) fn new(connection: Arc<Mutex<Connection>>) -> Self {
        Self(Arc::new(Shared { connection, waiting: Mutex::default(), reserve: Mutex::default() }))
    }

    /// Sets the space that is released if the disk is full.
    pub(super) fn set_reserve(&self, reserve: Reserve) {
        *locked(&self.0.reserve) = Some(reserve);
    }

    /// Whether the disk was full.
    pub(super) fn is_short_of_space(&self) -> bool {
        locked(&self.0.reserve).as_ref().is_some_and(Reserve::is_short)
    }

    /// Writes in a transaction of its own, and returns when it is committed.
    pub(super) fn write<T: Send>(
        &self,
        write: impl FnMut(&Connection) -> Result<T> + Send,
    ) -> Result<T> {
        let mut queued = Queued { write, result: None, sender: None };
        self.0.write_alone(&mut locked(&self.0.connection), &mut queued);
        queued.result.expect("a write that was made has a result")
    }

    pub(super) fn sender(&self) -> WriteSender {
        WriteSender(Arc::clone(&self.0))
    }
}

impl WriteSender {
    /// Writes in a transaction that may be that of other writes too. The result comes when it is
    /// committed; there is none if a thread has panicked. Writes are made in the order of these calls.
    pub(super) fn push<T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> oneshot::Receiver<Result<T>> {
        let (sender, receiver) = oneshot::channel();
        let queued = Box::new(Queued { write, result: None, sender: Some(sender) });
        let mut waiting = locked(&self.0.waiting);
        waiting.writes.push(queued);
        if !replace(&mut waiting.has_writer, true) {
            drop(waiting);
            write_elsewhere(&self.0);
        }
        receiver
    }
}

/// Writes what waits on a thread that may block.
fn write_elsewhere(shared: &Arc<Shared>) {
    match Handle::try_current() {
        Ok(runtime) => {
            let shared = Arc::clone(shared);
            drop(runtime.spawn_blocking(move || shared.write_waiting()));
        }
        Err(_) => shared.write_waiting(),
    }
}

/// What waits is written. A thread that is about to write finds nothing then, and no reserve that it
/// could remove after another process has opened the database.
impl Drop for WriteQueue {
    fn drop(&mut self) {
        self.0.write_waiting();
        drop(locked(&self.0.reserve).take());
    }
}

impl Shared {
    /// Writes until nothing waits.
    fn write_waiting(self: &Arc<Self>) {
        loop {
            let mut connection = locked(&self.connection);
            let mut writes = {
                let mut waiting = locked(&self.waiting);
                waiting.has_writer = !waiting.writes.is_empty();
                take(&mut waiting.writes)
            };
            if writes.is_empty() {
                return;
            }
            let resign = Resign(self);
            match write_together(&mut connection, &mut writes) {
                Ok(true) => {}
                // Each would wait as long as all have.
                Err(Error::SqliteFailure(busy, _)) if is_busy(busy.code) => {
                    writes
                        .iter_mut()
                        .for_each(|write| write.fail(Error::SqliteFailure(busy, None)));
                }
                Ok(false) | Err(_) => {
                    for write in &mut writes {
                        self.write_alone(&mut connection, &mut **write);
                    }
                }
            }
            forget(resign);
            drop(connection);
            writes.into_iter().for_each(Write::send);
        }
    }

    /// A savepoint, since a batch that is being stored is a transaction itself. A write that fails
    /// since the disk is full is repeated for as long as reserved space can be released.
    fn write_alone(&self, connection: &mut Connection, write: &mut dyn Write) {
        loop {
            let written = connection.savepoint().and_then(|savepoint| {
                if write.run(&savepoint) { savepoint.commit() } else { Ok(()) }
            });
            if let Err(error) = written {
                write.fail(error);
            }
            let release = || locked(&self.reserve).as_ref().is_some_and(Reserve::release);
            if !(write.is_out_of_space() && release()) {
                return;
            }
        }
    }
}

/// Lets another thread write what waits after this one has panicked. The writes that it had taken have
/// no result.
struct Resign<'q>(&'q Arc<Shared>);

impl Drop for Resign<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.0.waiting);
        waiting.has_writer = !waiting.writes.is_empty();
        if waiting.has_writer {
            drop(waiting);
            write_elsewhere(self.0);
        }
    }
}

/// Does all writes in one transaction. If one fails, none is done, and the result is false.
fn write_together(connection: &mut Connection, writes: &mut [Box<dyn Write>]) -> Result<bool> {
    if writes.len() < 2 {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_ok = writes.iter_mut().all(|write| write.run(&transaction));
    if is_ok { transaction.commit().map(|()| true) } else { Ok(false) }
}

/// Whether another process has locked the database for longer than the connection waits.
const fn is_busy(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tempfile::TempDir;
    use tokio::runtime::Builder;

    use super::*;

    /// A table of numbers, none of which may be there twice.
    fn database(folder: &TempDir) -> Connection {
        let connection = Connection::open(folder.path().join("numbers")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        let table = "CREATE TABLE IF NOT EXISTS number (value INTEGER PRIMARY KEY)";
        connection.execute(table, []).unwrap();
        connection
    }

    /// The same, with the number 3.
    fn database_with_three(folder: &TempDir) -> Connection {
        let connection = database(folder);
        insert(&connection, 3).unwrap();
        connection
    }

    fn insert(connection: &Connection, value: u32) -> Result<usize> {
        connection.execute("INSERT INTO number VALUES (?1)", [value])
    }

    fn count(connection: &Connection) -> u32 {
        connection.query_one("SELECT count(*) FROM number", [], |row| row.get(0)).unwrap()
    }

    /// Queues writes of these numbers while the database is locked. Returns the results.
    fn write_at_once<T: Send + 'static>(
        connection: Connection,
        values: &[u32],
        write: impl Fn(&Connection, u32) -> Result<T> + Clone + Send + 'static,
        reserve: Option<Reserve>,
    ) -> Vec<Result<T>> {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let connection = Arc::new(Mutex::new(connection));
            let queue = WriteQueue::new(Arc::clone(&connection));
            reserve.into_iter().for_each(|reserve| queue.set_reserve(reserve));
            let held = locked(&connection);
            let push = |value: &u32| {
                let (write, value) = (write.clone(), *value);
                queue.sender().push(move |connection| write(connection, value))
            };
            let receivers: Vec<_> = values.iter().map(push).collect();
            drop(held);
            join_all(receivers).await.into_iter().map(|result| result.unwrap()).collect()
        })
    }

    #[test]
    fn writes_that_wait_are_one_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, reader) = (database(&folder), Arc::new(Mutex::new(database(&folder))));
        let write = move |connection: &Connection, value| {
            insert(connection, value)?;
            Ok(count(&locked(&reader)))
        };
        let seen = write_at_once(connection, &[1, 2, 3, 4], write, None);
        assert!(seen.into_iter().all(|committed| committed == Ok(0)));
        assert_eq!(count(&database(&folder)), 4);
    }

    #[test]
    fn write_that_fails_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database_with_three(&folder);
        let results = write_at_once(connection, &[1, 2, 3, 4], insert, None);
        let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, true, false]);
        assert_eq!(count(&database(&folder)), 4);
    }

    #[test]
    fn write_is_repeated_while_space_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database(&folder);
        let reserve = Reserve::take(folder.path().join("reserve"), 100_000).unwrap();
        let failures = Arc::new(AtomicU32::new(2));
        let write = move |connection: &Connection, value| {
            let is_full = value == 3 && failures.load(Ordering::Relaxed) > 0;
            if is_full {
                failures.fetch_sub(1, Ordering::Relaxed);
                let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
                return Err(Error::SqliteFailure(full, None));
            }
            insert(connection, value)
        };
        let results = write_at_once(connection, &[1, 2, 3], write, Some(reserve));
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(count(&database(&folder)), 3);
    }

    #[test]
    fn writes_to_a_database_that_is_locked_fail_together() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, other) = (database(&folder), database(&folder));
        connection.busy_timeout(Duration::ZERO).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let tried = Arc::new(AtomicU32::new(0));
        let count_tried = Arc::clone(&tried);
        let write = move |connection: &Connection, value| {
            count_tried.fetch_add(1, Ordering::Relaxed);
            insert(connection, value)
        };
        let results = write_at_once(connection, &[1, 2, 3], write, None);
        let codes: Vec<_> =
            results.iter().map(|it| it.as_ref().unwrap_err().sqlite_error_code()).collect();
        assert_eq!(codes, [Some(ErrorCode::DatabaseBusy); 3]);
        assert_eq!(tried.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn writes_that_wait_are_made_when_the_queue_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            // No thread is free to write.
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let busy = runtime.spawn_blocking(move || stopped.recv());
            let queue = WriteQueue::new(Arc::new(Mutex::new(database(&folder))));
            let written = queue.sender().push(|connection| insert(connection, 1));
            drop(queue);
            let written = written.now_or_never();
            assert_eq!((written, count(&database(&folder))), (Some(Ok(Ok(1))), 1));
            drop(stop);
            assert!(busy.await.unwrap().is_err());
        });
    }

    #[test]
    fn panic_loses_only_the_writes_that_were_taken() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let queue = WriteQueue::new(Arc::new(Mutex::new(database(&folder))));
            let (begin, begun) = std::sync::mpsc::channel::<()>();
            let panicked = queue.sender().push(move |_| -> Result<()> {
                begun.recv().unwrap();
                panic!("a fault")
            });
            let mut taken = false;
            while !taken {
                taken = locked(&queue.0.waiting).writes.is_empty();
                tokio::task::yield_now().await;
            }
            let waited = queue.sender().push(|connection| insert(connection, 1));
            begin.send(()).unwrap();
            assert!(panicked.await.is_err());
            assert_eq!(waited.await, Ok(Ok(1)));
            assert_eq!(queue.sender().push(|connection| insert(connection, 2)).await, Ok(Ok(1)));
        });
    }
}
