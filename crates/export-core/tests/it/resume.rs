//! Jobs that are stopped and resumed from a checkpoint.

use std::time::Duration;

use export_core::{
    Checkpoint, Config, ExportJob, FailureKind, Limits, Phase, Resubmit, ResumeError, Timestamp,
};

use crate::harness::{Harness, ScriptedReply, start};
use crate::service::{
    PDF, SIGNED, accepted, artifact, completed, completed_at, config, job, job_with, mailing_job,
    page, pending, refusal, rest,
};

fn round_trip(checkpoint: &Checkpoint) -> Checkpoint {
    serde_json::from_str(&serde_json::to_string(checkpoint).unwrap()).unwrap()
}

fn resumed(checkpoint: &Checkpoint) -> ExportJob {
    ExportJob::resume(round_trip(checkpoint), &config()).unwrap()
}

/// Scripts whose operation completes in any process.
fn scripts() -> Vec<Vec<ScriptedReply>> {
    vec![
        vec![accepted(), pending(), completed(), artifact()],
        vec![accepted().header("retry-after", "30"), pending(), completed(), artifact()],
        vec![accepted(), completed(), artifact().cut_at(8), rest(8)],
        vec![accepted(), ScriptedReply::failure(FailureKind::Unanswered), completed(), artifact()],
        vec![accepted(), completed().header("retry-after", "30"), artifact()],
    ]
}

#[test]
fn resume_after_any_revision_ends_the_same() {
    for script in scripts() {
        let whole = Harness::new(script.clone()).run(job());
        for stop_after in 0..whole.stores {
            let mut harness = Harness::new(script.clone());
            let mut job = job();
            while harness.stores <= stop_after && harness.drive_once(&mut job).is_none() {}
            let Some((_, checkpoint)) = harness.stored.clone() else { continue };
            let accepted_before = checkpoint.operation().is_some();
            let saved = serde_json::to_value(&checkpoint).unwrap();
            let fetch = saved.get("fetch");
            let next = fetch.unwrap_or(&saved)["not_before"].clone();
            let not_before: Timestamp = serde_json::from_value(next).unwrap();

            // The new process has neither the bytes that were not synced nor the pending response.
            harness.sink.truncate(usize::try_from(checkpoint.offset()).unwrap());
            let sent_before = harness.sent.len();
            harness.restart(match (fetch, accepted_before) {
                (Some(_), _) => match checkpoint.offset() {
                    0 => vec![artifact()],
                    // Of a whole file, the last byte is.
                    offset => vec![rest(usize::try_from(offset).unwrap().min(PDF.len() - 1))],
                },
                (None, true) => vec![completed(), artifact()],
                (None, false) => script.clone(),
            });
            let run = harness.run(resumed(&checkpoint));
            assert!(run.outcome.is_ok(), "stopped after store {stop_after}:\n{}", run.log);
            assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
            if accepted_before {
                let submits = run.sent[sent_before..].iter().filter(|sent| sent.method == "POST");
                assert_eq!(submits.count(), 0, "a second submit:\n{}", run.log);
            }
            let first = run.sent[sent_before].at;
            assert!(first >= not_before, "a request before not_before:\n{}", run.log);
        }
    }
}

/// When a job gives up whose operation never completes, if it is resumed this long after its start.
fn gives_up_at(checkpoint: &Checkpoint, config: &Config, resumed: Duration) -> Duration {
    let mut harness = Harness::new([]).then_always(pending());
    harness.now = start() + resumed;
    let run = harness.run(ExportJob::resume(round_trip(checkpoint), config).unwrap());
    assert!(run.outcome.is_err(), "{}", run.log);
    run.sent.last().unwrap().at.since(start())
}

