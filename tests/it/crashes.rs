//! Every case, with a process that dies at every moment of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::mem::discriminant;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use conformance::lab::{Ended, Lab, Moment, Nth, Played, Quiet, Turn};
use conformance::{Case, Goal, all};
use export_core::{Error, Resubmit};

/// Cases that need no socket: the file is wanted, and no certificate is in the way.
fn cases() -> Vec<Case> {
    let without_sockets = |case: &Case| {
        matches!(case.goal, Goal::File(_))
            && case.tls.is_none()
            && !APART.iter().any(|(name, _)| case.name.contains(name))
    };
    all().into_iter().filter(without_sockets).collect()
}

/// What the names of cases hold in which something else happens once a request is lost, or that
/// take too long to be played once for each of their moments.
const APART: [(&str, &str); 6] = [
    ("download-overlong", "the service announces another file than it has, and that comes"),
    ("download-cut-and-range-refused", "the 416 may then meet a request for the whole file"),
    ("early", "megabytes go out, and into each checkpoint"),
    ("huge-error", "a hundred megabytes come"),
    ("endless", "a body comes for ever"),
    ("token-expires-in-mid-job", "its tokens live for a second: two may be refused in a row"),
];

#[test]
fn cases_that_are_left_out_exist() {
    let all = all();
    for (name, why) in APART {
        assert!(all.iter().any(|case| case.name.contains(name)), "{name}: {why}");
    }
}

fn quiet(case: &Case) -> Played<Quiet> {
    Lab::of_case(case, Quiet::default()).with_watch().with_log().play()
}

/// What happens in a case, and to which of its moments.
struct Twist<'a> {
    case: &'a Case,
    /// What there is without it.
    quiet: &'a Played<Quiet>,
    moment: Moment,
    nth: usize,
}

impl Twist<'_> {
    fn lab(&self, turn: Turn, kept: u8) -> Lab<Nth> {
        Lab::of_case(self.case, Nth { nth: self.nth, turn, kept })
    }

    /// Something happens, and whatever comes of it has to be as good as what comes without: the
    /// file if there is one then, and the same kind of end otherwise.
    fn check(&self, turn: Turn, kept: u8, reruns: usize) -> Result<Played<Nth>, String> {
        let played = self.lab(turn, kept).with_reruns(reruns).play();
        let is_as_good = match (&self.quiet.ended, &played.ended) {
            (Ended::File(_), Ended::File(_)) => true,
            (_, Ended::Error(error)) if may_be_unconfirmed(self.case, error) => true,
            (Ended::Error(expected), Ended::Error(error)) => {
                discriminant(&**expected) == discriminant(&**error)
            }
            // The trouble was over when the second process came.
            (Ended::Error(_), Ended::File(_)) => true,
            _ => false,
        };
        if is_as_good && played.broken.is_empty() {
            return Ok(played);
        }
        let log = self.lab(turn, kept).with_reruns(reruns).with_log().play().log;
        Err(format!(
            "{}: {turn:?} at {:?}: {:?}, {:?}, and without that {:?}\n{log}",
            self.case.name, self.moment, played.broken, played.ended, self.quiet.ended
        ))
    }
}

#[test]
fn without_a_crash_every_case_keeps_its_promises() {
    for case in cases() {
        let played = quiet(&case);
        assert_eq!(played.broken, [], "{}:\n{}", case.name, played.log);
        assert!(!matches!(played.ended, Ended::Nowhere), "{}:\n{}", case.name, played.log);
    }
}

#[test]
fn a_process_may_die_at_any_moment_of_any_case() {
    everywhere(|twist| twist.check(Turn::Die, 255, 0).map(drop));
}

#[test]
fn the_power_may_fail_at_any_moment_of_any_case() {
    everywhere(|twist| {
        [0, 200].iter().try_for_each(|kept| twist.check(Turn::LosePower, *kept, 0).map(drop))
    });
}

#[test]
fn a_handle_may_be_dropped_at_any_moment_of_any_case() {
    everywhere(|twist| twist.check(Turn::Drop, 0, 0).map(drop));
}

#[test]
fn a_store_or_a_write_that_fails_stops_the_job_and_loses_nothing() {
    everywhere(|twist| {
        if !matches!(twist.moment, Moment::Store | Moment::Write | Moment::Complete) {
            return Ok(());
        }
        let stopped = twist.lab(Turn::Fail, 0).with_log().play();
        let is_local = matches!(&stopped.ended, Ended::Error(error)
            if matches!(**error, Error::Local { .. }));
        // What had ended before it could be written down has ended all the same.
        let had_ended = discriminant(&stopped.ended) == discriminant(&twist.quiet.ended);
        if !is_local && !had_ended {
            return Err(format!("{}: it goes on\n{}", twist.case.name, stopped.log));
        }
        twist.check(Turn::Fail, 0, 1).map(drop)
    });
}

/// Whether a submit may have arrived that must not be repeated, or not any more: it has to be said.
fn may_be_unconfirmed(case: &Case, error: &Error) -> bool {
    let Error::SubmitUnconfirmed { sends, .. } = error else { return false };
    case.mails || case.resubmit == Resubmit::Never || *sends >= case.limits.submits
}

/// Checks every moment of every case.
fn everywhere(check: impl Fn(&Twist<'_>) -> Result<(), String> + Sync) {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let found: Mutex<(usize, Vec<String>)> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let quiet = quiet(case);
                    let moments = quiet.fate.moments.iter().enumerate();
                    let twists = moments.map(|(nth, moment)| Twist {
                        case,
                        quiet: &quiet,
                        moment: *moment,
                        nth,
                    });
                    let wrong: Vec<_> = twists.filter_map(|twist| check(&twist).err()).collect();
                    let mut found = found.lock().unwrap();
                    found.0 += quiet.fate.moments.len();
                    found.1.extend(wrong);
                }
            });
        }
    });
    let (moments, wrong) = found.into_inner().unwrap();
    assert!(moments > 3_000, "only {moments} moments");
    let shown: Vec<_> = wrong.iter().take(5).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {moments}:\n{}", wrong.len(), shown.join("\n\n"));
}
