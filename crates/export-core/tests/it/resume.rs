//! Stopped at any revision, a job goes on as if it had not been.

use std::time::Duration;

use export_core::{Checkpoint, Config, ExportJob, FailureKind, Resubmit, ResumeError, Timestamp};

use crate::service::{
    PDF, accepted, artifact, completed, config, job, job_with, mailing_job, page, pending, rest,
};
use crate::world::{Reply, World, start};

fn frozen(checkpoint: &Checkpoint) -> Checkpoint {
    serde_json::from_str(&serde_json::to_string(checkpoint).unwrap()).unwrap()
}

fn resumed(checkpoint: &Checkpoint) -> ExportJob {
    ExportJob::resume(frozen(checkpoint), &config()).unwrap()
}

/// The answers of a service that knows how far it is, whoever asks.
fn scripts() -> Vec<Vec<Reply>> {
    vec![
        vec![accepted(), pending(), completed(), artifact()],
        vec![accepted().header("retry-after", "30"), pending(), completed(), artifact()],
        vec![accepted(), completed(), artifact().cut_at(8), rest(8)],
        vec![accepted(), Reply::lost(FailureKind::Unanswered), completed(), artifact()],
        vec![accepted(), completed().header("retry-after", "30"), artifact()],
    ]
}

#[test]
fn after_every_revision_a_new_process_comes_to_the_same_end() {
    for script in scripts() {
        let whole = World::new(script.clone()).run(job());
        for stop_after in 0..whole.stores {
            let mut world = World::new(script.clone());
            let mut job = job();
            while world.stores <= stop_after && world.turn(&mut job).is_none() {}
            let Some((_, checkpoint)) = world.stored.clone() else { continue };
            let accepted_before = checkpoint.operation().is_some();
            let not_before: Timestamp = serde_json::from_value(
                serde_json::to_value(&checkpoint).unwrap()["not_before"].take(),
            )
            .unwrap();

            // The new process: what was not synced is lost, and the answer in flight too.
            world.sink.truncate(usize::try_from(checkpoint.offset()).unwrap());
            let sent_before = world.sent.len();
            world.rewind(if accepted_before {
                vec![completed(), artifact()]
            } else {
                script.clone()
            });
            let run = world.run(resumed(&checkpoint));
            assert!(run.outcome.is_ok(), "stopped after store {stop_after}:\n{}", run.log);
            assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
            if accepted_before {
                let submits = run.sent[sent_before..].iter().filter(|sent| sent.method == "POST");
                assert_eq!(submits.count(), 0, "a second submit:\n{}", run.log);
            }
            let first = run.sent[sent_before].at;
            assert!(first >= not_before, "sooner than allowed:\n{}", run.log);
        }
    }
}

#[test]
fn a_side_effect_is_not_caused_twice_by_a_crash() {
    let mut world = World::new([Reply::lost(FailureKind::Unanswered)]);
    let mut job = mailing_job();
    let _ = world.turn(&mut job);
    let (_, checkpoint) = world.stored.clone().unwrap();
    assert_eq!(checkpoint.submits(), 1);
    let run = World::new([]).run(resumed(&checkpoint));
    assert_eq!(run.sent.len(), 0);
    assert!(run.log.contains("may have started an export"), "{}", run.log);

    let always = config().with_resubmit(Resubmit::Always);
    let job = ExportJob::resume(frozen(&checkpoint), &always).unwrap();
    let script = [accepted(), completed(), artifact().replace("content-type", "application/gzip")];
    let run = World::new(script).run(job);
    assert_eq!(run.sent[0].method, "POST");
}

#[test]
fn whoever_says_always_may_send_as_often_again() {
    let lost = || Reply::lost(FailureKind::Unanswered);
    let mut world = World::new([lost(), lost(), lost()]);
    let mut job = job();
    while world.turn(&mut job).is_none() {}
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.submits(), 3);
    assert_eq!(World::new([]).run(resumed(&checkpoint)).sent.len(), 0);
    let always = config().with_resubmit(Resubmit::Always);
    let job = ExportJob::resume(frozen(&checkpoint), &always).unwrap();
    let run = World::new([]).then_forever(lost()).run(job);
    assert_eq!(run.sent.len(), 3);
}

#[test]
fn a_submit_that_was_dropped_is_one_that_may_have_arrived() {
    for (mut job, expected) in [(mailing_job(), "may have started"), (job(), "wait 1s")] {
        let mut world = World::new([accepted(), completed(), artifact()]);
        world.drop_next = true;
        assert!(world.turn(&mut job).is_none());
        let log = world.run(job).log;
        assert!(log.contains(expected), "{log}");
    }
}

