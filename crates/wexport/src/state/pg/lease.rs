//! The lease of a process, which it renews while it runs.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_postgres::Row;

use super::error::{Cause, PgError};
use super::link::{Link, Parameter, Query};
use super::millis;
use crate::problem::Problem;

/// What a process does with a batch. Its lease is in a row, of which the fence has the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It runs all exports. The lease is in the row of the batch, the number is the epoch.
    Holder,
    /// It runs those that it takes. The lease is in a row of its own, with an ID that no other gets.
    Worker,
}

impl Role {
    const fn table(self) -> &'static str {
        match self {
            Self::Holder => "wexport.batch",
            Self::Worker => "wexport.worker",
        }
    }

    /// The condition of a row with a lease that is still that of this process.
    const fn is_held(self) -> &'static str {
        match self {
            Self::Holder => "id = $1 AND epoch = $2",
            Self::Worker => "batch = $1 AND id = $2",
        }
    }

    /// Why a process that has lost its lease goes on no more.
    const fn lost(self, id: String) -> Cause {
        match self {
            Self::Holder => Cause::Lost(id),
            Self::Worker => Cause::WorkerLost(id),
        }
    }
}

/// A process gives this many signs of life in the time of its lease.
const BEATS: u32 = 12;

/// The part of the lease in which a process that is alive gives a sign of life, even if one is late.
pub(super) const ALIVE: f64 = 2.0 / BEATS as f64;

/// The shortest time after which a process without a connection is given up. One that is alive connects again:
/// that takes up to ten seconds, after a wait of two.
const RECONNECTED: Duration = Duration::from_secs(12);

/// The condition of a row of a batch or a worker that has no lease: it has ended, or its process was killed.
pub(super) fn is_free(table: &str) -> String {
    is_free_after(table, RECONNECTED)
}

/// A process that was killed has no connection, and gives no sign of life. While the server restarts, that is
/// true of all: so it counts only for those who have been connected themselves for as long.
fn is_free_after(table: &str, reconnected: Duration) -> String {
    let reconnected = reconnected.as_secs();
    // Some roles cannot see since when they are connected.
    format!(
        "({table}.held_until <= clock_timestamp() OR {table}.backend IS NOT NULL \
         AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {table}.backend) \
         AND clock_timestamp() - greatest({table}.heard, coalesce((SELECT backend_start \
             FROM pg_stat_activity WHERE pid = pg_backend_pid()), clock_timestamp())) \
         > greatest(({table}.held_until - {table}.heard) * {ALIVE}, INTERVAL '{reconnected} s'))"
    )
}

/// The right of a process to write to a batch, which ends with its lease.
#[derive(Clone)]
pub(super) struct Fence {
    pub(super) link: Link,
    /// The ID of the batch.
    pub(super) id: String,
    pub(super) role: Role,
    /// See [`Role`].
    number: i64,
    /// Whether the lease has ended, and another process goes on.
    is_lost: Arc<AtomicBool>,
}

impl Fence {
    pub(super) fn new(link: Link, id: String, role: Role, number: i64) -> Self {
        Self { link, id, role, number, is_lost: Arc::default() }
    }

    /// A statement whose first parameters are the batch and the number of the fence.
    pub(super) fn query(&self, sql: impl Into<Cow<'static, str>>, more: Vec<Parameter>) -> Query {
        let own: [Parameter; 2] = [Box::new(self.id.clone()), Box::new(self.number)];
        Query::new(sql, own.into_iter().chain(more).collect())
    }

    /// A write, which changes something only if the lease is still that of this process. The row with the
    /// lease stays as it is until the write is committed.
    pub(super) fn fenced(&self, sql: impl AsRef<str>, more: Vec<Parameter>) -> Query {
        let (table, is_held) = (self.role.table(), self.role.is_held());
        let held = format!("WITH held AS (SELECT 1 FROM {table} WHERE {is_held} FOR SHARE) ");
        self.query(held + sql.as_ref(), more)
    }

    /// Makes a write that has to change a row; that of the export with this number, if there is one.
    pub(super) fn write(
        &self,
        number: Option<u64>,
        query: Query,
    ) -> impl Future<Output = Result<Row, PgError>> + Send + use<> {
        let (fence, written) = (self.clone(), self.link.push(query));
        async move {
            match written.await?.into_iter().next() {
                Some(row) => Ok(row),
                None => {
                    let is_held = !fence.link.push(fence.still_held()).await?.is_empty();
                    Err(fence.not_written(number.filter(|_| is_held)))
                }
            }
        }
    }