#[test]
fn killed_job_has_the_rest_of_its_time() {
    let mut harness = Harness::new([accepted()]);
    let mut job = job();
    while job.operation().is_none() {
        assert!(harness.drive_once(&mut job).is_none());
    }
    let (minutes, checkpoint) =
        (|minutes: u64| Duration::from_secs(60 * minutes), job.checkpoint());
    let after = |resumed| gives_up_at(&checkpoint, &config(), resumed);
    assert_eq!(after(minutes(10)), minutes(60));
    assert_eq!(after(minutes(59)), minutes(60));
    // It has none left, or too little: somebody wants it to go on.
    assert_eq!(after(minutes(61)), minutes(121));
    let seconds = Duration::from_secs(20);
    assert_eq!(after(minutes(60) - seconds), minutes(120) - seconds);
    // More or less time was asked for.
    let limits = |minutes| config().with_limits(Limits::default().with_job_timeout(minutes));
    assert_eq!(gives_up_at(&checkpoint, &limits(minutes(90)), minutes(61)), minutes(90));
    assert_eq!(gives_up_at(&checkpoint, &limits(minutes(20)), minutes(10)), minutes(20));
    // The clock was set back.
    let mut earlier = Harness::new([]).then_always(pending());
    earlier.now = Timestamp::from_millis(start().as_millis() - 86_400_000);
    let run = earlier.run(resumed(&checkpoint));
    let took = run.sent.last().unwrap().at.since(run.sent[0].at);
    assert!(took <= minutes(60) && took > minutes(55), "{took:?}");
    // That of an earlier release does not say when it was begun.
    let mut value = serde_json::to_value(&checkpoint).unwrap();
    assert!(value.as_object_mut().unwrap().remove("began").is_some());
    let old: Checkpoint = serde_json::from_value(value).unwrap();
    assert_eq!(gives_up_at(&old, &config(), minutes(10)), minutes(70));
}

#[test]
fn job_that_has_ended_is_resumed_with_all_of_its_time() {
    let busy = || ScriptedReply::failure(FailureKind::Unanswered);
    let few = config().with_limits(Limits::default().with_max_failures(2));
    let mut harness = Harness::new([accepted()]).then_always(busy());
    let mut job = job_with(&few);
    while harness.drive_once(&mut job).is_none() {}
    let checkpoint = job.checkpoint();
    assert!(checkpoint.operation().is_some());
    let (ten, seventy) = (Duration::from_secs(600), Duration::from_secs(4_200));
    assert_eq!(gives_up_at(&checkpoint, &config(), ten), seventy);
}

#[test]
fn crash_does_not_repeat_a_side_effect() {
    let mut harness = Harness::new([ScriptedReply::failure(FailureKind::Unanswered)]);
    let mut job = mailing_job();
    let _ = harness.drive_once(&mut job);
    let (_, checkpoint) = harness.stored.clone().unwrap();
    assert_eq!(checkpoint.submits(), 1);
    let run = Harness::new([]).run(resumed(&checkpoint));
    assert_eq!(run.sent.len(), 0);
    assert!(run.log.contains("may have started an export"), "{}", run.log);

    let always = config().with_resubmit(Resubmit::Always);
    let job = ExportJob::resume(round_trip(&checkpoint), &always).unwrap();
    let script = [accepted(), completed(), artifact().replace("content-type", "application/gzip")];
    let run = Harness::new(script).run(job);
    assert_eq!(run.sent[0].method, "POST");
}

#[test]
fn resumed_job_submits_as_often_again() {
    let lost = || ScriptedReply::failure(FailureKind::Unanswered);
    let mut harness = Harness::new((0..6).map(|_| lost()));
    let mut job = job();
    let error = loop {
        if let Some(outcome) = harness.drive_once(&mut job) {
            break outcome.unwrap_err();
        }
    };
    assert!(error.is_resumable(), "{error}");
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.submits(), 6);
    for (resubmit, sends) in
        [(Resubmit::IfHarmless, 6), (Resubmit::Always, 6), (Resubmit::Never, 0)]
    {
        let config = config().with_resubmit(resubmit);
        let job = ExportJob::resume(round_trip(&checkpoint), &config).unwrap();
        let run = Harness::new([]).then_always(lost()).run(job);
        assert_eq!(run.sent.len(), sends, "{resubmit:?}");
    }
}

#[test]
fn dropped_submit_may_have_arrived() {
    for (mut job, expected) in [(mailing_job(), "may have started"), (job(), "wait 1s")] {
        let mut harness = Harness::new([accepted(), completed(), artifact()]);
        harness.drop_next = true;
        assert!(harness.drive_once(&mut job).is_none());
        let log = harness.run(job).log;
        assert!(log.contains(expected), "{log}");
    }
}

#[test]
fn dropped_transmit_changes_nothing() {
    let mut one = job();
    let checkpoint = one.checkpoint();
    for _ in 0..3 {
        drop(one.step(start()));
    }
    assert_eq!(one.checkpoint(), checkpoint);
    assert_eq!(one.revision(), 0);
}

#[test]
fn step_during_a_wait_changes_nothing() {
    let mut harness = Harness::new([accepted().header("retry-after", "5")]);
    let mut job = job();
    harness.drive_once(&mut job);
    let (revision, checkpoint) = (job.revision(), job.checkpoint());
    for millis in 0..5_000 {
        let now = start() + Duration::from_millis(millis);
        assert!(matches!(job.step(now), export_core::driver::Step::Wait(_)));
    }
    assert_eq!((job.revision(), job.checkpoint()), (revision, checkpoint));
}

