//! Batches in a PostgreSQL database, which the commands of all machines share.
//!
//! A batch has one holder, which drives all of its exports, and any number of processes that wait. The
//! holder renews its lease; if it does not, the next one takes over and raises the epoch of the batch.
//! A batch for workers has any number of processes that drive some of its exports: see [`worker`].
//! Each write has the epoch of its process, and changes nothing once that is over: since a checkpoint is
//! stored before a submit, a process that was taken over submits nothing more. All times are those of the
//! database.

mod batch;
mod error;
mod follow;
mod lease;
mod link;
mod pace;
mod read;
mod schema;
mod snapshot;
mod tls;
mod worker;

use std::collections::HashMap;
use std::io;
use std::iter;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use export_host::random_number;
use export_hyper::{Checkpoint, PaceStore};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row as PgRow;

pub(crate) use self::batch::PgBatch;
pub(crate) use self::error::PgError;
pub(crate) use self::follow::FollowedBatch;
use self::lease::{Role, is_free};
use self::link::{Link, Query, StreamError, query};
use self::pace::PgPace;
pub(crate) use self::snapshot::Snapshot;
use super::db::{BatchDraft, Reopen};
use super::pages::key;
use super::presence::host;
use super::previous::name_digest;
use super::run::{Items, Row, RowResult, RunDescription, StatusCounts};
use crate::problem::{Exit, Problem};
use crate::settings::{PgPlace, Settings};

/// A PostgreSQL database with batches.
#[derive(Clone, Debug)]
pub(crate) struct PgBook {
    link: Link,
    lease: Duration,
    /// This process.
    holder: Holder,
}

/// A process that runs a batch. Two of one machine, or of two containers, may have the same ID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Holder {
    pid: u32,
    host: String,
    nonce: u64,
}

/// What becomes of a command with a name.
pub(crate) enum Claimed {
    /// There is no batch of this name.
    New,
    /// An earlier one, which this process holds from now on.
    Earlier(Box<PgBatch>, Box<RunDescription>),
    /// A batch for workers, with this ID, that has not ended.
    WithWorkers(String),
}

/// How often a process that waits looks whether the batch is free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The most exports that are inserted by one statement, and the length of their texts in **bytes** from which
/// they are.
const CHUNK: usize = 1_000;
const CHUNK_BYTES: usize = 1_048_576;

impl PgBook {
    /// Opens the database of these settings, if there is one, and makes its schema if that is missing.
    pub(crate) fn open(settings: &Settings) -> Result<Option<Self>, Problem> {
        let Some(place) = settings.database.as_ref().map(|place| &place.value) else {
            return Ok(None);
        };
        let lease = settings.lease.value.0;
        let (mut place, tls) = (place.clone(), tls(settings, place)?);
        // A process that is frozen or cut off in the middle of a transaction must not keep its locks, for
        // which the next one waits.
        let idle = (lease / 2).as_millis();
        set_option(&mut place, &format!("idle_in_transaction_session_timeout={idle}"));
        let place = Arc::new(place);
        let link = Link::new(&place, tls, [link::PATIENCE, link::LONGEST])?;
        schema::prepare(&link)?;
        let holder = Holder { pid: process::id(), host: host(), nonce: random_number() };
        Ok(Some(Self { link, lease, holder }))
    }

