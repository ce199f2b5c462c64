//! Whole jobs: answers in, a log out.

use std::time::Duration;

use export_core::{Config, FailureKind, Limits, Pace, Resubmit};
use insta::assert_snapshot;

use crate::service::{
    PDF, SIGNED, accepted, artifact, artifact_without_etag, completed, completed_at, config, job,
    job_with, json, mailing_job, operation, page, pending, refusal, rest,
};
use crate::world::{Reply, Run, World, status};

fn run(replies: impl IntoIterator<Item = Reply>) -> Run {
    World::new(replies).run(job())
}

fn lost(kind: FailureKind) -> Reply {
    Reply::lost(kind)
}

#[test]
fn an_export_without_trouble() {
    let run = run([accepted(), operation("queued"), pending(), completed(), artifact()]);
    assert_snapshot!(run.log);
    assert_eq!(run.sink, PDF.as_bytes());
    let artifact = run.outcome.unwrap();
    assert_eq!(artifact.file_name(), "Report.pdf");
    assert_eq!(artifact.media_type(), Some("application/pdf"));
    assert_eq!(artifact.original_request(), Some("11111111-2222-3333-4444-555555555555"));
    assert_eq!(artifact.created(), Some("2026-03-01T00:00:00Z"));
    assert_eq!(artifact.submits(), 1);
}

#[test]
fn the_service_sets_the_pace_and_each_answer_may_change_it() {
    let script = [
        accepted().header("retry-after", "5"),
        pending().header("retry-after", "2"),
        pending(),
        pending().header("retry-after", "0"),
        pending().header("retry-after", "45"),
        completed(),
        artifact(),
    ];
    assert_snapshot!(run(script).log);
}

#[test]
fn an_old_export_is_polled_less_and_less_often() {
    let script = [accepted()].into_iter().chain(vec![pending(); 30]);
    let script = script.chain([completed(), artifact()]);
    assert_snapshot!(run(script).log);
}

#[test]
fn the_exact_pace_is_the_services() {
    let config = config().with_pace(Pace::Exact);
    let script = [accepted()].into_iter().chain(vec![pending().header("retry-after", "2"); 12]);
    let script = script.chain([completed(), artifact()]);
    assert_snapshot!(World::new(script).run(job_with(&config)).log);
}

#[test]
fn a_failed_poll_does_not_shorten_the_time_between_polls() {
    let script = [
        accepted().header("retry-after", "20"),
        lost(FailureKind::Unanswered),
        status(500),
        pending(),
        completed(),
        artifact(),
    ];
    assert_snapshot!(run(script).log);
}

#[test]
fn a_good_poll_forgives_the_failures_before_it() {
    let bad = || status(502);
    let script =
        [accepted(), bad(), bad(), bad(), pending(), bad(), pending(), completed(), artifact()];
    assert_snapshot!(run(script).log);
}

#[test]
fn failures_in_a_row_end_in_giving_up() {
    let run = World::new([accepted()]).then_forever(status(500)).run(job());
    assert_snapshot!(run.log);
    assert!(run.outcome.unwrap_err().is_resumable());
}

#[test]
fn a_gateway_that_stays_is_named() {
    let run = World::new([accepted()]).then_forever(page(403)).run(job());
    assert_snapshot!(run.log);
}

#[test]
fn a_crowd_is_no_failure() {
    let script = [accepted()].into_iter().chain(vec![status(429); 15]);
    assert_snapshot!(run(script.chain([completed(), artifact()])).log);
}

#[test]
fn the_last_request_goes_out_at_the_deadline_and_counts() {
    let limits = Limits { job: Duration::from_secs(20), ..Limits::default() };
    let config = config().with_limits(limits);
    let script = || [accepted()].into_iter().chain(vec![pending(); 17]);
    let last = |reply| World::new(script().chain([reply, artifact()])).run(job_with(&config));
    let in_time = last(completed());
    assert_snapshot!(in_time.log);
    assert!(in_time.outcome.is_ok());
    let late = last(pending());
    assert_snapshot!("one_poll_later_is_too_late", late.log);
}

