//! What a job tells of itself.

use export_core::{
    Event, ExportJob, ExportSpec, Failure, FailureKind, FileExport, Phase, Step, Timestamp,
};
use insta::assert_snapshot;

use crate::service::{SIGNED, accepted, artifact, completed_at, config, job, pending, rest};
use crate::world::{Reply, World, start, status};

fn file_job() -> ExportJob {
    ExportJob::new(ExportSpec::file("f1", FileExport::supporting_document()), &config()).unwrap()
}

fn told(mut job: ExportJob, replies: Vec<Reply>) -> String {
    let mut world = World::new(replies);
    world.keep_events = true;
    while world.turn(&mut job).is_none() {}
    world.events.iter().map(|event| format!("{event:?}\n")).collect()
}

#[test]
fn everything_that_happens_is_told_in_order_and_without_secrets() {
    let script = vec![
        accepted().header("retry-after", "5").header("x-request-id", "r1"),
        Reply::lost(FailureKind::Unanswered),
        pending().header("retry-after", "soon"),
        pending(),
        completed_at(SIGNED),
        artifact().cut_at(8),
        rest(8),
    ];
    let told = told(file_job(), script);
    assert_snapshot!(told);
    assert!(!told.contains("s3cret") && !told.contains("token0"));
}

#[test]
fn an_end_that_the_service_announces_is_told_again_if_it_is_another() {
    let sooner = accepted().header("sunset", "Tue, 01 Dec 2026 00:00:00 GMT");
    let script = vec![sooner, completed_at("/x"), artifact()];
    let told = told(file_job(), script);
    let told: Vec<_> = told.lines().filter(|line| line.contains("Sunset")).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn only_the_newest_events_are_kept_for_somebody_who_does_not_listen() {
    let script = [accepted()].into_iter().chain(vec![pending(); 50]);
    let mut world = World::new(script);
    world.deaf = true;
    let mut job = job();
    while world.sent.len() < 51 {
        world.turn(&mut job);
    }
    let mut kept = Vec::new();
    while let Some(event) = job.next_event() {
        kept.push(event);
    }
    assert_eq!(kept.len(), 16);
    assert!(matches!(kept.last(), Some(Event::Waiting { .. })), "{kept:?}");
}

#[test]
fn a_job_knows_its_operation_and_what_was_said_of_it() {
    let mut world = World::new([accepted(), pending()]);
    let mut job = file_job();
    assert_eq!((job.operation(), job.facts()), (None, None));
    assert_eq!(job.sunset(start()).unwrap().days_left, 336);
    while world.sent.len() < 2 {
        world.turn(&mut job);
    }
    assert_eq!(job.operation().unwrap().path(), "/platform/v1/operations/op1");
    assert_eq!(job.facts().unwrap().status.as_deref(), Some("started"));
    assert_eq!(job.phase(), Phase::Poll);
}

#[test]
fn a_job_that_is_stopped_can_be_gone_on_with() {
    let mut world = World::new([accepted()]);
    let mut job = job();
    world.turn(&mut job);
    job.stop(Failure::new(FailureKind::Store).with_detail("no space left"));
    let Step::Done(Err(error)) = job.step(world.now) else { panic!("it goes on") };
    assert_eq!(error.to_string(), "the checkpoint could not be stored: no space left");
    assert_eq!(error.phase(), Some(Phase::Poll));
    assert!(error.is_resumable());
    assert!(job.checkpoint().operation().is_some());

    // What is over stays as it was.
    job.stop(Failure::new(FailureKind::Sink));
    let Step::Done(Err(again)) = job.step(Timestamp::EPOCH) else { panic!("it goes on") };
    assert_eq!(again.to_string(), error.to_string());
}

#[test]
fn a_status_word_from_the_network_is_fit_to_be_shown() {
    let nasty = r#"{"status":"run\u001b[2Jning","originalRequest":"x"}"#;
    let script = vec![accepted(), status(200).body(nasty), completed_at("/x"), artifact()];
    let told = told(job(), script);
    assert!(told.contains("run [2Jning"), "{told}");
}

#[test]
fn an_endpoint_that_is_called_deprecated_without_an_end_is_told() {
    let deprecated = accepted().header("deprecation", "@1770854400");
    let script = vec![deprecated.clone(), completed_at("/x"), artifact()];
    assert_eq!(told(job(), script).matches("Deprecated").count(), 1);
    // Where an end is known, it says more.
    let script = vec![deprecated, completed_at("/x"), artifact()];
    assert!(!told(file_job(), script).contains("Deprecated"));
}