    /// The same, and waits for it.
    pub(super) fn write_now(&self, number: Option<u64>, query: Query) -> Result<Row, PgError> {
        match self.link.call(query)?.into_iter().next() {
            Some(row) => Ok(row),
            None => {
                let is_held = !self.link.call(self.still_held())?.is_empty();
                Err(self.not_written(number.filter(|_| is_held)))
            }
        }
    }

    fn still_held(&self) -> Query {
        let sql = format!("SELECT 1 FROM {} WHERE {}", self.role.table(), self.role.is_held());
        self.query(sql, Vec::new())
    }

    /// Why a write has changed nothing: the export with this number has ended, or the lease is lost.
    fn not_written(&self, number: Option<u64>) -> PgError {
        match number {
            Some(number) => self.link.error(Cause::NotOpen(number)),
            None => {
                self.is_lost.store(true, Ordering::Relaxed);
                self.lost()
            }
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// The error of a process that has lost its lease.
    pub(super) fn lost(&self) -> PgError {
        self.link.error(self.role.lost(self.id.clone()))
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Renews a lease until it is ended.
#[derive(Debug)]
pub(super) struct Renewal(Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>);

impl Renewal {
    /// Begins to renew the lease of a batch, over a connection of its own: a sign of life does not wait for
    /// other writes, nor for the disk.
    pub(super) fn begin(fence: &Fence, lease: Duration) -> Result<Self, Problem> {
        let (link, fence) = (fence.link.unflushed()?, fence.clone());
        let (stop, stopped) = mpsc::channel();
        let sql = format!(
            "UPDATE {} SET heard = clock_timestamp(), backend = pg_backend_pid(), \
             held_until = clock_timestamp() + $3 * INTERVAL '1 ms' WHERE {} RETURNING 1",
            fence.role.table(),
            fence.role.is_held()
        );
        let thread = thread::Builder::new().name("lease".into()).spawn(move || {
            loop {
                let renewed = link.call(fence.query(sql.clone(), vec![Box::new(millis(lease))]));
                if renewed.is_ok_and(|rows| rows.is_empty()) {
                    fence.is_lost.store(true, Ordering::Relaxed);
                }
                if stopped.recv_timeout(lease / BEATS) != Err(mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
        });
        let thread = thread.map_err(|error| Problem::local("cannot hold a batch", &error))?;
        Ok(Self(Mutex::new(Some((stop, thread)))))
    }

    /// Renews the lease no more. A renewal that has begun is done.
    pub(super) fn end(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            drop(stop);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use test_servers::Postgres;

    use super::super::link::query;
    use super::*;

    /// Rows with leases of six seconds, and which of them are free for those who look at once, and later.
    const ROWS: [(&str, [bool; 2]); 5] = [
        ("-7, 0, pg_backend_pid()", [true, true]), // The lease has ended.
        ("-4, 2, 0", [false, true]),               // Killed.
        ("-1, 5, 0", [false, false]),              // It may connect again.
        ("-4, 2, pg_backend_pid()", [false, false]), // Frozen.
        ("-4, 2, NULL", [false, false]),           // It has not given a sign of life yet.
    ];

    fn free(link: &Link) -> Vec<bool> {
        let rows = ROWS.map(|(row, _)| format!("({row})")).join(", ");
        let sql = format!(
            "SELECT {} FROM (SELECT clock_timestamp() + heard * INTERVAL '1 s' AS heard, \
             clock_timestamp() + held_until * INTERVAL '1 s' AS held_until, backend \
             FROM (VALUES {rows}) AS row (heard, held_until, backend)) AS process",
            is_free_after("process", Duration::from_secs(1))
        );
        link.call(query!(sql)).unwrap().iter().map(|row| row.get(0)).collect()
    }

    #[test]
    fn killed_process_is_told_from_those_that_lost_their_connection() {
        let Some(postgres) = Postgres::start() else { return };
        let link = Link::to(&postgres, &postgres.database());
        let [at_once, later] = [0, 1].map(|time| ROWS.map(|(_, free)| free[time]).to_vec());
        assert_eq!(free(&link), at_once);
        let until = Instant::now() + Duration::from_secs(30);
        while free(&link) != later {
            assert!(Instant::now() < until, "{:?}", free(&link));
            thread::sleep(Duration::from_millis(50));
        }
        postgres.stop("immediate");
        postgres.begin();
        assert_eq!(free(&link), at_once);
    }
}
