//! A worker: a process that drives some of the exports of a batch, and others the rest.
//!
//! A worker takes a few exports at a time, and no more than its share of what is left, so that all have
//! some. Its lease is that of a row of its own. When that ends, another worker removes the row: the
//! exports are free again, and what the first one writes later changes nothing.

use std::collections::HashSet;
use std::time::Duration;

use super::batch::PgBatch;
use super::lease::{ALIVE, Role, is_free};
use super::link::query;
use super::read::{SELECT_ROWS, number, read_row};
use super::{Holder, PgBook, json, millis, to_json};
use crate::problem::{Exit, Problem};
use crate::state::pages::key;
use crate::state::presence::RunningProcess;
use crate::state::run::{RunDescription, RunEnd, Taken};

/// What a worker has taken of a batch.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// The numbers of the exports that were taken, and have not ended.
    pub(super) taken: HashSet<u64>,
    /// The epoch of the batch when its state was last read.
    epoch: i64,
}

/// The batches for workers that have not ended, of the service $1, the client $2 and the key $3.
const OPEN_BATCHES: &str = "description::jsonb #>> '{options,for_workers}' = 'true' \
                            AND description::jsonb -> 'end' IS NULL \
                            AND description::jsonb ->> 'base_url' = $1 \
                            AND description::jsonb ->> 'client_id' IS NOT DISTINCT FROM $2 \
                            AND ($3::TEXT IS NULL OR description::jsonb #>> '{options,key}' = $3)";

/// The exports of dead workers that are taken at once, also beyond the share of a worker: some of those that
/// count as alive may be dead.
const ADOPTED: u32 = 2;

/// The most exports of which a worker takes its share: it is not worth counting a million of them.
const COUNTED: u32 = 1_000;

impl PgBook {
    /// Makes this process a worker of the oldest batch for workers that has not ended; `None` if there is
    /// none.
    pub(crate) fn join(
        &self,
        base_url: &str,
        client_id: Option<&str>,
        key: Option<&str>,
    ) -> Result<Option<PgBatch>, Problem> {
        let sql = format!(
            "INSERT INTO wexport.worker (batch, holder, held_until) \
             SELECT id, $4, clock_timestamp() + $5 * INTERVAL '1 ms' FROM wexport.batch \
             WHERE {OPEN_BATCHES} ORDER BY began, id LIMIT 1 RETURNING batch, id"
        );
        let rows = self.link.call(query!(
            sql,
            base_url.to_owned(),
            client_id.map(String::from),
            key.map(String::from),
            to_json(&self.holder)?,
            millis(self.lease)
        ))?;
        let Some(row) = rows.first() else { return Ok(None) };
        PgBatch::new(self, row.get(0), Role::Worker, row.get(1)).map(Some)
    }

    /// The workers of a batch, as they were heard of last.
    pub(crate) fn workers(&self, id: &str) -> Result<Vec<RunningProcess>, Problem> {
        let sql = "SELECT holder, (extract(epoch FROM clock_timestamp() - heard) * 1000)::BIGINT \
                   FROM wexport.worker WHERE batch = $1 ORDER BY id";
        let rows = self.link.call(query!(sql, id.to_owned()))?;
        let workers = rows.iter().map(|row| {
            let Holder { pid, host, .. } = json(&self.link, row, 0)?;
            let silence = Duration::from_millis(number(&self.link, row, 1)?);
            Ok(RunningProcess::silent_for(silence, pid, host))
        });
        workers.collect()
    }

    /// Whether a worker of the service and the client of a batch has given a sign of life.
    pub(super) fn has_worker(&self, batch: &RunDescription) -> Result<bool, Problem> {
        let sql = format!(
            "SELECT 1 FROM wexport.worker JOIN wexport.batch ON batch.id = worker.batch \
             WHERE NOT {} AND {OPEN_BATCHES} LIMIT 1",
            is_free("worker")
        );
        let (base_url, client_id) = (batch.base_url.clone(), batch.client_id.clone());
        let rows = self.link.call(query!(sql, base_url, client_id, None::<String>))?;
        Ok(!rows.is_empty())
    }
}

