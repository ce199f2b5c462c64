//! Whole jobs: scripted replies in, a log out.

use std::time::Duration;

use export_core::{Config, Error, FailureKind, Limits, Pace, Phase, Resubmit};
use insta::assert_snapshot;

use crate::harness::{Harness, Run, ScriptedReply, start as start_time, status};
use crate::service::{
    PDF, SIGNED, accepted, artifact, artifact_without_etag, completed, completed_at, config, job,
    job_with, json, mailing_job, operation, page, pending, refusal, rest,
};

fn run(replies: impl IntoIterator<Item = ScriptedReply>) -> Run {
    Harness::new(replies).run(job())
}

fn failure(kind: FailureKind) -> ScriptedReply {
    ScriptedReply::failure(kind)
}

#[test]
fn export_succeeds() {
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
fn details_of_a_completed_operation_are_kept() {
    let told = json(
        200,
        r#"{"id":"op1","status":"completed","resourceUrl":"/platform/v1/downloads/op1","details":[
            {"code":"Partial","message":"2 images\u001b are missing","target":"s1"}, {}, "text"]}"#,
    );
    let run = run([accepted(), told, artifact()]);
    let details: Vec<String> = run.outcome.unwrap().details().map(String::from).collect();
    assert_eq!(details, ["Partial: 2 images  are missing: s1"]);
}

