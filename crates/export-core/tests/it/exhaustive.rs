//! Every small service there is: all scripts of a few answers and then one answer for ever.
//!
//! Up to three answers before the loop in each run of the tests; `EXPORT_CORE_EXHAUSTIVE=4` tries
//! all that have four.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use export_core::{ExportJob, FailureKind};

use crate::service::{
    SIGNED, accepted, artifact, completed, completed_at, job, mailing_job, operation, page,
    pending, refusal, rest,
};
use crate::world::{Reply, Run, Sent, World, start, status};

/// A letter: an answer, what it asks for in seconds, and whether a submit that is answered so may
/// have been taken.
type Letter = (&'static str, fn() -> Reply, u64, bool);

const ALPHABET: [Letter; 21] = [
    ("accepted", || accepted().header("retry-after", "5"), 5, true),
    ("pending", || pending().header("retry-after", "3"), 3, true),
    ("paused", || operation("paused"), 0, true),
    ("nowhere", || operation("completed"), 0, true),
    ("completed", completed, 0, true),
    ("completed elsewhere", || completed_at(SIGNED), 0, true),
    ("artifact", artifact, 0, true),
    ("artifact, cut", || artifact().cut_at(9), 0, true),
    ("the rest", || rest(9), 0, true),
    ("the rest, cut", || rest(9).cut_at(3), 0, true),
    ("401", || refusal(401), 0, false),
    ("403", || refusal(403), 0, false),
    ("404", || refusal(404), 0, false),
    ("429", || refusal(429).header("retry-after", "70"), 70, false),
    ("500", || status(500), 0, true),
    ("503", || status(503).header("retry-after", "8"), 8, false),
    ("page", || page(200), 0, true),
    ("redirect", || status(307).header("location", "/platform/v1/operations/op2"), 0, true),
    ("redirect elsewhere", || status(302).header("location", SIGNED), 0, true),
    ("not sent", || Reply::lost(FailureKind::NotSent), 0, false),
    ("no answer", || Reply::lost(FailureKind::Unanswered), 0, true),
];

#[test]
fn whatever_the_service_answers_the_job_ends_and_breaks_no_promise() {
    let longest = std::env::var("EXPORT_CORE_EXHAUSTIVE")
        .map_or(3, |length| length.parse().expect("a number of answers"));
    let letters = ALPHABET.len() as u64;
    let (mut scripts, mut tails) = (0, 1);
    for length in 0..=longest {
        tails *= letters;
        scripts += tails;
        in_parallel(tails, |number| {
            // The digits of the number in base `letters` spell the script, its loop first.
            let digit = |place| (number / letters.pow(place) % letters) as usize;
            let prefix: Vec<usize> = (1..=length).map(digit).collect();
            play(&prefix, digit(0), job(), false);
            play(&prefix, digit(0), mailing_job(), true);
        });
    }
    assert!(longest < 3 || scripts >= 204_204, "only {scripts} scripts");
}

/// Calls `play` with every number below `end`, and tells of a panic as it was.
fn in_parallel(end: u64, play: impl Fn(u64) + Sync) {
    const AT_ONCE: u64 = 64;
    let next = AtomicU64::new(0);
    let first_panic = Mutex::new(None);
    thread::scope(|scope| {
        let work = || loop {
            let start = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            (start..end.min(start + AT_ONCE)).for_each(&play);
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
    let run = World::new(script).then_forever(ALPHABET[forever].1()).run(job);
    let letter = |index: usize| &ALPHABET[*prefix.get(index).unwrap_or(&forever)];
    let fail = |promise: &str| {
        let names: Vec<_> = prefix.iter().map(|letter| ALPHABET[*letter].0).collect();
        panic!("{promise}: {names:?}, then {:?} for ever\n{}", ALPHABET[forever].0, run.log)
    };
    check(&run, mails, letter, fail);
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
            fail("a token elsewhere");
        }
        // A fresh URL is asked for once, and again only after a byte that is new.
        fresh_urls += u32::from(last == "fetch" && class == "poll");
        if fresh_urls > 1 {
            fail("a second question for a fresh URL");
        }
        let reached = match letter(index).0 {
            "artifact, cut" => 9,
            "the rest, cut" => 12,
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
            fail("a request too soon");
        }
    }
    if run.outcome.is_ok() && run.sink != crate::service::PDF.as_bytes() {
        fail("another file");
    }
}

/// Which of the three requests it is.
fn class(sent: &Sent) -> &'static str {
    match (sent.method.as_str(), sent.uri.path().contains("/operations/")) {
        ("POST", _) => "submit",
        (_, true) => "poll",
        (_, false) => "fetch",
    }
}
