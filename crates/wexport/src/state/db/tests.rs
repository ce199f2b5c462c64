//! What the database stores, and invalid database files.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use export_hyper::CheckpointStore as _;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::problem::{Exit, Problem};
use crate::state::fixtures::{batch_description, done, done_now, failed, row, submitted};
use crate::state::{RowEnd, RunCheckpoints, RunStore, StateDir};

/// A batch with this number of exports, in a temporary folder.
fn batch_db(rows: u64) -> (BatchDbWriter, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let mut draft = state.begin_batch(batch_description().began).unwrap();
    (1..=rows).for_each(|number| draft.add(row(number)).unwrap());
    (draft.commit(&batch_description()).unwrap(), folder)
}

fn reopen(db: BatchDbWriter) -> BatchDbWriter {
    let batch = db.db.batch().clone();
    drop(db);
    BatchDbWriter::resume(&batch, Reopen::Resumable).unwrap()
}

/// Storing a million exports takes longer than a reader waits.
#[test]
fn no_reader_waits_for_a_draft() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let mut draft = state.begin_batch(batch_description().began).unwrap();
    draft.add(row(1)).unwrap();
    draft.flush().unwrap();
    let batches = state.batches().unwrap();
    let [batch] = &batches[..] else { panic!("{batches:?}") };
    assert!(BatchDb::open(batch).unwrap_err().is_incomplete());
    let writer = draft.commit(&batch_description()).unwrap();
    assert_eq!(BatchDb::open(batch).unwrap().totals().unwrap().waiting, 1);
    drop(writer);
}

#[test]
fn stored_checkpoints_survive_a_restart() {
    let (db, _folder) = batch_db(3);
    let checkpoint = submitted(2);
    done_now(db.store_checkpoint(2, &checkpoint)).unwrap();
    let db = reopen(db);
    let statuses: Vec<_> = (1..=3).map(|number| db.row(number).unwrap().status).collect();
    assert_eq!(statuses, [RowStatus::Waiting, RowStatus::Open, RowStatus::Waiting]);
    assert_eq!(db.row(2).unwrap().checkpoint, checkpoint);
    assert_eq!(db.row(1).unwrap().checkpoint, row(1).fresh);
    assert_eq!(
        (db.load_checkpoint(2).unwrap(), db.load_checkpoint(1).unwrap()),
        (Some(checkpoint), None)
    );
    assert_eq!(db.description().unwrap(), batch_description());
    assert!(db.row(4).is_err());
}

/// The adapter removes a checkpoint when the file is complete. The row is concluded a moment later,
/// and a crash between the two must not lose the export.
#[test]
fn a_checkpoint_is_removed_with_the_result() {
    let (db, _folder) = batch_db(1);
    let db = Arc::new(db);
    let (store, run) = (RunCheckpoints::default(), Arc::clone(&db) as Arc<dyn RunStore>);
    store.add(&run);
    let key = RunCheckpoints::key(&*run, 1);
    done_now(store.store(&key, submitted(1))).unwrap();
    done_now(store.remove(&key)).unwrap();
    assert!(db.load_checkpoint(1).unwrap().is_some());
    done_now(db.conclude(1, &done("a.pdf"))).unwrap();
    assert!(db.load_checkpoint(1).unwrap().is_none());
    // A late call changes nothing.
    assert!(done_now(db.store_checkpoint(1, &submitted(1))).is_err());
    assert!(done_now(db.conclude(1, &failed(Exit::Local))).is_err());
    assert_eq!(db.totals().unwrap(), StatusCounts { done: 1, ..StatusCounts::default() });
}

#[test]
fn resumable_failures_are_reopened() {
    for (which, reopened) in [(Reopen::Resumable, 2), (Reopen::All, 4)] {
        let (db, _folder) = batch_db(6);
        let ends = [
            failed(Exit::GaveUp),
            failed(Exit::Unauthorized),
            failed(Exit::Failed),
            failed(Exit::Refused),
            done("a.pdf"),
            RowEnd::Skipped { file: "b.pdf".into() },
        ];
        for (number, end) in (1..).zip(&ends) {
            done_now(db.store_checkpoint(number, &submitted(number))).unwrap();
            done_now(db.conclude(number, end)).unwrap();
        }
        assert_eq!(db.reopen(which).unwrap(), reopened);
        let totals = db.totals().unwrap();
        let restarted = if which == Reopen::All { 2 } else { 0 };
        let wanted = StatusCounts {
            open: 2,
            waiting: restarted,
            done: 1,
            skipped: 1,
            failed: 2 - restarted,
        };
        assert_eq!(totals, wanted, "{which:?}");
        assert_eq!(db.row(1).unwrap().checkpoint, submitted(1));
        assert_eq!(db.row(3).unwrap().checkpoint, row(3).fresh);
    }
}