    /// The pacer of a service and a group; `None` without a database. `on_failure` is told when it cannot
    /// be used.
    pub(crate) fn pace(
        settings: &Settings,
        group: &str,
        on_failure: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Result<Option<Arc<dyn PaceStore>>, Problem> {
        let Some(place) = &settings.database else { return Ok(None) };
        let mut place = place.value.clone();
        let (tls, base_url) = (tls(settings, &place)?, settings.service.value.base_url());
        // What is lost with a power failure is learned again.
        set_option(&mut place, "synchronous_commit=off");
        let link = Link::new(&Arc::new(place), tls, [pace::PATIENCE, pace::LONGEST])?;
        schema::prepare(&link)?;
        let name = format!("{} {group}", base_url.trim_end_matches('/'));
        Ok(Some(Arc::new(PgPace::new(link, name, on_failure))))
    }

    /// Claims the name of a batch. Waits for the process that holds it, of which `on_wait` is told once.
    pub(crate) fn claim(
        &self,
        description: &RunDescription,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Claimed, Problem> {
        let name = name_digest(description);
        let mut has_waited = false;
        loop {
            let found = self.find("batch.name = $1", name.clone())?;
            let Some(found) = found else { return Ok(Claimed::New) };
            let earlier = found.description(&self.link)?;
            if earlier.options.for_workers != description.options.for_workers {
                return Err(for_other_processes(&found.id, earlier.options.for_workers));
            }
            if earlier.options.for_workers && earlier.end.is_none() {
                return Ok(Claimed::WithWorkers(found.id));
            }
            if let Some(batch) = self.take_over(&found)? {
                return Ok(Claimed::Earlier(Box::new(batch), Box::new(earlier)));
            }
            if !has_waited {
                has_waited = true;
                on_wait(&format!(
                    "{} runs batch {}: waiting for its end, to take over if it gives no sign of life",
                    found.holder_text(),
                    found.id
                ));
            }
            thread::sleep(LOOK_EVERY.min(self.lease / 4));
        }
    }

    /// Takes a name from the batch that has it, for a new one. The other is known by its ID.
    pub(crate) fn release_name(&self, description: &RunDescription) -> Result<(), Problem> {
        let sql = "UPDATE wexport.batch SET name = NULL WHERE name = $1";
        self.link.call(query!(sql, name_digest(description)))?;
        Ok(())
    }

    /// Stores the exports of a draft as a new batch, which this process holds; `None` if another process
    /// has stored one of the same name meanwhile. A chunk of them is in memory at a time. It has the name of
    /// the `earlier` batch, which ends like this, and these checkpoints of exports that were begun there.
    pub(crate) fn create(
        &self,
        draft: &BatchDraft,
        description: &RunDescription,
        earlier: Option<(&PgBatch, &RunDescription)>,
        begun: &[(u64, Checkpoint)],
    ) -> Result<Option<PgBatch>, Problem> {
        let id = draft.id().to_owned();
        let name = description.options.name().map(|_| name_digest(description));
        let batch = [to_json(description)?, to_json(&self.holder)?, id.clone()];
        let stored = self.link.call_streamed(|| {
            let (name, [description, holder, id]) = (name.clone(), batch.clone());
            let insert = query!(
                "INSERT INTO wexport.batch (id, name, description, holder, held_until) \
                 VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * INTERVAL '1 ms') \
                 ON CONFLICT DO NOTHING",
                id,
                name,
                description,
                holder,
                millis(self.lease)
            );
            let release = earlier.map(|(earlier, description)| {
                let sql = "UPDATE wexport.batch SET name = NULL, description = $3 FROM held WHERE id = $1";
                Ok(earlier.fence.fenced(sql, vec![Box::new(to_json(description)?)]))
            });
            let mut rows = draft.all_rows();
            let rows = iter::from_fn(move || insert_rows(draft.id(), &mut rows).transpose());
            let ends = draft.results().map(|result| conclude(draft.id(), &result?));
            let begun =
                begun.iter().map(|(number, checkpoint)| begin(draft.id(), *number, checkpoint));
            release.into_iter().chain([Ok(insert)]).chain(rows).chain(ends).chain(begun)
        });
        match stored {
            Ok(()) => Ok(Some(PgBatch::new(self, id, Role::Holder, 1)?)),
            Err(StreamError::Source(problem)) => Err(problem),
            Err(StreamError::Database(error)) => {
                // Its exports have no batch to refer to.
                let taken = name.map(|name| self.find("batch.name = $1", name)).transpose()?;
                if taken.flatten().is_some() { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    /// Takes over the batch with this ID, to run the exports again that have failed.
    pub(crate) fn resume(&self, id: &str, which: Reopen) -> Result<PgBatch, Problem> {
        let found = self.find("batch.id = $1", id.to_owned())?;
        let found = found.ok_or_else(|| no_batch(id))?;
        let batch = self.take_over(&found)?.ok_or_else(|| found.running())?;
        batch.reopen(which)?;
        batch.begin_again(None)?;
        Ok(batch)
    }

    /// Removes a batch that does not run.
    pub(crate) fn remove(&self, id: &str) -> Result<(), Problem> {
        let delete = format!(
            "DELETE FROM wexport.batch WHERE id = $1 AND {} AND NOT EXISTS \
             (SELECT 1 FROM wexport.worker WHERE batch = $1 AND NOT {})",
            is_free("batch"),
            is_free("worker")
        );
        self.link.call(query!(delete, id.to_owned()))?;
        // A pace that nobody has used for a day is learned again.
        self.link.call(query!(
            "DELETE FROM wexport.pace \
             WHERE latest < (extract(epoch FROM clock_timestamp()) - 86400) * 1000"
        ))?;
        Ok(())
    }

    /// All batches, the oldest first.
    fn all(&self) -> Result<Vec<FoundBatch>, PgError> {
        let rows = self.link.call(query!(format!("{} ORDER BY id", select_batches())))?;
        Ok(rows.iter().map(FoundBatch::read).collect())
    }

    fn totals(&self) -> Result<HashMap<String, StatusCounts>, PgError> {
        read::all_totals(&self.link)
    }

    fn find(&self, condition: &str, value: String) -> Result<Option<FoundBatch>, PgError> {
        let sql = format!("{} WHERE {condition}", select_batches());
        let rows = self.link.call(query!(sql, value))?;
        Ok(rows.first().map(FoundBatch::read))
    }

    /// Takes over a batch; `None` if another process holds it.
    fn take_over(&self, found: &FoundBatch) -> Result<Option<PgBatch>, Problem> {
        // The statement may have been made twice, since its answer was lost.
        if found.is_held && found.holder.as_ref() == Some(&self.holder) {
            return Ok(Some(PgBatch::new(self, found.id.clone(), Role::Holder, found.epoch)?));
        }
        if found.is_held {
            return Ok(None);
        }
        let sql = format!(
            "UPDATE wexport.batch SET epoch = epoch + 1, holder = $3, heard = clock_timestamp(), \
             held_until = clock_timestamp() + $4 * INTERVAL '1 ms', backend = NULL \
             WHERE id = $1 AND epoch = $2 AND {} RETURNING epoch",
            is_free("batch")
        );
        let rows = self.link.call(query!(
            sql,
            found.id.clone(),
            found.epoch,
            to_json(&self.holder)?,
            millis(self.lease)
        ))?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(PgBatch::new(self, found.id.clone(), Role::Holder, row.get(0))?))
    }
}

/// Inserts the next exports of a batch; `None` if there are no more.
fn insert_rows(id: &str, rows: &mut Items<'_, Row>) -> Result<Option<Query>, Problem> {
    let (mut numbers, mut bytes) = (Vec::new(), 0);
    let [mut subjects, mut destinations, mut fresh] = [Vec::new(), Vec::new(), Vec::new()];
    while numbers.len() < CHUNK && bytes < CHUNK_BYTES {
        let Some(row) = rows.next().transpose()? else { break };
        numbers.push(key(row.number));
        let texts = [to_json(&row.subject)?, to_json(&row.destination)?, to_json(&row.checkpoint)?];
        bytes += texts.iter().map(String::len).sum::<usize>();
        let [subject, destination, checkpoint] = texts;
        subjects.push(subject);
        destinations.push(destination);
        fresh.push(checkpoint);
    }
    let insert = query!(
        "INSERT INTO wexport.export (batch, number, line, subject, destination, fresh) \
         SELECT $1, number, number, subject, destination, fresh FROM \
         unnest($2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) \
         AS row (number, subject, destination, fresh) ON CONFLICT DO NOTHING",
        id.to_owned(),
        numbers,
        subjects,
        destinations,
        fresh
    );
    Ok((bytes > 0).then_some(insert))
}

/// Records where an export of a new batch can be resumed. If this is done again, since the answer was lost,
/// a worker may have it already.
fn begin(id: &str, number: u64, checkpoint: &Checkpoint) -> Result<Query, Problem> {
    Ok(query!(
        "UPDATE wexport.export SET status = 'open', checkpoint = $3 \
         WHERE batch = $1 AND number = $2 AND status = 'waiting'",
        id.to_owned(),
        key(number),
        to_json(checkpoint)?
    ))
}

/// Concludes an export of a new batch.
fn conclude(id: &str, result: &RowResult) -> Result<Query, Problem> {
    Ok(query!(
        "UPDATE wexport.export SET status = $3, exit_code = $4, outcome = $5 \
         WHERE batch = $1 AND number = $2 AND status = 'waiting'",
        id.to_owned(),
        key(result.row),
        result.end.status().as_str(),
        i32::from(result.end.exit_code()),
        to_json(&result.end)?
    ))
}

/// A batch as it was found.
struct FoundBatch {
    id: String,
    description: String,
    epoch: i64,
    holder: Option<Holder>,
    is_held: bool,
    /// How long nothing has been heard of its holder.
    silence: Duration,
}

/// Of several workers, the one that was heard of last counts.
fn select_batches() -> String {
    format!(
        "SELECT id, description, epoch, \
         CASE WHEN worker.held_until > clock_timestamp() THEN worker.holder ELSE batch.holder END, \
         NOT ({} AND coalesce({}, TRUE)), \
         (extract(epoch FROM clock_timestamp() - greatest(batch.heard, worker.heard)) * 1000)::BIGINT \
         FROM wexport.batch LEFT JOIN LATERAL (\
             SELECT holder, heard, held_until, backend FROM wexport.worker WHERE batch = batch.id \
             ORDER BY held_until DESC LIMIT 1) AS worker ON TRUE",
        is_free("batch"),
        is_free("worker")
    )
}

impl FoundBatch {
    fn read(row: &PgRow) -> Self {
        let holder: Option<&str> = row.get(3);
        Self {
            id: row.get(0),
            description: row.get(1),
            epoch: row.get(2),
            holder: holder.and_then(|holder| serde_json::from_str(holder).ok()),
            is_held: row.get(4),
            silence: Duration::from_millis(number_of(row, 5).unwrap_or_default()),
        }
    }

    fn description(&self, link: &Link) -> Result<RunDescription, PgError> {
        serde_json::from_str(&self.description).map_err(|error| PgError::damaged(link, error))
    }

    /// The list, as it was named and where it is.
    fn list(&self) -> Option<(Option<String>, Option<PathBuf>)> {
        let description: RunDescription = serde_json::from_str(&self.description).ok()?;
        Some((description.source, description.options.list))
    }

    fn holder_text(&self) -> String {
        match &self.holder {
            Some(Holder { pid, host, .. }) => format!("process {pid} on {host}"),
            None => "another process".into(),
        }
    }

    fn running(&self) -> Problem {
        let message = format!("batch {} is running in {}", self.id, self.holder_text());
        Problem::new(Exit::Running, message)
            .advise("wait until it has ended: if it gives no sign of life, its lease ends")
    }
}

/// Adds a setting of the server to those of the URL.
fn set_option(place: &mut PgPlace, setting: &str) {
    let earlier = place.config.get_options().unwrap_or_default();
    let options = format!("{earlier} -c {setting}");
    place.config.options(options.trim_start());
}

/// The settings of TLS, with the CA bundle of the URL.
fn tls(settings: &Settings, place: &PgPlace) -> Result<Arc<ClientConfig>, Problem> {
    let tls = settings.tls();
    let tls = match &place.root_cert {
        Some(bundle) => tls.with_ca_bundle(bundle.as_path()),
        None => tls,
    };
    let config = tls.client_config();
    config.map(Arc::new).map_err(|error| Problem::usage(format!("{place}: {error}")))
}

fn for_other_processes(id: &str, for_workers: bool) -> Problem {
    let (how, flag) = match for_workers {
        true => ("for workers", "with"),
        false => ("not for workers", "without"),
    };
    Problem::usage(format!("batch {id} is {how}"))
        .advise(format!("go on with it {flag} --for-workers, or begin another with another --key"))
}

fn no_batch(id: &str) -> Problem {
    Problem::new(Exit::No, format!("no batch has the id {id:?}"))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn number_of(row: &PgRow, column: usize) -> Option<u64> {
    let number = row.try_get::<_, i64>(column).ok();
    let number = number.or_else(|| row.try_get::<_, i32>(column).ok().map(i64::from));
    number.and_then(|number| u64::try_from(number).ok())
}

/// Reads a column with JSON.
fn json<T: DeserializeOwned>(link: &Link, row: &PgRow, column: usize) -> Result<T, PgError> {
    let text: &str = row.try_get(column).map_err(|error| PgError::damaged(link, error))?;
    serde_json::from_str(text).map_err(|error| PgError::damaged(link, error))
}

/// A value for a column with JSON, which escapes the NUL that no text of PostgreSQL has.
fn to_json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value)
        .map_err(|error| Problem::new(Exit::Local, format!("cannot store the batch: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fixtures::row;
    use crate::state::{NewRow, RowStatus};

    #[test]
    fn new_batch_is_stored_in_small_chunks() {
        let NewRow { line, subject, destination, fresh } = row(1);
        let checkpoint = fresh;
        let small =
            Row { number: 1, line, subject, destination, status: RowStatus::Waiting, checkpoint };
        let mut large = small.clone();
        large.subject.id = "i".repeat(CHUNK_BYTES / 3);
        for (row, chunk) in [(small, CHUNK), (large, 3)] {
            let mut taken = 0;
            let mut rows: Items<'_, Row> = Box::new((0..2 * CHUNK).map(|_| {
                taken += 1;
                Ok(row.clone())
            }));
            assert!(insert_rows("batch", &mut rows).unwrap().is_some());
            drop(rows);
            assert_eq!(taken, chunk);
        }
        let mut none: Items<'_, Row> = Box::new(iter::empty());
        assert!(insert_rows("batch", &mut none).unwrap().is_none());
    }
}