#[test]
fn clock_set_back_does_not_repeat_the_wait() {
    let mut harness = Harness::new([accepted().header("retry-after", "50")]);
    harness.drive_once(&mut job());
    let mut job = job();
    let mut harness =
        Harness::new([accepted().header("retry-after", "50"), completed(), artifact()]);
    harness.drive_once(&mut job);
    harness.drive_once(&mut job);
    let checkpoint = job.checkpoint();
    harness.now = Timestamp::from_date(2020, 1, 1);
    let sent = harness.sent.len();
    let run = harness.run(resumed(&checkpoint));
    assert_eq!(run.sent[sent].at.since(Timestamp::from_date(2020, 1, 1)), Duration::from_secs(50));
}

#[test]
fn sink_of_another_length_leaves_no_hole() {
    let script = [accepted(), completed(), artifact().cut_at(16)];
    let mut harness = Harness::new(script);
    let mut job = job();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut job);
    }
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    for have in 0..=PDF.len() {
        let mut on_disk = PDF.as_bytes()[..have].to_vec();
        // The bytes after the checkpoint may be anything.
        for byte in on_disk.iter_mut().skip(16) {
            *byte = b'?';
        }
        let mut harness = Harness::new([completed()]);
        harness.sink = on_disk;
        let expected = have.min(16);
        harness.restart(vec![if expected == 0 { artifact() } else { rest(expected) }]);
        let run = harness.run(resumed(&checkpoint));
        assert_eq!(run.sink, PDF.as_bytes(), "{have} bytes on disk:\n{}", run.log);
    }
}

#[test]
fn complete_file_is_not_downloaded_again() {
    let mut harness = Harness::new([accepted(), completed(), artifact()]);
    let mut job = job();
    while harness.drive_once(&mut job).is_none() {}
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), PDF.len() as u64);
    let last = PDF.len() - 1;
    harness.restart(vec![completed(), rest(last)]);
    let run = harness.run(resumed(&checkpoint));
    assert_eq!(run.sink, PDF.as_bytes());
    assert_eq!(run.sent.last().unwrap().header("range"), format!("bytes={last}-"));
}

#[test]
fn resume_keeps_poll_interval_and_file_name() {
    let script =
        [accepted().header("retry-after", "20"), pending(), completed(), artifact().cut_at(8)];
    let mut harness = Harness::new(script);
    let mut job = job();
    while harness.sent.len() < 2 {
        harness.drive_once(&mut job);
    }
    let mut waiting = Harness::new([pending(), completed(), artifact()]);
    waiting.now = harness.now;
    let run = waiting.run(resumed(&job.checkpoint()));
    let waits: Vec<_> = run.sent.windows(2).map(|two| two[1].at.since(two[0].at)).collect();
    assert_eq!(waits[0], Duration::from_secs(20), "{}", run.log);

    while harness.sent.len() < 4 {
        harness.drive_once(&mut job);
    }
    let checkpoint = round_trip(&job.checkpoint());
    let again = resumed(&checkpoint);
    assert_eq!(again.checkpoint().offset(), 8, "the synced bytes are kept");
    harness.restart(vec![rest(8).without("content-type")]);
    let run = harness.run(again);
    let artifact = run.outcome.unwrap();
    assert_eq!(artifact.file_name(), "Report.pdf");
    assert_eq!(artifact.media_type(), Some("application/pdf"));
}

#[test]
fn new_version_is_stored_before_its_first_byte() {
    let changed = artifact().replace("etag", "\"v2\"");
    let mut harness = Harness::new([accepted(), completed(), artifact().cut_at(8), changed]);
    let mut job = job();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut job);
    }
    harness.drop_stream = true;
    while harness.sent.len() < 4 {
        harness.drive_once(&mut job);
    }
    let (_, stored) = harness.stored.clone().unwrap();
    assert_eq!(stored.offset(), 0, "the sink has bytes of the old version");
    assert!(serde_json::to_string(&stored).unwrap().contains("v2"));

    // The sink was not truncated. Its bytes of the old version must not be kept.
    assert_eq!(harness.sink.len(), 8);
    harness.sink[..8].copy_from_slice(b"????????");
    harness.restart(vec![artifact().replace("etag", "\"v2\"")]);
    let run = harness.run(job);
    assert_eq!(run.sent[4].header("range"), "");
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn accepted_export_is_stored_before_the_body() {
    let mut harness = Harness::new([accepted()]);
    harness.drop_body = true;
    harness.drive_once(&mut mailing_job());
    let (_, stored) = harness.stored.clone().unwrap();
    assert!(stored.operation().is_some());
}

