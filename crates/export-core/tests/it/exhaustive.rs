//! Every small service there is: all scripts of a few answers and then one answer for ever.
//!
//! Up to two answers before the loop in each run of the tests; `EXPORT_CORE_EXHAUSTIVE=3` tries
//! all that have three.

use std::time::Duration;

use export_core::{ExportJob, FailureKind};

use crate::service::{
    SIGNED, accepted, artifact, completed, completed_at, job, mailing_job, operation, page,
    pending, refusal,
};
use crate::world::{Reply, Run, Sent, World, start, status};

/// A letter: an answer, what it asks for in seconds, and whether a submit that is answered so may
/// have been taken.
type Letter = (&'static str, fn() -> Reply, u64, bool);

const ALPHABET: [Letter; 18] = [
    ("accepted", || accepted().header("retry-after", "5"), 5, true),
    ("pending", || pending().header("retry-after", "3"), 3, true),
    ("paused", || operation("paused"), 0, true),
    ("nowhere", || operation("completed"), 0, true),
    ("completed", completed, 0, true),
    ("completed elsewhere", || completed_at(SIGNED), 0, true),
    ("artifact", artifact, 0, true),
    ("artifact, cut", || artifact().cut_at(9), 0, true),
    ("401", || refusal(401), 0, false),
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
        .map_or(2, |length| length.parse().expect("a number of answers"));
    let mut scripts = 0_u32;
    let mut prefixes: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..=longest {
        for prefix in &prefixes {
            for forever in 0..ALPHABET.len() {
                for (job, mails) in [(job(), false), (mailing_job(), true)] {
                    play(prefix, forever, job, mails);
                    scripts += 1;
                }
            }
        }
        prefixes = prefixes
            .iter()
            .flat_map(|prefix| (0..ALPHABET.len()).map(|next| [&prefix[..], &[next]].concat()))
            .collect();
    }
    let letters = u32::try_from(ALPHABET.len()).unwrap();
    assert!(scripts >= 2 * (letters + letters.pow(2) + letters.pow(3)));
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