#[test]
fn retry_after_sets_the_poll_interval() {
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
fn poll_interval_grows_with_age() {
    let script = [accepted()].into_iter().chain(vec![pending(); 30]);
    let script = script.chain([completed(), artifact()]);
    assert_snapshot!(run(script).log);
}

#[test]
fn exact_pace_follows_retry_after() {
    let config = config().with_pace(Pace::Exact);
    let script = [accepted()].into_iter().chain(vec![pending().header("retry-after", "2"); 12]);
    let script = script.chain([completed(), artifact()]);
    assert_snapshot!(Harness::new(script).run(job_with(&config)).log);
}

#[test]
fn failed_poll_keeps_the_poll_interval() {
    let script = [
        accepted().header("retry-after", "20"),
        failure(FailureKind::Unanswered),
        status(500),
        pending(),
        completed(),
        artifact(),
    ];
    assert_snapshot!(run(script).log);
}

#[test]
fn successful_poll_resets_failures() {
    let bad = || status(502);
    let script =
        [accepted(), bad(), bad(), bad(), pending(), bad(), pending(), completed(), artifact()];
    assert_snapshot!(run(script).log);
}

#[test]
fn job_gives_up_after_failures_in_a_row() {
    let config = config().with_limits(Limits::default().with_max_failures(10));
    let run = Harness::new([accepted()]).then_always(status(500)).run(job_with(&config));
    assert_snapshot!(run.log);
    assert!(run.outcome.unwrap_err().is_resumable());
}

/// An outage that ends before the deadline is waited out in each phase; a longer one is told with its
/// reason.
#[test]
fn outage_is_waited_out_until_the_deadline() {
    let before = [vec![], vec![accepted()], vec![accepted(), completed()]];
    let after = [accepted(), completed(), artifact()];
    let down = || failure(FailureKind::NotSent);
    let busy = || status(503);
    for (phase, start) in before.iter().enumerate() {
        for outage in [down as fn() -> ScriptedReply, busy] {
            // Failures a second apart at first, then half a minute: this takes 50 minutes.
            let script = start.iter().cloned().chain((0..104).map(|_| outage()));
            let run = run(script.chain(after[phase..].to_vec()).collect::<Vec<_>>());
            assert!(run.outcome.is_ok(), "{}", run.log);
            assert!(run.sent.last().unwrap().at.since(start_time()).as_secs() > 2_900);
            let forever = Harness::new(start.clone()).then_always(outage()).run(job());
            let error = forever.outcome.unwrap_err();
            assert!(matches!(error, Error::GaveUp { .. }) && error.is_resumable(), "{error}");
            let took = forever.sent.last().unwrap().at.since(start_time()).as_secs();
            assert!((3_590..3_660).contains(&took), "{took} s: {error}");
        }
    }
}

#[test]
fn persistent_gateway_is_named() {
    let config = config().with_limits(Limits::default().with_max_failures(10));
    let run = Harness::new([accepted()]).then_always(page(403)).run(job_with(&config));
    assert_snapshot!(run.log);
}

#[test]
fn rate_limit_is_not_a_failure() {
    let script = [accepted()].into_iter().chain(vec![status(429); 15]);
    assert_snapshot!(run(script.chain([completed(), artifact()])).log);
}

#[test]
fn last_request_is_sent_at_the_deadline() {
    let limits = Limits::default().with_job_timeout(Duration::from_secs(20));
    let config = config().with_limits(limits);
    let script = || [accepted()].into_iter().chain(vec![pending(); 17]);
    let last = |reply| Harness::new(script().chain([reply, artifact()])).run(job_with(&config));
    let in_time = last(completed());
    assert_snapshot!(in_time.log);
    assert!(in_time.outcome.is_ok());
    let late = last(pending());
    assert_snapshot!("poll_after_the_deadline_is_not_sent", late.log);
}

#[test]
fn wait_past_the_deadline_ends_the_job() {
    let run = run([accepted(), pending().header("retry-after", "7200")]);
    assert_snapshot!(run.log);
}

#[test]
fn deadline_does_not_shorten_retry_after() {
    let limits = Limits::default().with_job_timeout(Duration::from_secs(100));
    let config = config().with_limits(limits);
    let sticky = || accepted().header("retry-after", "60");
    for last in [pending(), status(500), ScriptedReply::failure(FailureKind::Unanswered)] {
        let run = Harness::new([sticky(), last]).run(job_with(&config));
        assert_eq!(run.sent.len(), 2, "{}", run.log);
        assert!(run.log.contains("allowed at 2026-03-01T00:02:00Z"), "{}", run.log);
    }
}

#[test]
fn missing_operation_is_polled_within_the_grace() {
    let script = [accepted(), refusal(404), refusal(404), pending(), completed(), artifact()];
    assert_snapshot!(run(script).log);
    let never = Harness::new([accepted()]).then_always(refusal(404)).run(job());
    assert_snapshot!("missing_operation_is_refused_after_the_grace", never.log);
}

#[test]
fn missing_url_is_polled_within_the_grace() {
    let nowhere = || operation("completed");
    let run1 = run([accepted(), nowhere(), nowhere(), completed(), artifact()]);
    assert_snapshot!(run1.log);
    let never = Harness::new([accepted()]).then_always(nowhere()).run(job());
    assert_snapshot!("missing_url_is_an_error_after_the_grace", never.log);
}

#[test]
fn at_most_six_submits_may_have_arrived() {
    let run = Harness::new([]).then_always(failure(FailureKind::Unanswered)).run(job());
    assert_snapshot!(run.log);
    assert_eq!(run.sent.len(), 6);
}

#[test]
fn submit_that_did_not_arrive_does_not_count() {
    let lost = || failure(FailureKind::Unanswered);
    let sure = || ScriptedReply::failure(FailureKind::NotSent);
    let script = [lost(), sure(), status(503).header("retry-after", "1"), status(429), lost()];
    let script = script.into_iter().chain([sure(), accepted(), completed(), artifact()]);
    let run = run(script);
    assert_snapshot!(run.log);
    assert_eq!(run.outcome.unwrap().submits(), 3);
}

#[test]
fn resubmit_never_sends_one_submit() {
    let config = config().with_resubmit(Resubmit::Never);
    let run = Harness::new([status(500)]).run(job_with(&config));
    assert_snapshot!(run.log);
    let run = Harness::new([status(503)]).run(job_with(&config));
    assert_eq!(run.sent.len(), 1, "{}", run.log);
}

#[test]
fn lost_body_keeps_the_location() {
    let script = [accepted().body("{}").cut_at(1), completed(), artifact()];
    let run = Harness::new(script).run(mailing_job());
    assert_snapshot!(run.log);
}

#[test]
fn location_in_the_body_needs_the_body() {
    let body = r#"{"operationLocation":"/platform/v1/operations/op1"}"#;
    let script = [json(202, body).cut_at(5), json(202, body), completed(), artifact()];
    assert_snapshot!(run(script).log);
}

#[test]
fn body_is_limited_to_one_mebibyte() {
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
    assert!(run([long]).log.contains("was refused with 400"), "the status is enough");
}

#[test]
fn each_request_may_get_one_401() {
    let no = || refusal(401);
    let script = [no(), accepted(), no(), pending(), no(), completed(), no(), artifact()];
    let run = run(script);
    assert_snapshot!(run.log);
    let tokens: Vec<_> = run.sent.iter().map(|sent| sent.header("authorization")).collect();
    assert_snapshot!("each_401_replaces_the_token", tokens.join("\n"));
}

#[test]
fn download_resumes_where_it_broke_off() {
    let script = [accepted(), completed(), artifact().cut_at(8), rest(8).cut_at(8), rest(16)];
    let run = run(script);
    assert_snapshot!(run.log);
    assert_eq!(run.sink, PDF.as_bytes());
    assert_eq!(run.outcome.unwrap().file_name(), "Report.pdf", "only the first response names it");
    assert_eq!(run.sent[3].header("if-range"), "\"v1\"");
}

#[test]
fn download_without_strong_etag_restarts() {
    let cut = artifact_without_etag().header("etag", "W/\"v1\"").cut_at(8);
    let run = run([accepted(), completed(), cut, artifact_without_etag()]);
    assert_snapshot!(run.log);
    assert_eq!(run.sink, PDF.as_bytes());
}

#[test]
fn changed_file_is_downloaded_again() {
    let changed = rest(8).replace("etag", "\"v2\"");
    let whole = artifact().replace("etag", "\"v2\"");
    let run1 = run([accepted(), completed(), artifact().cut_at(8), changed, whole.clone()]);
    assert_snapshot!(run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let run2 = run([accepted(), completed(), artifact().cut_at(8), whole]);
    assert_snapshot!("if_range_returns_the_changed_file", run2.log);
    assert_eq!(run2.sink, PDF.as_bytes());
    let gone = run([accepted(), completed(), artifact().cut_at(8), refusal(416), artifact()]);
    assert_snapshot!("unsatisfiable_range_restarts_the_download", gone.log);
}

#[test]
fn wrong_range_is_a_protocol_error() {
    let run = run([accepted(), completed(), artifact().cut_at(8), rest(4)]);
    assert_snapshot!(run.log);
    assert_eq!(run.sink.len(), 8);
}

#[test]
fn download_without_progress_ends() {
    let script = [accepted(), completed(), artifact().cut_at(8)];
    let stuck = Harness::new(script).then_always(rest(8).cut_at(0)).run(job());
    assert_snapshot!(stuck.log);
}

#[test]
fn wrong_body_length_is_detected() {
    let short = artifact().body(&PDF[..9]);
    let run1 = run([accepted(), completed(), short, rest(9)]);
    assert_snapshot!("short_body_is_resumed", run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let long = artifact().body(format!("{PDF}{PDF}"));
    let run2 = run([accepted(), completed(), long]);
    assert_snapshot!("long_body_is_a_protocol_error", run2.log);
    assert!(run2.sink.len() <= PDF.len());
}

#[test]
fn expired_url_is_renewed_once_per_progress() {
    let run1 = run([accepted(), completed(), refusal(403), completed(), refusal(403)]);
    assert_snapshot!("fresh_url_that_fails_ends_the_job", run1.log);
    let script = [accepted(), completed(), refusal(410), completed(), artifact().cut_at(8)];
    let script = script.into_iter().chain([refusal(404), completed(), rest(8)]);
    let run2 = run(script);
    assert_snapshot!("expired_url_is_renewed_after_progress", run2.log);
    assert_eq!(run2.sink, PDF.as_bytes());
}

#[test]
fn foreign_file_is_fetched_without_credentials() {
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
fn redirects_are_followed() {
    let hop = |path: &str| status(307).header("location", path);
    let script = [accepted(), hop("/a"), hop("b"), completed(), hop("/c"), hop("d"), artifact()];
    assert_snapshot!(run(script).log);
    let round = Harness::new([accepted(), completed()]).then_always(hop("/x")).run(job());
    assert_snapshot!("redirect_loop_ends", round.log);
}

#[test]
fn page_is_retried_but_wrong_format_is_not() {
    let waiting = page(200);
    let html = artifact().body("<html><body>Please sign in</body></html>");
    let html = html.replace("content-length", "40");
    let run1 = run([accepted(), completed(), waiting, html, artifact()]);
    assert_snapshot!(run1.log);
    assert_eq!(run1.sink, PDF.as_bytes());
    let zip = artifact().body("PK\u{3}\u{4} this is a zip file....");
    let run2 = run([accepted(), completed(), zip]);
    assert_snapshot!("wrong_format_is_an_error", run2.log);
    assert!(run2.sink.len() < 8, "the first bytes decide before more is written");
}

#[test]
fn malformed_retry_after_is_ignored() {
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
fn retry_after_date_uses_the_services_clock() {
    let reply = accepted()
        .header("date", "Fri, 01 Jan 2027 00:00:00 GMT")
        .header("retry-after", "Fri, 01 Jan 2027 00:00:09 GMT");
    let run = run([reply, completed(), artifact()]);
    assert_eq!(run.sent[1].at.since(run.sent[0].at), Duration::from_secs(9));
}

#[test]
fn foreign_operation_is_never_polled() {
    for elsewhere in ["https://evil.example/op", "http://api.app.wdesk.com/op", "//evil.example/"] {
        let run = run([status(202).header("location", elsewhere)]);
        assert_eq!(run.sent.len(), 1);
        assert!(!run.outcome.unwrap_err().is_resumable());
    }
}

#[test]
fn switched_off_endpoint_names_its_successor() {
    let file = || {
        let export = export_core::workiva::FileExport::supporting_document();
        export_core::ExportJob::new(export_core::workiva::ExportSpec::file("f1", export), &config())
            .unwrap()
    };
    let at = |year, month, day, reply| {
        let mut harness = Harness::new([reply]);
        harness.now = export_core::Timestamp::from_date(year, month, day);
        harness.run(file()).outcome.unwrap_err().to_string()
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
fn artifact_has_the_sunset_notice() {
    let file = export_core::workiva::FileExport::supporting_document();
    let spec = export_core::workiva::ExportSpec::file("f1", file);
    let job = export_core::ExportJob::new(spec, &config()).unwrap();
    let run = Harness::new([accepted(), completed(), artifact()]).run(job);
    let artifact = run.outcome.unwrap();
    let notice = artifact.sunset().unwrap();
    assert_eq!(notice.sunset.deprecated.to_string(), "2026-02-12T00:00:00Z");
    assert_eq!(notice.sunset.sunset.to_string(), "2027-01-31T00:00:00Z");
    assert_eq!(notice.days_left, 336);
    assert!(notice.sunset.successor.contains("2026-01-01"));

    let newer = Config::for_region(export_core::workiva::Region::Us)
        .with_api_version(export_core::workiva::ApiVersion::V2026_01_01);
    let run =
        Harness::new([accepted(), completed(), crate::service::artifact()]).run(job_with(&newer));
    assert_eq!(run.outcome.unwrap().sunset(), None);
}

/// A 403 for a signed URL is about its signature, not about a token.
#[test]
fn server_that_wants_the_token_is_named() {
    let at = |url: &str, code: u16| {
        let (done, refused) = (completed_at(url), status(code));
        run([accepted(), done.clone(), refused.clone(), done, refused]).outcome
    };
    for code in [401, 403] {
        let error = at("https://files.example:8443/f", code).unwrap_err();
        let Error::TokenWithheld { origin, .. } = &error else { panic!("{error}") };
        assert_eq!(origin.to_string(), "https://files.example:8443");
        assert!(error.is_resumable());
    }
    let error = at(SIGNED, 401).unwrap_err();
    assert!(matches!(error, Error::TokenWithheld { .. }), "{error}");
    let error = at(SIGNED, 403).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

/// A server that sends a few bytes now and then would hold the job forever.
#[test]
fn slow_download_is_given_up_and_can_be_resumed() {
    let slow = |seconds: u64, limits: Limits| {
        let replies = [accepted(), completed()];
        let mut harness = Harness::new(replies).then_always(artifact());
        (harness.chunk, harness.chunk_time) = (1, Duration::from_secs(seconds));
        harness.run(job_with(&config().with_limits(limits)))
    };
    let limits = Limits::default().with_read_timeout(Duration::from_secs(5));
    let run = slow(2, limits);
    let error = run.outcome.unwrap_err();
    assert!(matches!(error, Error::GaveUp { .. }) && error.is_resumable(), "{error}");
    assert!(error.to_string().contains("slower than 1024 bytes per second for 5s"), "{error}");
    assert!(run.sent.len() < 10, "{}", run.log);
    assert!(slow(2, limits.with_min_speed(0)).outcome.is_ok());
    assert!(slow(0, limits).outcome.is_ok());
}

#[test]
fn max_time_ends_the_job_in_each_phase() {
    let limits = Limits::default().with_max_time(Duration::from_secs(20)).with_min_speed(0);
    for (replies, phase) in [
        (vec![status(503)], Phase::Submit),
        (vec![accepted(), pending()], Phase::Poll),
        (vec![accepted(), completed(), artifact()], Phase::Fetch),
    ] {
        let last = replies.last().unwrap().clone();
        let mut harness = Harness::new(replies).then_always(last);
        harness.chunk_time = Duration::from_secs(5);
        let (started, mut job) = (harness.now, job_with(&config().with_limits(limits)));
        let error = loop {
            if let Some(outcome) = harness.drive_once(&mut job) {
                break outcome.unwrap_err();
            }
        };
        assert!(matches!(error, Error::Deadline { is_total: true, .. }), "{error}");
        assert_eq!(error.phase(), Some(phase));
        assert!(error.is_resumable());
        let is_complete = error.to_string().ends_with("; the export is completed at the service");
        assert_eq!(is_complete, phase == Phase::Fetch, "{error}");
        let took = harness.now.since(started);
        assert!(took <= Duration::from_secs(25), "{phase}: {took:?}");
    }
}

#[test]
fn completed_operation_without_url_is_told_at_the_deadline() {
    for (timeout, expected) in [
        (20, "poll: the deadline of this job has passed; the operation is completed, but has no"),
        (60, "poll: invalid response (200 OK): the operation is completed, but has no result URL"),
    ] {
        let limits = Limits::default().with_job_timeout(Duration::from_secs(timeout));
        for url in ["", r#","resourceUrl":null"#, r#","resourceUrl":"""#, r#","resourceUrl":{}"#] {
            let reply = status(200).body(format!(r#"{{"status":"completed"{url}}}"#));
            let harness = Harness::new([accepted()]).then_always(reply);
            let run = harness.run(job_with(&config().with_limits(limits)));
            let error = run.outcome.unwrap_err();
            assert!(error.to_string().starts_with(expected), "{url}: {error}");
            assert_eq!(error.is_resumable(), timeout == 20);
        }
    }
}

#[test]
fn file_over_the_limit_is_not_loaded() {
    let length = PDF.len() as u64;
    let load = |limit: u64, reply: ScriptedReply| {
        Harness::new([accepted(), completed(), reply])
            .run(job_with(&config().with_limits(Limits::default().with_max_file_bytes(limit))))
    };
    assert!(load(length, artifact()).outcome.is_ok());
    let run = load(length - 1, artifact());
    let error = run.outcome.unwrap_err();
    assert!(matches!(error, Error::TooLarge { length: Some(_), .. }), "{error}");
    assert_eq!(run.sink, b"", "the announced length decides");
    let run = load(length - 1, artifact().without("content-length"));
    let error = run.outcome.unwrap_err();
    assert!(matches!(error, Error::TooLarge { length: None, .. }), "{error}");
    assert!(run.sink.len() < PDF.len() && error.is_resumable());
}