#[test]
fn a_wait_beyond_the_deadline_ends_the_job_and_says_when_to_come_back() {
    let run = run([accepted(), pending().header("retry-after", "7200")]);
    assert_snapshot!(run.log);
}

#[test]
fn a_wish_of_the_service_is_not_undercut_because_the_time_is_over() {
    let limits = Limits { job: Duration::from_secs(100), ..Limits::default() };
    let config = config().with_limits(limits);
    let sticky = || accepted().header("retry-after", "60");
    for last in [pending(), status(500), Reply::lost(FailureKind::Unanswered)] {
        let run = World::new([sticky(), last]).run(job_with(&config));
        assert_eq!(run.sent.len(), 2, "{}", run.log);
        assert!(run.log.contains("retry at 2026-03-01T00:02:00Z"), "{}", run.log);
    }
}

#[test]
fn an_operation_may_be_invisible_for_a_moment() {
    let script = [accepted(), refusal(404), refusal(404), pending(), completed(), artifact()];
    assert_snapshot!(run(script).log);
    let never = World::new([accepted()]).then_forever(refusal(404)).run(job());
    assert_snapshot!("an_operation_that_stays_invisible_is_refused", never.log);
}

#[test]
fn a_completed_operation_may_lack_its_url_for_a_moment() {
    let nowhere = || operation("completed");
    let run1 = run([accepted(), nowhere(), nowhere(), completed(), artifact()]);
    assert_snapshot!(run1.log);
    let never = World::new([accepted()]).then_forever(nowhere()).run(job());
    assert_snapshot!("a_url_that_never_comes_is_a_protocol_error", never.log);
}

#[test]
fn at_most_three_submits_may_have_arrived() {
    let run = World::new([]).then_forever(lost(FailureKind::Unanswered)).run(job());
    assert_snapshot!(run.log);
    assert_eq!(run.sent.len(), 3);
}

#[test]
fn a_submit_that_was_certainly_not_taken_does_not_count() {
    let lost = || lost(FailureKind::Unanswered);
    let sure = || Reply::lost(FailureKind::NotSent);
    let script = [lost(), sure(), status(503).header("retry-after", "1"), status(429), lost()];
    let script = script.into_iter().chain([sure(), accepted(), completed(), artifact()]);
    let run = run(script);
    assert_snapshot!(run.log);
    assert_eq!(run.outcome.unwrap().submits(), 3);
}

#[test]
fn whoever_says_never_gets_one_submit() {
    let config = config().with_resubmit(Resubmit::Never);
    let run = World::new([status(500)]).run(job_with(&config));
    assert_snapshot!(run.log);
    let run = World::new([status(503)]).run(job_with(&config));
    assert_eq!(run.sent.len(), 1, "{}", run.log);
}

#[test]
fn a_body_that_is_lost_after_the_location_takes_nothing_back() {
    let script = [accepted().body("{}").cut_at(1), completed(), artifact()];
    let run = World::new(script).run(mailing_job());
    assert_snapshot!(run.log);
}

#[test]
fn a_location_only_in_the_body_needs_the_body() {
    let body = r#"{"operationLocation":"/platform/v1/operations/op1"}"#;
    let script = [json(202, body).cut_at(5), json(202, body), completed(), artifact()];
    assert_snapshot!(run(script).log);
}

#[test]
fn an_answer_may_have_a_megabyte_and_no_more() {
    let padded = |length: usize| {
        let body = r#"{"operationLocation":"/platform/v1/operations/op1"}"#;
        json(202, &format!("{body}{}", " ".repeat(length - body.len())))
    };
    let script = [padded(1_048_576), completed(), artifact()];
    assert!(run(script).outcome.is_ok());
    let error = run([padded(1_048_577)]).outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "submit: invalid response (202 Accepted): the body is longer than allowed"
    );
    let long = refusal(400).body(vec![b' '; 2_000_000]);
    assert!(run([long]).log.contains("was refused with 400"), "its status says enough");
}

