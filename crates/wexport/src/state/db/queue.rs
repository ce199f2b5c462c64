//! Writes of several threads in one transaction.

use std::fmt;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Error, Result, TransactionBehavior};

/// The writes that wait for the database.
///
/// A transaction ends with a flush of the disk, however many rows it has written. So the first thread
/// that gets the database writes for all that wait for it.
#[derive(Default)]
pub(super) struct WriteQueue {
    waiting: Mutex<Vec<Box<dyn Write>>>,
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue")
            .field("waiting", &locked(&self.waiting).len())
            .finish_non_exhaustive()
    }
}

/// A write that waits, and whose result another thread waits for.
trait Write: Send {
    /// Writes, and keeps the result. Returns whether it has succeeded.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Sets another result: it was not committed.
    fn fail(&mut self, error: Error);

    /// Whether it failed with such an error.
    fn has_failed(&self, is_such: fn(&Error) -> bool) -> bool;
}

struct Queued<T, F> {
    write: F,
    result: Slot<T>,
}

/// Where the result of a write is. It is final as soon as another thread can lock the connection.
type Slot<T> = Arc<Mutex<Option<Result<T>>>>;

impl<T: Send, F: FnMut(&Connection) -> Result<T> + Send> Write for Queued<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        let result = (self.write)(connection);
        let is_ok = result.is_ok();
        *locked(&self.result) = Some(result);
        is_ok
    }

    fn fail(&mut self, error: Error) {
        *locked(&self.result) = Some(Err(error));
    }

    fn has_failed(&self, is_such: fn(&Error) -> bool) -> bool {
        matches!(&*locked(&self.result), Some(Err(error)) if is_such(error))
    }
}

impl WriteQueue {
    /// Writes in a transaction, which may be that of other threads too. `connect` waits for the
    /// connection. A write that has failed with an error of the kind that `is_full` knows is repeated
    /// for as long as `release` makes room.
    pub(super) fn write<'c, T: Send + 'static>(
        &self,
        write: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        connect: impl FnOnce() -> MutexGuard<'c, Connection>,
        is_full: fn(&Error) -> bool,
        release: impl Fn() -> bool,
    ) -> Result<T> {
        let slot = Slot::default();
        locked(&self.waiting).push(Box::new(Queued { write, result: Arc::clone(&slot) }));
        let mut connection = connect();
        let mut result = locked(&slot).take();
        if result.is_none() {
            let mut writes = take(&mut *locked(&self.waiting));
            if !write_together(&mut connection, &mut writes) {
                for write in &mut writes {
                    write_alone(&mut connection, &mut **write);
                    while write.has_failed(is_full) && release() {
                        write_alone(&mut connection, &mut **write);
                    }
                }
            }
            result = locked(&slot).take();
        }
        // A thread that panics with the writes of others has no result for them.
        result.unwrap_or(Err(Error::InvalidQuery))
    }
}

/// Does all writes in one transaction. If one fails, none is done, and the result is false.
fn write_together(connection: &mut Connection, writes: &mut [Box<dyn Write>]) -> bool {
    if writes.len() < 2 {
        return false;
    }
    let written = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let written = written.and_then(|transaction| {
        let is_ok = writes.iter_mut().all(|write| write.run(&transaction));
        if is_ok { transaction.commit().map(|()| true) } else { Ok(false) }
    });
    written.unwrap_or(false)
}

/// A savepoint, since a batch that is being stored is a transaction itself.
fn write_alone(connection: &mut Connection, write: &mut dyn Write) {
    let written = connection
        .savepoint()
        .and_then(|savepoint| if write.run(&savepoint) { savepoint.commit() } else { Ok(()) });
    if let Err(error) = written {
        write.fail(error);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use tempfile::TempDir;

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

    /// Writes the numbers in threads of their own. All wait before the first one gets the database.
    fn write_at_once<T: Send + 'static>(
        connection: Connection,
        values: &[u32],
        write: impl Fn(&Connection, u32) -> Result<T> + Clone + Send + Sync + 'static,
        release: impl Fn() -> bool + Sync,
    ) -> Vec<Result<T>> {
        let (queue, database) = (WriteQueue::default(), Mutex::new(connection));
        let held = locked(&database);
        thread::scope(|scope| {
            let (queue, database, release) = (&queue, &database, &release);
            let begin = |value: u32| {
                let write = write.clone();
                let write = move |connection: &Connection| write(connection, value);
                scope.spawn(move || queue.write(write, || locked(database), |_| true, release))
            };
            let threads: Vec<_> = values.iter().map(|value| begin(*value)).collect();
            while locked(&queue.waiting).len() < values.len() {
                thread::yield_now();
            }
            drop(held);
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn writes_that_wait_are_one_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, reader) = (database(&folder), Mutex::new(database(&folder)));
        let write = move |connection: &Connection, value| {
            insert(connection, value)?;
            Ok(count(&locked(&reader)))
        };
        let write = Arc::new(write);
        let write = move |connection: &Connection, value| write(connection, value);
        let seen = write_at_once(connection, &[1, 2, 3, 4], write, || false);
        assert!(seen.into_iter().all(|committed| committed == Ok(0)));
        assert_eq!(count(&database(&folder)), 4);
    }

    #[test]
    fn write_that_fails_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database_with_three(&folder);
        let results = write_at_once(connection, &[1, 2, 3, 4], insert, || false);
        let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, false, true, false]);
        assert_eq!(count(&database(&folder)), 4);
    }

    #[test]
    fn write_is_repeated_while_room_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database_with_three(&folder);
        let released = AtomicU32::new(0);
        let other = Mutex::new(database(&folder));
        let results = write_at_once(connection, &[1, 2, 3], insert, || {
            // The second time, there is room.
            let is_second = released.fetch_add(1, Ordering::Relaxed) == 1;
            if is_second {
                locked(&other).execute("DELETE FROM number WHERE value = 3", []).unwrap();
            }
            true
        });
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((released.into_inner(), count(&database(&folder))), (2, 3));
    }
}
