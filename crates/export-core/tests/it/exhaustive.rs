//! All scripts of up to three replies followed by one endlessly repeated reply, from an alphabet of 21.
//!
//! `EXPORT_CORE_EXHAUSTIVE=4` also runs all scripts with four replies before the repeated one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use export_core::{ExportJob, FailureKind};

use crate::harness::{Harness, Run, ScriptedReply, Sent, start, status};
use crate::service::{
    SIGNED, accepted, artifact, completed, completed_at, job, mailing_job, operation, page,
    pending, refusal, rest,
};

/// A letter of the alphabet: its name, the reply, the `Retry-After` in seconds, and whether a submit
/// with this reply may have started an export.
type Letter = (&'static str, fn() -> ScriptedReply, u64, bool);

const ALPHABET: [Letter; 21] = [
    ("accepted", || accepted().header("retry-after", "5"), 5, true),
    ("pending", || pending().header("retry-after", "3"), 3, true),
    ("unknown status", || operation("paused"), 0, true),
    ("completed without URL", || operation("completed"), 0, true),
    ("completed", completed, 0, true),
    ("completed, foreign URL", || completed_at(SIGNED), 0, true),
    ("artifact", artifact, 0, true),
    ("artifact, cut", || artifact().cut_at(9), 0, true),
    ("rest", || rest(9), 0, true),
    ("rest, cut", || rest(9).cut_at(3), 0, true),
    ("401", || refusal(401), 0, false),
    ("403", || refusal(403), 0, false),
    ("404", || refusal(404), 0, false),
    ("429", || refusal(429).header("retry-after", "70"), 70, false),
    ("500", || status(500), 0, true),
    ("503", || status(503).header("retry-after", "8"), 8, false),
    ("page", || page(200), 0, true),
    ("redirect", || status(307).header("location", "/platform/v1/operations/op2"), 0, true),
    ("foreign redirect", || status(302).header("location", SIGNED), 0, true),
    ("not sent", || ScriptedReply::failure(FailureKind::NotSent), 0, false),
    ("no response", || ScriptedReply::failure(FailureKind::Unanswered), 0, true),
];

#[test]
fn all_scripts_end_and_keep_the_invariants() {
    let longest = std::env::var("EXPORT_CORE_EXHAUSTIVE")
        .map_or(3, |length| length.parse().expect("EXPORT_CORE_EXHAUSTIVE is a number"));
    let letters = ALPHABET.len() as u64;
    let (mut scripts, mut tails) = (0, 1);
    for length in 0..=longest {
        tails *= letters;
        scripts += tails;
        in_parallel(tails, |number| {
            // The digits of `number` in base `letters` are the script, the repeated letter first.
            let digit = |place| (number / letters.pow(place) % letters) as usize;
            let prefix: Vec<usize> = (1..=length).map(digit).collect();
            play(&prefix, digit(0), job(), false);
            play(&prefix, digit(0), mailing_job(), true);
            play_as_session(&prefix, digit(0), job);
            // Both jobs differ in what is sent again, which the session does not know.
            if length < longest {
                play_as_session(&prefix, digit(0), mailing_job);
            }
        });
    }
    assert!(longest < 3 || scripts >= 204_204, "only {scripts} scripts");
}

/// Calls `play` with every number below `end`, and resumes the first panic.
fn in_parallel(end: u64, play: impl Fn(u64) + Sync) {
    const BATCH: u64 = 64;
    let next = AtomicU64::new(0);
    let first_panic = Mutex::new(None);
    thread::scope(|scope| {
        let work = || loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            (start..end.min(start + BATCH)).for_each(&play);
            if start >= end {
                return;
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                *first_panic.lock().unwrap() = Some(panic);
            }
        }
    });
    if let Some(panic) = first_panic.into_inner().unwrap() {
        std::panic::resume_unwind(panic);
    }
}

fn play(prefix: &[usize], forever: usize, job: ExportJob, mails: bool) {
    let script = prefix.iter().map(|letter| ALPHABET[*letter].1());
    let run = Harness::new(script).then_always(ALPHABET[forever].1()).run(job);
    let letter = |index: usize| &ALPHABET[*prefix.get(index).unwrap_or(&forever)];
    let fail = |violation: &str| {
        let names: Vec<_> = prefix.iter().map(|letter| ALPHABET[*letter].0).collect();
        panic!("{violation}: {names:?}, then always {:?}\n{}", ALPHABET[forever].0, run.log)
    };
    check(&run, mails, letter, fail);
}

/// Drives the job with handles and as a session, with the same tokens, and compares all that is visible.
fn play_as_session(prefix: &[usize], forever: usize, job: fn() -> ExportJob) {
    let harness = || {
        let script = prefix.iter().map(|letter| ALPHABET[*letter].1());
        let mut harness = Harness::new(script).then_always(ALPHABET[forever].1());
        harness.record_events = true;
        harness.with_token_source()
    };
    let (handles, session) = (harness().run(job()), harness().run_session(job()));
    let visible = |run: &Run| format!("{:?}\n{:?}", run.outcome, run.events);
    let is_same = handles.log == session.log
        && handles.sent == session.sent
        && handles.sink == session.sink
        && visible(&handles) == visible(&session);
    if !is_same {
        let names: Vec<_> = prefix.iter().map(|letter| ALPHABET[*letter].0).collect();
        let text = |run: &Run| format!("{}{}\n{:?}", run.log, visible(run), run.sent);
        let (handles, session) = (text(&handles), text(&session));
        panic!("{names:?}, then {:?}\n{handles}\n\n{session}", ALPHABET[forever].0);
    }
}

fn check(run: &Run, mails: bool, letter: impl Fn(usize) -> &'static Letter, fail: impl Fn(&str)) {
    let (mut fetched, mut submit_may_have_arrived) = (false, false);
    let (mut fresh_urls, mut last, mut highest) = (0, "", 0);
    for (index, sent) in run.sent.iter().enumerate() {
        let class = class(sent);
        fetched |= class == "fetch";
        if class != "fetch" && !fetched && sent.at.since(start()) > Duration::from_secs(3_600) {
            fail("a request after the deadline");
        }
        if sent.uri.host() != Some("api.app.wdesk.com")
            && (sent.headers.contains_key("authorization")
                || sent.headers.contains_key("x-version"))
        {
            fail("a token at another origin");
        }
        // The operation is polled for a fresh URL once, and again only after a new byte.
        fresh_urls += u32::from(last == "fetch" && class == "poll");
        if fresh_urls > 1 {
            fail("a second poll for a fresh URL");
        }
        let reached = match letter(index).0 {
            "artifact, cut" => 9,
            "rest, cut" => 12,
            _ => 0,
        };
        if class == "fetch" && reached > highest {
            (highest, fresh_urls) = (reached, 0);
        }
        last = class;
        if class == "submit" {
            if mails && submit_may_have_arrived {
                fail("a second submit");
            }
            submit_may_have_arrived |= letter(index).3;
        }
        let allowed = sent.at + Duration::from_secs(letter(index).2);
        let next = run.sent[index + 1..].iter().find(|next| self::class(next) == class);
        if next.is_some_and(|next| next.at < allowed) {
            fail("a request before its Retry-After");
        }
    }
    if run.outcome.is_ok() && run.sink != crate::service::PDF.as_bytes() {
        fail("a wrong file");
    }
}

/// The phase of a request.
fn class(sent: &Sent) -> &'static str {
    match (sent.method.as_str(), sent.uri.path().contains("/operations/")) {
        ("POST", _) => "submit",
        (_, true) => "poll",
        (_, false) => "fetch",
    }
}