#[test]
fn resumed_download_must_progress() {
    let mut harness = Harness::new([accepted(), completed(), artifact().cut_at(8)]);
    let mut job = job();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut job);
    }
    let checkpoint = job.checkpoint();
    let run = harness.then_always(rest(8).cut_at(0)).run(resumed(&checkpoint));
    assert_eq!(run.sent.len(), 3 + 2, "{}", run.log);
}

/// A job that is stopped before its download, or in it.
fn stopped_at_its_fetch(script: Vec<ScriptedReply>) -> (Harness, Checkpoint) {
    let requests = script.len();
    let mut harness = Harness::new(script);
    let mut job = job();
    while harness.sent.len() < requests {
        harness.drive_once(&mut job);
    }
    (harness, round_trip(&job.checkpoint()))
}

#[test]
fn resumed_fetch_costs_no_poll_and_keeps_the_facts() {
    for script in
        [vec![accepted(), completed()], vec![accepted(), completed(), artifact().cut_at(0)]]
    {
        let (mut harness, checkpoint) = stopped_at_its_fetch(script);
        let sent = harness.sent.len();
        harness.restart(vec![artifact()]);
        let run = harness.run(resumed(&checkpoint));
        assert_eq!(run.sent.len(), sent + 1, "{}", run.log);
        let artifact = run.outcome.unwrap();
        assert_eq!(artifact.created(), Some("2026-03-01T00:00:00Z"));
        assert_eq!(artifact.updated(), Some("2026-03-01T00:00:05Z"));
        assert!(artifact.original_request().is_some());
    }
}

#[test]
fn refused_url_of_a_resumed_fetch_is_polled_for_once() {
    for code in [401, 403, 404, 410] {
        let script = vec![accepted(), completed().header("retry-after", "20")];
        let (mut harness, checkpoint) = stopped_at_its_fetch(script);
        let completed_at = harness.now;
        // A 401 may be that of an old token.
        let refusals = vec![refusal(code); if code == 401 { 2 } else { 1 }];
        harness.restart([refusals, vec![completed(), artifact()]].concat());
        let run = harness.run(resumed(&checkpoint));
        assert_eq!(run.sink, PDF.as_bytes(), "{code}:\n{}", run.log);
        // The service has asked for this wait before the next poll.
        let poll = run.sent.iter().filter(|sent| sent.uri.path().contains("/operations/"));
        let poll = poll.last().unwrap();
        assert_eq!(poll.at.since(completed_at), Duration::from_secs(20), "{}", run.log);
    }
}

#[test]
fn url_that_may_be_signed_is_not_saved() {
    for url in [SIGNED, "/platform/v1/downloads/op1?signature=s3cret"] {
        let (_, checkpoint) = stopped_at_its_fetch(vec![accepted(), completed_at(url)]);
        assert!(!serde_json::to_string(&checkpoint).unwrap().contains("\"fetch\""), "{url}");
    }
}

#[test]
fn fetch_of_a_checkpoint_is_a_poll_for_earlier_releases() {
    let (mut harness, checkpoint) = stopped_at_its_fetch(vec![accepted(), completed()]);
    let mut saved = serde_json::to_value(&checkpoint).unwrap();
    assert_eq!(saved["version"], 1);
    saved.as_object_mut().unwrap().remove("fetch").unwrap();
    harness.restart(vec![completed(), artifact()]);
    let run = harness.run(resumed(&serde_json::from_value(saved).unwrap()));
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}

#[test]
fn lost_bytes_are_downloaded_again_in_pieces() {
    let mut harness = Harness::new([accepted(), completed(), artifact().cut_at(16)]);
    let mut job = job();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut job);
    }
    let checkpoint = job.checkpoint();
    assert_eq!(checkpoint.offset(), 16);
    harness.sink.clear();
    harness.restart(vec![artifact().cut_at(8), rest(8).cut_at(8), rest(16)]);
    let run = harness.run(resumed(&checkpoint));
    assert_eq!(run.sink, PDF.as_bytes(), "{}", run.log);
}

