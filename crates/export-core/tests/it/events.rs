//! The events and the getters of a job.

use export_core::driver::Step;
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec, FileExport};
use export_core::{Event, ExportJob, Failure, FailureKind, Phase, Timestamp};
use insta::assert_snapshot;

use crate::harness::{Harness, ScriptedReply, start, status};
use crate::service::{SIGNED, accepted, artifact, completed_at, config, job, pending, rest};

fn file_job() -> ExportJob {
    ExportJob::new(ExportSpec::file("f1", FileExport::supporting_document()), &config()).unwrap()
}

fn events_of(mut job: ExportJob, replies: Vec<ScriptedReply>) -> String {
    let mut harness = Harness::new(replies);
    harness.record_events = true;
    while harness.drive_once(&mut job).is_none() {}
    harness.events.iter().map(|event| format!("{event:?}\n")).collect()
}

#[test]
fn events_are_in_order_and_have_no_secrets() {
    let script = vec![
        accepted().header("retry-after", "5").header("x-request-id", "r1"),
        ScriptedReply::failure(FailureKind::Unanswered),
        pending().header("retry-after", "soon"),
        pending(),
        completed_at(SIGNED),
        artifact().cut_at(8),
        rest(8),
    ];
    let events = events_of(file_job(), script);
    assert_snapshot!(events);
    assert!(!events.contains("s3cret") && !events.contains("token0"));
}

#[test]
fn changed_sunset_is_reported_again() {
    let sooner = accepted().header("sunset", "Tue, 01 Dec 2026 00:00:00 GMT");
    let script = vec![sooner, completed_at("/x"), artifact()];
    let events = events_of(file_job(), script);
    let sunsets: Vec<_> = events.lines().filter(|line| line.contains("Sunset")).collect();
    assert_eq!(sunsets.len(), 2, "{sunsets:#?}");
}

#[test]
fn queue_keeps_the_latest_16_events() {
    let script = [accepted()].into_iter().chain(vec![pending(); 50]);
    let mut harness = Harness::new(script);
    harness.ignore_events = true;
    let mut job = job();
    while harness.sent.len() < 51 {
        harness.drive_once(&mut job);
    }
    let mut kept = Vec::new();
    while let Some(event) = job.next_event() {
        kept.push(event);
    }
    assert_eq!(kept.len(), 16);
    assert!(matches!(kept.last(), Some(Event::Waiting { .. })), "{kept:?}");
}

#[test]
fn getters_return_operation_and_facts() {
    let mut harness = Harness::new([accepted(), pending()]);
    let mut job = file_job();
    assert_eq!((job.operation(), job.facts()), (None, None));
    assert_eq!(job.sunset(start()).unwrap().days_left, 336);
    while harness.sent.len() < 2 {
        harness.drive_once(&mut job);
    }
    assert_eq!(job.operation().unwrap().path(), "/platform/v1/operations/op1");
    assert_eq!(job.facts().unwrap().status.as_deref(), Some("started"));
    assert_eq!(job.phase(), Phase::Poll);
}

#[test]
fn stopped_job_is_resumable() {
    let mut harness = Harness::new([accepted()]);
    let mut job = job();
    harness.drive_once(&mut job);
    job.stop(Failure::new(FailureKind::Store).with_detail("no space left"));
    let Step::Done(Err(error)) = job.step(harness.now) else { panic!("the job has not ended") };
    assert_eq!(error.to_string(), "the checkpoint could not be stored: no space left");
    assert_eq!(error.phase(), Some(Phase::Poll));
    assert!(error.is_resumable());
    assert!(job.checkpoint().operation().is_some());

    // The outcome does not change.
    job.stop(Failure::new(FailureKind::Sink));
    let Step::Done(Err(again)) = job.step(Timestamp::EPOCH) else {
        panic!("the job has not ended")
    };
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn status_event_is_printable() {
    let nasty = r#"{"status":"run\u001b[2Jning","originalRequest":"x"}"#;
    let script = vec![accepted(), status(200).body(nasty), completed_at("/x"), artifact()];
    let events = events_of(job(), script);
    assert!(events.contains("run [2Jning"), "{events}");
}

#[test]
fn deprecation_without_sunset_is_reported() {
    let deprecated = accepted().header("deprecation", "@1770854400");
    let script = vec![deprecated.clone(), completed_at("/x"), artifact()];
    let config = config().with_api_version(ApiVersion::V2026_01_01);
    let new = ExportJob::new(ExportSpec::document("d1", DocumentExport::pdf()), &config).unwrap();
    assert_eq!(events_of(new, script).matches("Deprecated").count(), 1);
    // A known sunset makes the deprecation redundant.
    let script = vec![deprecated, completed_at("/x"), artifact()];
    assert!(!events_of(file_job(), script).contains("Deprecated"));
}