#[test]
fn a_transmit_that_was_dropped_changes_nothing() {
    let mut one = job();
    let checkpoint = one.checkpoint();
    for _ in 0..3 {
        drop(one.step(start()));
    }
    assert_eq!(one.checkpoint(), checkpoint);
    assert_eq!(one.revision(), 0);
}

#[test]
fn waiting_changes_nothing() {
    let mut world = World::new([accepted().header("retry-after", "5")]);
    let mut job = job();
    world.turn(&mut job);
    let (revision, checkpoint) = (job.revision(), job.checkpoint());
    for millis in 0..5_000 {
        let now = start() + Duration::from_millis(millis);
        assert!(matches!(job.step(now), export_core::Step::Wait(_)));
    }
    assert_eq!((job.revision(), job.checkpoint()), (revision, checkpoint));
}

#[test]
fn a_wall_clock_that_was_set_back_does_not_make_a_job_wait_twice() {
    let mut world = World::new([accepted().header("retry-after", "50")]);
    world.turn(&mut job());
    let mut job = job();
    let mut world = World::new([accepted().header("retry-after", "50"), completed(), artifact()]);
    world.turn(&mut job);
    world.turn(&mut job);
    let checkpoint = job.checkpoint();
    world.now = Timestamp::from_date(2020, 1, 1);
    let sent = world.sent.len();
    let run = world.run(resumed(&checkpoint));
    assert_eq!(run.sent[sent].at.since(Timestamp::from_date(2020, 1, 1)), Duration::from_secs(50));
}

#[test]
fn a_disk_that_has_more_or_less_than_the_checkpoint_says_never_makes_a_hole() {
    let script = [accepted(), completed(), artifact().cut_at(16)];
    let mut world = World::new(script);
    let mut job = job();
    while world.sent.len() < 3 {
        world.turn(&mut job);
    }
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    for have in 0..=PDF.len() {
        let mut on_disk = PDF.as_bytes()[..have].to_vec();
        // What lies beyond the checkpoint was never vouched for.
        for byte in on_disk.iter_mut().skip(16) {
            *byte = b'?';
        }
        let mut world = World::new([completed()]);
        world.sink = on_disk;
        let expected = have.min(16);
        world.rewind(vec![completed(), if expected == 0 { artifact() } else { rest(expected) }]);
        let run = world.run(resumed(&checkpoint));
        assert_eq!(run.sink, PDF.as_bytes(), "{have} bytes on disk:\n{}", run.log);
    }
}

#[test]
fn a_file_that_was_complete_before_the_crash_is_not_loaded_again() {
    let mut world = World::new([accepted(), completed(), artifact()]);
    let mut job = job();
    while world.turn(&mut job).is_none() {}
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), PDF.len() as u64);
    let last = PDF.len() - 1;
    world.rewind(vec![completed(), rest(last)]);
    let run = world.run(resumed(&checkpoint));
    assert_eq!(run.sink, PDF.as_bytes());
    assert_eq!(run.sent.last().unwrap().header("range"), format!("bytes={last}-"));
}

#[test]
fn the_services_pace_and_the_files_name_outlive_the_process() {
    let script =
        [accepted().header("retry-after", "20"), pending(), completed(), artifact().cut_at(8)];
    let mut world = World::new(script);
    let mut job = job();
    while world.sent.len() < 2 {
        world.turn(&mut job);
    }
    let mut waiting = World::new([pending(), completed(), artifact()]);
    waiting.now = world.now;
    let run = waiting.run(resumed(&job.checkpoint()));
    let waits: Vec<_> = run.sent.windows(2).map(|two| two[1].at.since(two[0].at)).collect();
    assert_eq!(waits[0], Duration::from_secs(20), "{}", run.log);

    while world.sent.len() < 4 {
        world.turn(&mut job);
    }
    let checkpoint = frozen(&job.checkpoint());
    let again = resumed(&checkpoint);
    assert_eq!(again.checkpoint().offset(), 8, "what was safe stays safe");
    world.rewind(vec![completed(), rest(8).without("content-type")]);
    let run = world.run(again);
    let artifact = run.outcome.unwrap();
    assert_eq!(artifact.file_name(), "Report.pdf");
    assert_eq!(artifact.media_type(), Some("application/pdf"));
}

