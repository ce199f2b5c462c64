//! Exports and ends for the tests of the state.

use export_core::ExportJob;
use export_core::driver::Step;
use export_core::token::Token;
use export_hyper::{Checkpoint, Config, DocumentExport, ExportSpec, Timestamp};
use futures_util::FutureExt;

use super::run::{NewRow, RowEnd, RunDescription, RunOptions};
use crate::args::OutputArgs;
use crate::output::{Destination, Moment};
use crate::problem::{Exit, Problem};
use crate::subject::Subject;

/// The result of a write. Without an async runtime, it is done.
pub(super) fn done_now<T, E>(written: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    written.now_or_never().expect("a write that is done")
}

fn now() -> Timestamp {
    Timestamp::from_date(2026, 11, 25)
}

/// An export with this number.
pub(super) fn row(number: u64) -> NewRow {
    let spec = ExportSpec::document(format!("d{number}"), DocumentExport::pdf());
    let job = ExportJob::new(spec, &Config::new("https://api.example.com").unwrap()).unwrap();
    NewRow {
        line: number,
        subject: Subject {
            kind: "document".into(),
            id: format!("d{number}"),
            ..Subject::default()
        },
        destination: Destination::new(&OutputArgs::default(), Moment::local(now())).unwrap(),
        fresh: job.checkpoint(),
    }
}

/// The checkpoint of the export's job after its submit was sent.
pub(super) fn submitted(number: u64) -> Checkpoint {
    let config = Config::new("https://api.example.com").unwrap();
    let mut job = ExportJob::resume(row(number).fresh, &config).unwrap();
    let Step::Transmit(transmit) = job.step(now()) else { panic!("the job is not at its submit") };
    let (_, in_flight) = transmit.start(now(), Some(&Token::fixed("t").unwrap()), 0);
    in_flight.checkpoint()
}

/// The description of a run of one export.
pub(super) fn description() -> RunDescription {
    RunDescription {
        began: now(),
        base_url: "https://api.example.com".into(),
        api_version: "2026-01-01".into(),
        client_id: None,
        source: None,
        options: RunOptions::default(),
        end: None,
    }
}

pub(super) fn batch_description() -> RunDescription {
    RunDescription { source: Some("list.csv".into()), ..description() }
}

pub(super) fn done(file: &str) -> RowEnd {
    RowEnd::Done { file: file.into(), receipt: None }
}

pub(super) fn failed(exit: Exit) -> RowEnd {
    RowEnd::Failed { error: Box::new((&Problem::new(exit, "it failed")).into()) }
}