#[test]
fn a_401_is_spent_per_request() {
    let no = || refusal(401);
    let script = [no(), accepted(), no(), pending(), no(), completed(), no(), artifact()];
    let run = run(script);
    assert_snapshot!(run.log);
    let tokens: Vec<_> = run.sent.iter().map(|sent| sent.header("authorization")).collect();
    assert_snapshot!("each_401_brings_another_token", tokens.join("\n"));
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let script = [accepted(), completed(), artifact().cut_at(8), rest(8).cut_at(8), rest(16)];
    let run = run(script);
    assert_snapshot!(run.log);
    assert_eq!(run.sink, PDF.as_bytes());
    assert_eq!(run.outcome.unwrap().file_name(), "Report.pdf", "only the first answer names it");
    assert_eq!(run.sent[3].header("if-range"), "\"v1\"");
}

#[test]
fn a_file_without_a_strong_validator_is_loaded_anew() {
    let cut = artifact_without_etag().header("etag", "W/\"v1\"").cut_at(8);
    let run = run([accepted(), completed(), cut, artifact_without_etag()]);
    assert_snapshot!(run.log);
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn a_file_that_changed_is_loaded_anew() {
    let changed = rest(8).replace("etag", "\"v2\"");
    let whole = artifact().replace("etag", "\"v2\"");
    let run1 = run([accepted(), completed(), artifact().cut_at(8), changed, whole.clone()]);
    assert_snapshot!(run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let run2 = run([accepted(), completed(), artifact().cut_at(8), whole]);
    assert_snapshot!("if_range_gives_the_whole_of_a_file_that_changed", run2.log);
    assert_eq!(run2.sink, PDF.as_bytes());
    let gone = run([accepted(), completed(), artifact().cut_at(8), refusal(416), artifact()]);
    assert_snapshot!("a_range_that_is_no_longer_there_is_given_up", gone.log);
}

#[test]
fn another_range_than_the_one_asked_for_is_no_answer() {
    let run = run([accepted(), completed(), artifact().cut_at(8), rest(4)]);
    assert_snapshot!(run.log);
    assert_eq!(run.sink.len(), 8);
}

#[test]
fn a_download_that_does_not_come_further_ends() {
    let script = [accepted(), completed(), artifact().cut_at(8)];
    let stuck = World::new(script).then_forever(rest(8).cut_at(0)).run(job());
    assert_snapshot!(stuck.log);
}

#[test]
fn a_body_that_is_shorter_or_longer_than_it_announced_is_noticed() {
    let short = artifact().body(&PDF[..9]);
    let run1 = run([accepted(), completed(), short, rest(9)]);
    assert_snapshot!("a_body_that_is_too_short_is_gone_on_with", run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let long = artifact().body(format!("{PDF}{PDF}"));
    let run2 = run([accepted(), completed(), long]);
    assert_snapshot!("a_body_that_is_too_long_is_a_protocol_error", run2.log);
    assert!(run2.sink.len() <= PDF.len());
}

#[test]
fn an_expired_url_is_renewed_once_and_then_again_after_progress() {
    let run1 = run([accepted(), completed(), refusal(403), completed(), refusal(403)]);
    assert_snapshot!("a_fresh_url_that_is_no_better_is_the_end", run1.log);
    let script = [accepted(), completed(), refusal(410), completed(), artifact().cut_at(8)];
    let script = script.into_iter().chain([refusal(404), completed(), rest(8)]);
    let run2 = run(script);
    assert_snapshot!("an_expired_url_is_renewed_after_progress", run2.log);
    assert_eq!(run2.sink, PDF.as_bytes());
}

#[test]
fn a_file_elsewhere_is_fetched_without_anything_that_identifies() {
    let redirect = status(302).header("location", SIGNED);
    for script in [
        vec![accepted(), completed_at(SIGNED), artifact()],
        vec![accepted(), completed(), redirect, artifact()],
    ] {
        let run = run(script);
        assert!(run.outcome.is_ok(), "{}", run.log);
        let last = run.sent.last().unwrap();
        assert_eq!(last.uri.host(), Some("store.example"));
        let names: Vec<_> = last.headers.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["accept-encoding"]);
        assert!(run.sent.iter().rev().skip(1).all(|sent| sent.headers.contains_key("x-version")));
    }
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let hop = |path: &str| status(307).header("location", path);
    let script = [accepted(), hop("/a"), hop("b"), completed(), hop("/c"), hop("d"), artifact()];
    assert_snapshot!(run(script).log);
    let round = World::new([accepted(), completed()]).then_forever(hop("/x")).run(job());
    assert_snapshot!("a_redirect_loop_ends", round.log);
}

#[test]
fn a_page_in_place_of_the_file_is_tried_again_and_another_kind_is_not() {
    let waiting = page(200);
    let html = artifact().body("<html><body>Please sign in</body></html>");
    let html = html.replace("content-length", "40");
    let run1 = run([accepted(), completed(), waiting, html, artifact()]);
    assert_snapshot!(run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let zip = artifact().body("PK\u{3}\u{4} this is a zip file....");
    let run2 = run([accepted(), completed(), zip]);
    assert_snapshot!("another_kind_of_file_is_an_error", run2.log);
    assert!(run2.sink.len() < 8, "nothing is written once its first bytes are known");
}

#[test]
fn a_retry_after_that_makes_no_sense_is_ignored() {
    for nonsense in ["-5", "1.5", "18446744073709551616", "soon", ""] {
        let run = run([
            accepted().header("retry-after", nonsense),
            completed().header("retry-after", nonsense),
            artifact(),
        ]);
        assert_eq!(run.sent[1].at.since(run.sent[0].at), Duration::from_secs(1), "{nonsense:?}");
        assert!(run.outcome.is_ok());
    }
}

#[test]
fn a_date_is_a_wait_by_the_services_own_clock() {
    let answer = accepted()
        .header("date", "Fri, 01 Jan 2027 00:00:00 GMT")
        .header("retry-after", "Fri, 01 Jan 2027 00:00:09 GMT");
    let run = run([answer, completed(), artifact()]);
    assert_eq!(run.sent[1].at.since(run.sent[0].at), Duration::from_secs(9));
}

#[test]
fn the_operation_is_never_polled_elsewhere() {
    for elsewhere in ["https://evil.example/op", "http://api.app.wdesk.com/op", "//evil.example/"] {
        let run = run([status(202).header("location", elsewhere)]);
        assert_eq!(run.sent.len(), 1);
        assert!(!run.outcome.unwrap_err().is_resumable());
    }
}

#[test]
fn an_endpoint_that_is_gone_says_what_to_use() {
    let file = || {
        let export = export_core::FileExport::supporting_document();
        export_core::ExportJob::new(export_core::ExportSpec::file("f1", export), &config()).unwrap()
    };
    let at = |year, month, day, reply| {
        let mut world = World::new([reply]);
        world.now = export_core::Timestamp::from_date(year, month, day);
        world.run(file()).outcome.unwrap_err().to_string()
    };
    let log = [
        at(2027, 1, 30, refusal(404)),
        at(2027, 1, 31, refusal(404)),
        at(2027, 3, 1, refusal(410)),
        at(2027, 3, 1, refusal(403)),
        at(2026, 12, 1, refusal(404).header("sunset", "Tue, 01 Dec 2026 00:00:00 GMT")),
    ];
    assert_snapshot!(log.join("\n"));
}

#[test]
fn the_end_of_the_endpoint_is_part_of_the_result() {
    let file = export_core::FileExport::supporting_document();
    let spec = export_core::ExportSpec::file("f1", file);
    let job = export_core::ExportJob::new(spec, &config()).unwrap();
    let run = World::new([accepted(), completed(), artifact()]).run(job);
    let artifact = run.outcome.unwrap();
    let notice = artifact.sunset().unwrap();
    assert_eq!(notice.sunset.deprecated.to_string(), "2026-02-12T00:00:00Z");
    assert_eq!(notice.sunset.sunset.to_string(), "2027-01-31T00:00:00Z");
    assert_eq!(notice.days_left, 336);
    assert!(notice.sunset.successor.contains("2026-01-01"));

    let newer = Config::for_region(export_core::Region::Us)
        .with_api_version(export_core::ApiVersion::V2026_01_01);
    let run =
        World::new([accepted(), completed(), crate::service::artifact()]).run(job_with(&newer));
    assert_eq!(run.outcome.unwrap().sunset(), None);
}
