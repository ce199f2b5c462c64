//! All cases, with a crash or a local failure at each point of the process.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::mem::discriminant;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use conformance::crash_sim::{
    CrashPoint, CrashSim, InjectAt, Injection, NoFaults, Outcome, SimReport,
};
use conformance::{Case, Goal, all};
use export_core::{Error, Resubmit};

/// The cases that can be simulated: those that download the file and do not use TLS.
fn cases() -> Vec<Case> {
    let is_simulated = |case: &Case| {
        matches!(case.goal, Goal::File(_))
            && case.tls.is_none()
            && !EXCLUDED.iter().any(|(name, _)| case.name.contains(name))
    };
    all().into_iter().filter(is_simulated).collect()
}

/// Excluded cases, by a part of their names: those whose outcome changes when a request is lost, and
/// those that are too slow to be simulated once for each point.
const EXCLUDED: [(&str, &str); 6] = [
    ("download-overlong", "a lost request consumes the fault, and the correct file is served"),
    ("download-cut-then-416", "the 416 may then be the response to a request for the whole file"),
    ("early", "each request and each checkpoint has several megabytes"),
    ("huge-error", "the responses have 100 MiB"),
    ("endless", "the response bodies never end"),
    ("token-expires-during-export", "tokens live for a second: two in a row may be rejected"),
];

#[test]
fn excluded_cases_exist() {
    let all = all();
    for (name, reason) in EXCLUDED {
        assert!(all.iter().any(|case| case.name.contains(name)), "{name}: {reason}");
    }
}

fn run_without_injection(case: &Case) -> SimReport<NoFaults> {
    CrashSim::for_case(case, NoFaults::default()).with_output_check().with_log().run()
}

/// A case and a point of its process at which something is injected.
struct Target<'a> {
    case: &'a Case,
    /// The result without an injection.
    baseline: &'a SimReport<NoFaults>,
    point: CrashPoint,
    /// The index of the point.
    index: usize,
}

impl Target<'_> {
    fn sim(&self, injection: Injection, kept: u8) -> CrashSim<InjectAt> {
        CrashSim::for_case(self.case, InjectAt { index: self.index, injection, kept })
    }

    /// Checks that the outcome with the injection is as good as the baseline: the file if there is
    /// one in the baseline, and otherwise the same kind of error or the file.
    fn check(
        &self,
        injection: Injection,
        kept: u8,
        resumes: usize,
    ) -> Result<SimReport<InjectAt>, String> {
        let report = self.sim(injection, kept).with_resumes(resumes).run();
        let is_as_good = match (&self.baseline.outcome, &report.outcome) {
            (Outcome::File(_), Outcome::File(_)) => true,
            (_, Outcome::Error(error)) if may_be_unconfirmed(self.case, error) => true,
            (Outcome::Error(expected), Outcome::Error(error)) => {
                discriminant(&**expected) == discriminant(&**error)
            }
            // The fault was over when the second process started.
            (Outcome::Error(_), Outcome::File(_)) => true,
            _ => false,
        };
        if is_as_good && report.violations.is_empty() {
            return Ok(report);
        }
        let log = self.sim(injection, kept).with_resumes(resumes).with_log().run().log;
        Err(format!(
            "{}: {injection:?} at {:?}: {:?}, {:?}, without the injection {:?}\n{log}",
            self.case.name, self.point, report.violations, report.outcome, self.baseline.outcome
        ))
    }
}

#[test]
fn cases_without_crash_violate_no_invariant() {
    for case in cases() {
        let report = run_without_injection(&case);
        assert_eq!(report.violations, [], "{}:\n{}", case.name, report.log);
        assert!(!matches!(report.outcome, Outcome::None), "{}:\n{}", case.name, report.log);
    }
}

#[test]
fn killed_process_resumes_at_every_point() {
    for_each_point(|target| target.check(Injection::Kill, 255, 0).map(drop));
}

#[test]
fn power_loss_is_survived_at_every_point() {
    for_each_point(|target| {
        [0, 200].iter().try_for_each(|kept| target.check(Injection::PowerLoss, *kept, 0).map(drop))
    });
}

#[test]
fn dropped_handle_is_harmless_at_every_point() {
    for_each_point(|target| target.check(Injection::DropHandle, 0, 0).map(drop));
}

#[test]
fn failed_store_or_write_stops_without_loss() {
    for_each_point(|target| {
        if !matches!(target.point, CrashPoint::Store | CrashPoint::Write | CrashPoint::Complete) {
            return Ok(());
        }
        let stopped = target.sim(Injection::Fail, 0).with_log().run();
        let is_local = matches!(&stopped.outcome, Outcome::Error(error)
            if matches!(**error, Error::Local { .. }));
        // A job that has already ended keeps its outcome if the final checkpoint cannot be stored.
        let had_ended = discriminant(&stopped.outcome) == discriminant(&target.baseline.outcome);
        if !is_local && !had_ended {
            return Err(format!("{}: the job was not stopped\n{}", target.case.name, stopped.log));
        }
        target.check(Injection::Fail, 0, 1).map(drop)
    });
}

/// Whether it is correct to report an unconfirmed submit, because the submit must not be repeated.
fn may_be_unconfirmed(case: &Case, error: &Error) -> bool {
    let is_unconfirmed = matches!(error, Error::SubmitUnconfirmed { .. });
    is_unconfirmed && (case.sends_email || case.resubmit == Resubmit::Never)
}

/// Runs a check for every point of every case.
fn for_each_point(check: impl Fn(&Target<'_>) -> Result<(), String> + Sync) {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let results: Mutex<(usize, Vec<String>)> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let baseline = run_without_injection(case);
                    let points = baseline.injector.points.iter().enumerate();
                    let targets = points.map(|(index, point)| Target {
                        case,
                        baseline: &baseline,
                        point: *point,
                        index,
                    });
                    let errors: Vec<_> =
                        targets.filter_map(|target| check(&target).err()).collect();
                    let mut results = results.lock().unwrap();
                    results.0 += baseline.injector.points.len();
                    results.1.extend(errors);
                }
            });
        }
    });
    let (points, errors) = results.into_inner().unwrap();
    assert!(points > 3_000, "only {points} points");
    let shown: Vec<_> = errors.iter().take(5).map(String::as_str).collect();
    assert!(errors.is_empty(), "{} of {points}:\n{}", errors.len(), shown.join("\n\n"));
}
