//! Generates the transition table of the crate documentation by running the machine.
//!
//! After an intended change, regenerate it with `cargo xtask snapshots --accept`, and review the diff
//! line by line.

use std::fmt::Write as _;
use std::time::Duration;

use export_core::driver::Step;
use export_core::{Error, ExportJob, FailureKind, Phase};

use crate::harness::{Harness, ScriptedReply, status};
use crate::service::{
    SIGNED, accepted, artifact, completed, completed_at, job, json, mailing_job, operation, page,
    pending, refusal,
};

const COLUMNS: [(&str, Start); 6] = [
    ("submit", Start { mails: false, script: || vec![], age: 0 }),
    ("submit with a side effect", Start { mails: true, script: || vec![], age: 0 }),
    ("first poll", Start { mails: false, script: || vec![accepted()], age: 0 }),
    ("poll", Start { mails: false, script: || vec![accepted(), pending()], age: 40 }),
    ("fetch", Start { mails: false, script: || vec![accepted(), completed()], age: 0 }),
    (
        "fetch from another origin",
        Start { mails: false, script: || vec![accepted(), completed_at(SIGNED)], age: 0 },
    ),
];

/// How a job gets to the phase of a column.
struct Start {
    mails: bool,
    script: fn() -> Vec<ScriptedReply>,
    /// Seconds that pass before the last response.
    age: u64,
}

fn rows() -> Vec<(&'static str, Vec<ScriptedReply>)> {
    let elsewhere = "https://elsewhere.example/x";
    let lost = |kind| vec![ScriptedReply::failure(kind)];
    let cut = |kind| vec![artifact().fails_at(9, kind)];
    let cut_json = |kind| vec![json(200, "{}").fails_at(1, kind)];
    vec![
        ("not sent", lost(FailureKind::NotSent)),
        ("no response", lost(FailureKind::Unanswered)),
        ("untrusted peer", lost(FailureKind::Untrusted)),
        ("head too long", lost(FailureKind::TooLong)),
        ("400", vec![refusal(400)]),
        ("400 from a gateway", vec![page(400)]),
        ("401", vec![refusal(401)]),
        ("401 again, with a fresh token", vec![refusal(401), refusal(401)]),
        ("403", vec![refusal(403)]),
        ("403 from a gateway", vec![page(403)]),
        ("404", vec![refusal(404)]),
        ("407", vec![status(407)]),
        ("408", vec![refusal(408)]),
        ("409", vec![refusal(409)]),
        ("410", vec![refusal(410)]),
        ("416", vec![refusal(416)]),
        ("429", vec![refusal(429)]),
        ("429, Retry-After: 7", vec![refusal(429).header("retry-after", "7")]),
        ("429, Retry-After: 7200", vec![refusal(429).header("retry-after", "7200")]),
        ("500", vec![refusal(500)]),
        ("502 from a gateway", vec![page(502)]),
        ("503 from the service", vec![refusal(503)]),
        ("503, Retry-After: 7", vec![status(503).header("retry-after", "7")]),
        ("503, unknown origin", vec![status(503)]),
        ("504", vec![status(504)]),
        ("301 to the same origin", vec![status(301).header("location", "/x")]),
        ("302 to another https origin", vec![status(302).header("location", elsewhere)]),
        ("303 to plain http", vec![status(303).header("location", "http://elsewhere.example/x")]),
        ("307 without Location", vec![status(307)]),
        ("304", vec![status(304)]),
        ("200, an HTML page", vec![page(200)]),
        ("200, invalid JSON", vec![json(200, "{")]),
        ("200, status `started`", vec![pending()]),
        ("200, unknown status", vec![operation("paused")]),
        ("200, `completed`", vec![completed()]),
        ("200, `completed` without a URL", vec![operation("completed")]),
        ("200, `failed`", vec![operation("failed")]),
        ("200, the artifact", vec![artifact()]),
        ("200, the artifact, compressed", vec![artifact().header("content-encoding", "gzip")]),
        ("200, JSON, cut off", cut_json(FailureKind::Cut)),
        ("200, JSON, stalled", cut_json(FailureKind::Stalled)),
        ("200, the artifact, cut off", cut(FailureKind::Cut)),
        ("200, the artifact, stalled", cut(FailureKind::Stalled)),
        ("200, JSON, too long", vec![json(200, "{}").fails_at(2, FailureKind::TooLong)]),
        ("200, the artifact, sink fails", cut(FailureKind::Sink)),
        ("200, the artifact, store fails", cut(FailureKind::Store)),
        ("201", vec![json(201, "{}")]),
        ("202 with Location", vec![accepted()]),
        ("202 without Location", vec![json(202, "{}")]),
        ("204", vec![status(204)]),
        ("206, not requested", vec![status(206).header("content-range", "bytes 0-9/10")]),
    ]
}

#[test]
fn transition_table_is_up_to_date() {
    let mut table = String::from("| response |");
    for (name, _) in &COLUMNS {
        let _ = write!(table, " {name} |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|".repeat(COLUMNS.len()));
    for (name, replies) in rows() {
        let _ = write!(table, "| {name} |");
        for (_, start) in &COLUMNS {
            let _ = write!(table, " {} |", cell(start, &replies));
        }
        table.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transitions.md");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(path, &table).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap();
    assert_eq!(documented, table, "{path} is out of date");
}

fn cell(start: &Start, replies: &[ScriptedReply]) -> String {
    let mut script = (start.script)();
    let before = script.len();
    script.extend(replies.iter().cloned());
    let mut harness = Harness::new(script);
    let mut job = if start.mails { mailing_job() } else { job() };
    while harness.sent.len() < before {
        assert!(harness.drive_once(&mut job).is_none());
    }
    while let Step::Wait(wait) = job.step(harness.now) {
        harness.now = wait.until + Duration::from_secs(start.age);
    }
    while harness.sent.len() < before + replies.len() {
        if let Some(outcome) = harness.drive_once(&mut job) {
            return ended(outcome.map(|_| ()));
        }
    }
    let replied_at = harness.now;
    next(&mut job, &mut harness, replied_at)
}

fn next(job: &mut ExportJob, harness: &mut Harness, replied_at: export_core::Timestamp) -> String {
    let mut wait = String::from("at once");
    loop {
        match job.step(harness.now) {
            Step::Done(outcome) => return ended(outcome.map(|_| ())),
            Step::Wait(until) => {
                wait = format!("{:?} ({:?})", until.until.since(replied_at), until.why);
                harness.now = until.until;
            }
            Step::Inline(_) | Step::Complete(_) => panic!("the result is one file at a URL"),
            Step::Transmit(transmit) => {
                let token = transmit.token_need().map_or("without a token", |need| {
                    if need.refused.is_some() { "with another token" } else { "" }
                });
                let what = match (transmit.phase(), token) {
                    (Phase::Fetch, "without a token") => "fetch without a token".into(),
                    (phase, "") => phase.to_string(),
                    (phase, token) => format!("{phase} {token}"),
                };
                return format!("{what}, {wait}").replace(", at once", " at once");
            }
        }
    }
}

fn ended(outcome: Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "**done**".into(),
        Err(error) => {
            let name = format!("{error:?}");
            let name = name.split([' ', '(']).next().unwrap_or_default().to_owned();
            format!("`{name}`{}", if error.is_resumable() { ", resumable" } else { "" })
        }
    }
}