#[test]
fn another_version_of_the_file_is_written_down_before_its_first_byte() {
    let changed = artifact().replace("etag", "\"v2\"");
    let mut world = World::new([accepted(), completed(), artifact().cut_at(8), changed]);
    let mut job = job();
    while world.sent.len() < 3 {
        world.turn(&mut job);
    }
    world.drop_stream = true;
    while world.sent.len() < 4 {
        world.turn(&mut job);
    }
    let (_, stored) = world.stored.clone().unwrap();
    assert_eq!(stored.offset(), 0, "the bytes on disk are those of another file");
    assert!(serde_json::to_string(&stored).unwrap().contains("v2"));

    // The sink was not cut: it still has bytes of the first version, and they must not be kept.
    assert_eq!(world.sink.len(), 8);
    world.sink[..8].copy_from_slice(b"????????");
    world.rewind(vec![artifact().replace("etag", "\"v2\"")]);
    let run = world.run(job);
    assert_eq!(run.sent[4].header("range"), "");
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn an_export_that_was_accepted_is_written_down_before_the_rest_of_the_answer() {
    let mut world = World::new([accepted()]);
    world.drop_body = true;
    world.turn(&mut mailing_job());
    let (_, stored) = world.stored.clone().unwrap();
    assert!(stored.operation().is_some());
}

#[test]
fn a_download_that_was_resumed_has_to_come_further_too() {
    let mut world = World::new([accepted(), completed(), artifact().cut_at(8)]);
    let mut job = job();
    while world.sent.len() < 3 {
        world.turn(&mut job);
    }
    let checkpoint = job.checkpoint();
    world.rewind(vec![completed()]);
    let run = world.then_forever(rest(8).cut_at(0)).run(resumed(&checkpoint));
    assert_eq!(run.sent.len(), 3 + 1 + 2, "{}", run.log);
}

#[test]
fn bytes_that_the_disk_lost_may_be_loaded_piece_by_piece_again() {
    let mut world = World::new([accepted(), completed(), artifact().cut_at(16)]);
    let mut job = job();
    while world.sent.len() < 3 {
        world.turn(&mut job);
    }
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    world.sink.clear();
    world.rewind(vec![completed(), artifact().cut_at(8), rest(8).cut_at(8), rest(16)]);
    let run = world.run(resumed(&checkpoint));
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}

#[test]
fn a_gateways_page_does_not_prove_that_a_submit_did_not_arrive() {
    let mut world = World::new([page(403)]);
    let mut job = mailing_job();
    while world.turn(&mut job).is_none() {}
    assert_eq!(job.checkpoint().submits(), 1);
    let run = World::new([]).run(resumed(&job.checkpoint()));
    assert_eq!(run.sent.len(), 0, "{}", run.log);
}

#[test]
fn a_checkpoint_of_somebody_else_is_refused() {
    let checkpoint = job().checkpoint();
    assert_eq!(checkpoint.dialect(), "workiva");
    let change = |field: &str, value: serde_json::Value| {
        let mut json = serde_json::to_value(&checkpoint).unwrap();
        json[field] = value;
        let checkpoint = serde_json::from_value(json).unwrap();
        ExportJob::resume(checkpoint, &config()).unwrap_err()
    };
    assert_eq!(change("version", 2.into()), ResumeError::Version(2));
    assert_eq!(change("dialect", "other".into()), ResumeError::Dialect("other".into()));
    assert!(matches!(change("base", "https://api.eu.wdesk.com".into()), ResumeError::Base { .. }));
    assert!(matches!(change("spec", "{}".into()), ResumeError::Spec(_)));
    let evil = change("operation", "https://evil.example/op".into());
    assert!(matches!(evil, ResumeError::Operation(_)));
}

#[test]
fn the_generation_is_the_one_that_the_job_began_with() {
    let newer = config().with_api_version(export_core::ApiVersion::V2026_01_01);
    let checkpoint = job_with(&newer).checkpoint();
    let run = World::new([accepted(), completed(), artifact()]).run(resumed(&checkpoint));
    assert_eq!(run.sent[0].uri.path(), "/documents/d1/export");
    assert_eq!(run.sent[0].header("x-version"), "2026-01-01");
}

#[test]
fn a_checkpoint_holds_no_secret_and_no_signed_url() {
    let script =
        [accepted(), crate::service::completed_at(crate::service::SIGNED), artifact().cut_at(8)];
    let mut world = World::new(script);
    let mut job = job();
    let mut texts = Vec::new();
    while world.sent.len() < 3 {
        world.turn(&mut job);
        texts.push(serde_json::to_string(&job.checkpoint()).unwrap());
        texts.push(format!("{job:?}"));
    }
    for text in texts {
        assert!(!text.contains("token0") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn an_attached_job_begins_with_a_poll() {
    let job = ExportJob::attach("op1", &Config::for_region(export_core::Region::Us)).unwrap();
    let run = World::new([completed(), artifact()]).run(job);
    assert_eq!(run.sent[0].uri.path(), "/platform/v1/operations/op1");
    assert_eq!(run.outcome.unwrap().submits(), 0);
}
