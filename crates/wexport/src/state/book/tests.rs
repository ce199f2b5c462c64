//! What a book keeps, and what it makes of files that are none.

use std::fs;
use std::path::Path;

use export_host::CheckpointStore as _;
use export_hyper::{
    Checkpoint, Config, DocumentExport, ExportJob, ExportSpec, Pacer, Step, Timestamp, Token,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::cli::PlaceArgs;
use crate::place::Order;
use crate::report::{Exit, Problem};
use crate::spec::What;
use crate::state::{BatchOptions, State};

fn now() -> Timestamp {
    Timestamp::from_date(2026, 11, 25)
}

fn row(number: u64) -> NewRow {
    let spec = ExportSpec::document(format!("d{number}"), DocumentExport::pdf());
    let job = ExportJob::new(spec, &Config::new("https://api.example.com").unwrap()).unwrap();
    NewRow {
        line: number + 1,
        what: What { kind: "document".into(), id: format!("d{number}"), ..What::default() },
        place: Order::new(&PlaceArgs::default(), now()).unwrap(),
        fresh: job.checkpoint(),
    }
}

/// The checkpoint of the same job when its submit is on its way.
fn begun(number: u64) -> Checkpoint {
    let config = Config::new("https://api.example.com").unwrap();
    let mut job = ExportJob::resume(row(number).fresh, &config).unwrap();
    let Step::Transmit(transmit) = job.step(now()) else { panic!("it is to be submitted") };
    let (_, in_flight) = transmit.start(now(), Some(&Token::fixed("t").unwrap()), 0);
    in_flight.checkpoint()
}

fn description() -> BatchDescription {
    BatchDescription {
        began: now(),
        base_url: "https://api.example.com".into(),
        api_version: "2026-01-01".into(),
        source: "list.csv".into(),
        options: BatchOptions::default(),
        ending: None,
    }
}

/// A batch of so many exports, in a folder that goes with the test.
fn book(rows: u64) -> (HeldBook, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    (state.create_batch(&description(), (1..=rows).map(row)).unwrap(), folder)
}

fn again(book: HeldBook) -> HeldBook {
    let batch = book.batch().clone();
    drop(book);
    batch.take().unwrap()
}

fn done(file: &str) -> RowEnd {
    RowEnd::Done { file: file.into(), receipt: None }
}

fn failed(exit: Exit) -> RowEnd {
    RowEnd::Failed { error: Box::new((&Problem::new(exit, "it failed")).into()) }
}

#[test]
fn what_was_stored_is_there_for_whoever_comes_next() {
    let (book, _folder) = book(3);
    let begun = begun(2);
    book.store(2, &begun).unwrap();
    let book = again(book);
    let standings: Vec<_> =
        (1..=3).map(|number| book.row(number).unwrap().unwrap().standing).collect();
    assert_eq!(standings, [RowStanding::Waiting, RowStanding::Open, RowStanding::Waiting]);
    assert_eq!(book.row(2).unwrap().unwrap().checkpoint, begun);
    assert_eq!(book.row(1).unwrap().unwrap().checkpoint, row(1).fresh);
    assert_eq!((book.load(2).unwrap(), book.load(1).unwrap()), (Some(begun), None));
    assert_eq!(book.description().unwrap(), description());
    assert!(book.row(4).unwrap().is_none());
}

/// The adapter forgets a checkpoint when the file is in its place. The row says so a moment later,
/// and a crash between the two must not forget that the export was accepted.
#[test]
fn a_checkpoint_is_forgotten_with_the_result_and_not_before() {
    let (book, _folder) = book(1);
    let book = std::sync::Arc::new(book);
    let store = RowCheckpoints::new(std::sync::Arc::clone(&book));
    store.store("1", &begun(1)).unwrap();
    store.remove("1").unwrap();
    assert!(book.load(1).unwrap().is_some());
    book.conclude(1, &done("a.pdf")).unwrap();
    assert!(book.load(1).unwrap().is_none());
    // What comes late changes nothing.
    assert!(book.store(1, &begun(1)).is_err());
    assert!(book.conclude(1, &failed(Exit::Local)).is_err());
    assert_eq!(book.totals().unwrap(), Totals { done: 1, ..Totals::default() });
}

#[test]
fn those_that_can_go_on_do_and_those_that_cannot_begin_anew_if_that_is_asked_for() {
    for (which, taken_up) in [(Reopen::Unfinished, 2), (Reopen::All, 4)] {
        let (book, _folder) = book(6);
        let ends = [
            failed(Exit::GaveUp),
            failed(Exit::Unauthorized),
            failed(Exit::Failed),
            failed(Exit::Refused),
            done("a.pdf"),
            RowEnd::Skipped { file: "b.pdf".into() },
        ];
        for (number, end) in (1..).zip(&ends) {
            book.store(number, &begun(number)).unwrap();
            book.conclude(number, end).unwrap();
        }
        assert_eq!(book.reopen(which).unwrap(), taken_up);
        let totals = book.totals().unwrap();
        let anew = if which == Reopen::All { 2 } else { 0 };
        let wanted = Totals { open: 2, waiting: anew, done: 1, skipped: 1, failed: 2 - anew };
        assert_eq!(totals, wanted, "{which:?}");
        assert_eq!(book.row(1).unwrap().unwrap().checkpoint, begun(1));
        assert_eq!(book.row(3).unwrap().unwrap().checkpoint, row(3).fresh);
    }
}

#[test]
fn a_batch_is_run_by_one_process_at_a_time_and_read_by_any() {
    let (book, _folder) = book(2);
    let problem = Problem::from(book.batch().take().unwrap_err());
    assert_eq!(problem.exit, Exit::Usage);
    assert!(problem.what.ends_with("is running in another process"), "{problem}");
    let reader = book.batch().read().unwrap();
    book.conclude(1, &done("a.pdf")).unwrap();
    assert_eq!(reader.totals().unwrap(), book.totals().unwrap());
}

#[test]
fn many_rows_are_gone_through_in_their_order() {
    let (book, _folder) = book(2_500);
    let numbers = book.rows(RowStanding::Waiting).map(|row| row.unwrap().number);
    assert!(numbers.eq(1..=2_500));
    for number in [7, 1_001, 2_500] {
        book.conclude(number, &failed(Exit::GaveUp)).unwrap();
    }
    let failures = book.failures().map(|result| result.unwrap().row);
    assert!(failures.eq([7, 1_001, 2_500]));
    assert_eq!(book.results().count(), 3);
}

#[test]
fn names_and_what_was_learnt_are_kept() {
    let (book, _folder) = book(3);
    book.claim(3, "/a/x (2).pdf").unwrap();
    book.keep(Note::Pacer, &Pacer::default()).unwrap();
    let book = again(book);
    let claims: Vec<_> = book.claims().map(Result::unwrap).collect();
    assert_eq!(claims, [(3, "/a/x (2).pdf".into())]);
    assert_eq!(book.kept::<Pacer>(Note::Pacer).unwrap(), Some(Pacer::default()));
    assert_eq!(book.kept::<Pacer>(Note::Batch).unwrap(), None);
}

/// What somebody finds in the place of a book.
fn refusal(spoil: impl FnOnce(&Path)) -> Problem {
    let (book, _folder) = book(2);
    let batch = book.batch().clone();
    drop(book);
    spoil(&batch.path().join("batch.sqlite"));
    Problem::from(batch.take().and_then(|book| book.totals()).unwrap_err())
}

#[test]
fn what_is_no_book_is_called_that_and_left_as_it_is() {
    let told = refusal(|path| {
        Connection::open(path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    });
    assert!(told.what.ends_with("was written by a newer wexport, in form 2"), "{told}");
    let told = refusal(|path| {
        Connection::open(path).unwrap().pragma_update(None, "application_id", 7).unwrap();
    });
    assert!(told.what.ends_with("is not the book of a batch"), "{told}");
    let told = refusal(|path| fs::write(path, "no database").unwrap());
    assert!(told.what.contains("damaged"), "{told}");
    let told = refusal(|path| fs::write(path, "").unwrap());
    assert!(told.what.ends_with("nothing was sent"), "{told}");
    assert_eq!(told.exit, Exit::No);
    let told = refusal(|path| fs::remove_file(path).unwrap());
    assert!(told.what.ends_with("nothing was sent"), "{told}");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;

    let (book, _folder) = book(1);
    book.store(1, &begun(1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = book.batch().path();
    assert_eq!(mode(folder), 0o700);
    for file in ["batch.sqlite", "batch.sqlite-wal"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}