impl PgBatch {
    /// Takes exports that no worker has: those that are under way, and others until `ahead` wait for
    /// their submit.
    pub(super) fn take_exports(&self, ahead: usize) -> Result<Taken, Problem> {
        self.remove_dead_workers()?;
        let free = "SELECT number FROM wexport.export WHERE batch = $1 AND worker IS NULL";
        // How many of its share this worker does not have yet.
        let missing = |status| {
            format!(
                "((SELECT count(*) FROM (SELECT FROM wexport.export \
                       WHERE batch = $1 AND status = '{status}' LIMIT {COUNTED}) AS counted) \
                   + (SELECT number - 1 FROM alive)) / (SELECT number FROM alive) \
                 - (SELECT count(*) FROM wexport.export WHERE worker = $2 AND status = '{status}')"
            )
        };
        let sql = format!(
            ", alive AS (SELECT greatest(1, count(*)) AS number FROM wexport.worker \
                 WHERE batch = $1 AND clock_timestamp() - heard < (held_until - heard) * {ALIVE}), \
             adopted AS ({free} AND status = 'open' ORDER BY number \
                 LIMIT greatest({ADOPTED}, {}) FOR UPDATE SKIP LOCKED), \
             fresh AS ({free} AND status = 'waiting' \
                 AND (SELECT halted IS NULL FROM wexport.batch WHERE id = $1) ORDER BY number \
                 LIMIT greatest(0, least({}, $3 - (SELECT count(*) FROM wexport.export \
                                                   WHERE worker = $2 AND status = 'waiting'))) \
                 FOR UPDATE SKIP LOCKED) \
             UPDATE wexport.export SET worker = $2 FROM held WHERE batch = $1 AND number IN \
             (SELECT number FROM adopted UNION ALL SELECT number FROM fresh)",
            missing("open"),
            missing("waiting")
        );
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        self.fence.link.call(self.fence.fenced(sql, vec![Box::new(ahead)]))?;
        // They are read by another statement: of one that is made twice, the first has taken them.
        let known: Vec<i64> = self.share().taken.iter().map(|number| key(*number)).collect();
        let sql = format!(
            "{SELECT_ROWS} AND worker = $2 AND status IN ('waiting', 'open') \
             AND number <> ALL($3) ORDER BY number"
        );
        let found = self.fence.link.call(self.fence.query(sql, vec![Box::new(known)]))?;
        let rows: Vec<_> =
            found.iter().map(|row| read_row(&self.fence.link, row)).collect::<Result<_, _>>()?;
        self.share().taken.extend(rows.iter().map(|row| row.number));
        let (are_left, halted) = self.state()?;
        Ok(Taken { rows, are_left, halted })
    }

    /// Removes the workers whose lease has ended, or that were killed. Their exports are free then.
    fn remove_dead_workers(&self) -> Result<(), Problem> {
        let sql = format!(
            "WITH dead AS (DELETE FROM wexport.worker \
                 WHERE batch = $1 AND id <> $2 AND {} RETURNING id) \
             UPDATE wexport.batch SET lost_workers = lost_workers + (SELECT count(*) FROM dead) \
             WHERE id = $1 AND EXISTS (SELECT 1 FROM dead)",
            is_free("worker")
        );
        self.fence.link.call(self.fence.query(sql, Vec::new()))?;
        Ok(())
    }

    /// Whether workers have exports of the batch, or will take some; and the exit code for which it was
    /// halted.
    fn state(&self) -> Result<(bool, Option<Exit>), Problem> {
        let exists = |condition| {
            format!("EXISTS (SELECT 1 FROM wexport.export WHERE batch = $1 AND {condition})")
        };
        let sql = format!(
            "SELECT epoch, halted, {} OR {} OR halted IS NULL AND {} FROM wexport.batch WHERE id = $1",
            exists("worker IS NOT NULL"),
            exists("status = 'open'"),
            exists("status = 'waiting'")
        );
        let rows = self.fence.link.call(query!(sql, self.fence.id.clone()))?;
        let Some(row) = rows.first() else { return Ok((false, None)) };
        self.share().epoch = row.get(0);
        Ok((row.get(2), row.get::<_, Option<i32>>(1).and_then(Exit::from_code)))
    }

    /// Gives back exports that were not submitted. With an exit code, no worker submits more of the batch
    /// until it is resumed.
    pub(super) fn give_back_exports(
        &self,
        numbers: &[u64],
        halted: Option<Exit>,
    ) -> Result<(), Problem> {
        if let Some(exit) = halted {
            let sql =
                "UPDATE wexport.batch SET halted = coalesce(halted, $3) FROM held WHERE id = $1";
            self.fence.link.call(self.fence.fenced(sql, vec![Box::new(i32::from(exit.code()))]))?;
        }
        let sql = "UPDATE wexport.export SET worker = NULL, status = 'waiting' FROM held \
             WHERE batch = $1 AND worker = $2 AND number = ANY($3)";
        let keys: Vec<i64> = numbers.iter().map(|number| key(*number)).collect();
        self.fence.link.call(self.fence.fenced(sql, vec![Box::new(keys)]))?;
        self.share().taken.retain(|number| !numbers.contains(number));
        Ok(())
    }

    /// Records the end of the batch, unless another worker has, or it was opened again.
    pub(super) fn finish_shared(&self, end: RunEnd) -> Result<(), Problem> {
        let sql = "SELECT description FROM wexport.batch WHERE id = $1";
        let rows = self.fence.link.call(query!(sql, self.fence.id.clone()))?;
        let Some(row) = rows.first() else { return Ok(()) };
        let description: RunDescription = json(&self.fence.link, row, 0)?;
        let description = to_json(&RunDescription { end: Some(end), ..description })?;
        let sql = "UPDATE wexport.batch SET description = $3 FROM held \
             WHERE id = $1 AND epoch = $4 AND description::jsonb -> 'end' IS NULL";
        let epoch = self.share().epoch;
        self.fence
            .link
            .call(self.fence.fenced(sql, vec![Box::new(description), Box::new(epoch)]))?;
        Ok(())
    }
}
