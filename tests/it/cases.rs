//! Runs all cases with all adapters, and captures all log output meanwhile.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};
use std::thread;

use conformance::{Adapter, Case, CaseRun, all, run};

use log::LevelFilter;

use crate::logs::{self, CapturedLogs, KNOWN_AT_TRACE};

/// The number of cases to run in parallel. They spend most of their time waiting.
const PARALLEL: usize = 12;

/// All cases, their runs, and the captured logs. The cases are run once for all tests.
struct AllRuns {
    cases: Vec<Case>,
    runs: Vec<[CaseRun; 2]>,
    logs: CapturedLogs,
}

static ALL_RUNS: LazyLock<AllRuns> = LazyLock::new(|| {
    let cases = all();
    logs::capture(LevelFilter::Trace);
    let runs = in_parallel(&cases, |case| Adapter::ALL.map(|adapter| run(case, adapter)));
    AllRuns { cases, runs, logs: logs::take() }
});

#[test]
fn adapters_behave_the_same() {
    let AllRuns { cases, runs, .. } = &*ALL_RUNS;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/cases");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut errors = String::new();
    for (case, [hyper, ureq]) in cases.iter().zip(runs) {
        let (hyper, ureq) = (&hyper.transcript, &ureq.transcript);
        if hyper != ureq {
            errors += &format!("== {} by hyper:\n{hyper}\n== by ureq:\n{ureq}\n", case.name);
        }
        let last = hyper.lines().last().unwrap_or_default();
        if !last.contains(case.ends) {
            errors += &format!("== {} ends with {last:?}, not {:?}\n", case.name, case.ends);
        }
    }
    assert!(errors.is_empty(), "{errors}");
    for (case, [run, _]) in cases.iter().zip(runs) {
        settings.bind(|| insta::assert_snapshot!(case.name.as_str(), run.transcript));
    }
}

#[test]
fn logs_contain_no_secret() {
    let AllRuns { cases, runs, logs } = &*ALL_RUNS;
    logs.assert_has(&["export_host", "h2", "hyper_util", "rustls", "ureq", "ureq_proto"]);
    let secrets: BTreeSet<_> = runs.iter().flatten().flat_map(|run| &run.secrets).collect();
    let mut found = logs.find(&secrets);
    found.retain(|target, _| !KNOWN_AT_TRACE.contains(target));
    assert!(found.is_empty(), "{found:#?}");
    assert!(logs.dumped().is_empty(), "{:?}", logs.dumped());

    // Without a redirect, only the dumps of received bytes have the signature of a URL.
    let is_signed = |case: &&Case| case.name.starts_with("download-signed");
    let signed: Vec<_> = cases.iter().filter(is_signed).collect();
    let runs = in_parallel(&signed, |case| run(case, Adapter::Ureq));
    let logs = logs::take();
    logs.assert_has(&["ureq", "ureq_proto"]);
    let secrets: BTreeSet<_> = runs.iter().flat_map(|run| &run.secrets).collect();
    let found = logs.find(&secrets);
    assert!(found.is_empty(), "{found:#?}");

    // The known leaks at TRACE must not appear at DEBUG, which programs may use in production.
    logs::capture(LevelFilter::Debug);
    let is_relevant =
        |case: &&Case| ["download-", "token-"].iter().any(|it| case.name.starts_with(it));
    let relevant: Vec<_> = cases.iter().filter(is_relevant).collect();
    let runs = in_parallel(&relevant, |case| run(case, Adapter::Ureq));
    let logs = logs::take();
    logs.assert_has(&["ureq", "ureq_proto"]);
    let secrets: BTreeSet<_> = runs.iter().flat_map(|run| &run.secrets).collect();
    let found = logs.find(&secrets);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn case_names_are_unique() {
    let cases = all();
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
}

fn in_parallel<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(all.iter().enumerate());
    let done: Mutex<Vec<(usize, R)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((index, item)) = next else { return };
                    let result = work(item);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