#[test]
fn gateway_page_does_not_prove_a_lost_submit() {
    let mut harness = Harness::new([page(403)]);
    let mut job = mailing_job();
    while harness.drive_once(&mut job).is_none() {}
    assert_eq!(job.checkpoint().submits(), 1);
    let run = Harness::new([]).run(resumed(&job.checkpoint()));
    assert_eq!(run.sent.len(), 0, "{}", run.log);
}

#[test]
fn foreign_checkpoint_is_refused() {
    let checkpoint = job().checkpoint();
    assert_eq!(checkpoint.dialect(), "workiva");
    let change = |field: &str, value: serde_json::Value| {
        let mut json = serde_json::to_value(&checkpoint).unwrap();
        json[field] = value;
        let checkpoint = serde_json::from_value(json).unwrap();
        ExportJob::resume(checkpoint, &config()).unwrap_err()
    };
    assert_eq!(change("version", 3.into()), ResumeError::Version(3));
    assert_eq!(change("dialect", "other".into()), ResumeError::Dialect("other".into()));
    assert!(matches!(change("base", "https://api.eu.wdesk.com".into()), ResumeError::Base { .. }));
    assert!(matches!(change("spec", "{}".into()), ResumeError::Spec(_)));
    let evil = change("operation", "https://evil.example/op".into());
    assert!(matches!(evil, ResumeError::Operation(_)));
}

#[test]
fn resume_keeps_the_api_version() {
    let newer = config().with_api_version(export_core::workiva::ApiVersion::V2026_01_01);
    let checkpoint = job_with(&newer).checkpoint();
    let run = Harness::new([accepted(), completed(), artifact()]).run(resumed(&checkpoint));
    assert_eq!(run.sent[0].uri.path(), "/documents/d1/export");
    assert_eq!(run.sent[0].header("x-version"), "2026-01-01");
}

#[test]
fn checkpoint_has_no_secret_and_no_signed_url() {
    let script = [accepted(), completed_at(SIGNED), artifact().cut_at(8)];
    let mut harness = Harness::new(script);
    let mut job = job();
    let mut texts = Vec::new();
    while harness.sent.len() < 3 {
        harness.drive_once(&mut job);
        texts.push(serde_json::to_string(&job.checkpoint()).unwrap());
        texts.push(format!("{job:?}"));
    }
    for text in texts {
        assert!(!text.contains("token0") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn attached_job_starts_with_a_poll() {
    let job =
        ExportJob::attach("op1", &Config::for_region(export_core::workiva::Region::Us)).unwrap();
    let run = Harness::new([completed(), artifact()]).run(job);
    assert_eq!(run.sent[0].uri.path(), "/platform/v1/operations/op1");
    assert_eq!(run.outcome.unwrap().submits(), 0);
}

/// A checkpoint as version 0.1.0 stored it, with what it had of the operation. This must not be changed.
fn stored_by_0_1(operation: &str) -> Checkpoint {
    let text = r#"{"version":1,"dialect":"workiva","spec":"{\"api\":\"2026-01-01\",\"submit\":{\"path\":\"/documents/d2/export\",\"body\":{\"format\":\"pdf\"},\"format\":\"pdf\",\"file\":\"d2.pdf\"}}","base":"https://api.app.wdesk.com","#;
    let wait = r#""began":1795819168815,"not_before":1795819169929,"wait_ms":100}"#;
    serde_json::from_str(&format!("{text}{operation}{wait}")).unwrap()
}

#[test]
fn checkpoint_of_an_earlier_version_is_resumed() {
    let config = Config::new("https://api.app.wdesk.com").unwrap();
    let accepted = r#""submits":1,"operation":"https://api.app.wdesk.com/operations/74e12e0a","accepted":1795819168829,"retry_after_ms":0,"#;
    let download = r#""offset":1024,"etag":"\"e1\"","length":2048,"file_name":"d2.pdf","media_type":"application/pdf","#;
    for (operation, phase, submits, offset) in [
        (r#""submits":0,"#.to_owned(), Phase::Submit, 0, 0),
        (r#""submits":1,"#.to_owned(), Phase::Submit, 1, 0),
        (accepted.to_owned(), Phase::Poll, 1, 0),
        (format!("{accepted}{download}"), Phase::Poll, 1, 1024),
    ] {
        let stored = stored_by_0_1(&operation);
        let job = ExportJob::resume(stored.clone(), &config).unwrap();
        assert_eq!((job.phase(), stored.submits(), stored.offset()), (phase, submits, offset));
        assert_eq!(job.spec().unwrap().scope(), "file:read");
        let again = job.checkpoint();
        assert_eq!((again.operation(), again.offset()), (stored.operation(), offset));
    }
}