#[test]
fn a_batch_is_run_by_one_process_at_a_time() {
    let (db, _folder) = batch_db(2);
    let problem = Problem::from(BatchDbWriter::resume(db.db.batch(), Reopen::All).unwrap_err());
    assert_eq!(problem.exit, Exit::Running);
    assert!(problem.message.contains("is running in another process: process "), "{problem}");
    let reader = BatchDb::open(db.db.batch()).unwrap();
    done_now(db.conclude(1, &done("a.pdf"))).unwrap();
    assert_eq!(reader.totals().unwrap(), db.totals().unwrap());
}

#[test]
fn rows_are_read_in_order() {
    let (db, _folder) = batch_db(2_500);
    let numbers = db.rows(RowStatus::Waiting, 0).map(|row| row.unwrap().number);
    assert!(numbers.eq(1..=2_500));
    for number in [7, 1_001, 2_500] {
        done_now(db.conclude(number, &failed(Exit::GaveUp))).unwrap();
    }
    let failures = db.db.failures().map(|result| result.unwrap().row);
    assert!(failures.eq([7, 1_001, 2_500]));
    assert_eq!(db.results().count(), 3);
}

#[test]
fn names_are_kept() {
    let (db, _folder) = batch_db(3);
    db.reserve_name(3, "/a/x (2).pdf");
    let db = reopen(db);
    let names: Vec<_> = db.reserved_names().map(Result::unwrap).collect();
    assert_eq!(names, [(3, "/a/x (2).pdf".into())]);
}

/// The problem of a batch whose database was changed.
fn problem_after(change: impl FnOnce(&Path)) -> Problem {
    let (db, _folder) = batch_db(2);
    let batch = db.db.batch().clone();
    drop(db);
    change(&batch.path().join("batch.sqlite"));
    Problem::from(
        BatchDbWriter::resume(&batch, Reopen::All).and_then(|db| db.db.totals()).unwrap_err(),
    )
}

#[test]
fn reserved_space_is_released_until_a_write_succeeds() {
    let (db, _folder) = batch_db(2);
    let reserve = db.db.batch().path().join("reserve");
    let length = || fs::metadata(&reserve).unwrap().len();
    let before = length();
    let full = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
    for code in [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_WRITE] {
        let mut failures = 3;
        let written = db.write(move |_| {
            failures -= 1;
            if failures == 0 { Ok(17) } else { Err(full(code)) }
        });
        assert_eq!(written.unwrap(), 17);
        assert!(db.is_short_of_space() && length() < before);
    }
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let never = db.write(move |_| -> rusqlite::Result<()> {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(full(rusqlite::ffi::SQLITE_FULL))
    });
    let tries = tries.load(Ordering::Relaxed);
    assert!(never.is_err() && tries > 1 && length() == 0, "{tries}");
    // Other errors release nothing.
    let (db, _folder) = batch_db(2);
    assert!(db.write(|_| -> rusqlite::Result<()> { Err(rusqlite::Error::InvalidQuery) }).is_err());
    assert!(!db.is_short_of_space());
}

#[test]
fn files_that_are_not_a_database_are_refused() {
    let problem = problem_after(|path| {
        Connection::open(path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    });
    assert!(
        problem.message.ends_with("was written by a newer wexport (schema version 2)"),
        "{problem}"
    );
    let problem = problem_after(|path| {
        Connection::open(path).unwrap().pragma_update(None, "application_id", 7).unwrap();
    });
    assert!(problem.message.ends_with("is not the database of a batch"), "{problem}");
    let problem = problem_after(|path| fs::write(path, "no database").unwrap());
    assert!(problem.message.contains("damaged"), "{problem}");
    let problem = problem_after(|path| fs::write(path, "").unwrap());
    assert!(problem.message.ends_with("nothing was sent"), "{problem}");
    assert_eq!(problem.exit, Exit::No);
    let problem = problem_after(|path| fs::remove_file(path).unwrap());
    assert!(problem.message.ends_with("nothing was sent"), "{problem}");
    // Its log says that it was run.
    for damage in [|path: &Path| fs::write(path, ""), |path: &Path| fs::remove_file(path)] {
        let problem = problem_after(|path| {
            fs::write(path.with_file_name("events.ndjson"), "").unwrap();
            damage(path).unwrap();
        });
        assert!(problem.message.ends_with("its contents are missing"), "{problem}");
        assert!(problem.advice.iter().any(|it| it.contains("wexport fetch")), "{problem}");
        assert_eq!(problem.exit, Exit::Local);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let (db, _folder) = batch_db(1);
    done_now(db.store_checkpoint(1, &submitted(1))).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = db.db.batch().path();
    assert_eq!(mode(folder), 0o700);
    for file in ["batch.sqlite", "batch.sqlite-wal"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}
