//! Every case with every adapter, while all that anybody logs is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};
use std::thread;

use conformance::{Adapter, Case, Ran, all, run};

use log::LevelFilter;

use crate::logs::{self, KNOWN_AT_TRACE, Logged};

/// Most of a case is waiting.
const AT_ONCE: usize = 12;

/// All cases, what came of them, and what was logged meanwhile. They are run once for all tests.
struct Everything {
    cases: Vec<Case>,
    ran: Vec<[Ran; 2]>,
    logged: Logged,
}

static EVERYTHING: LazyLock<Everything> = LazyLock::new(|| {
    let cases = all();
    logs::keep(LevelFilter::Trace);
    let ran = in_parallel(&cases, |case| Adapter::ALL.map(|adapter| run(case, adapter)));
    Everything { cases, ran, logged: logs::take() }
});

#[test]
fn all_adapters_do_the_same_on_the_same_answers() {
    let Everything { cases, ran, .. } = &*EVERYTHING;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/cases");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut wrong = String::new();
    for (case, [hyper, ureq]) in cases.iter().zip(ran) {
        let (hyper, ureq) = (&hyper.transcript, &ureq.transcript);
        if hyper != ureq {
            wrong += &format!("== {} by hyper:\n{hyper}\n== by ureq:\n{ureq}\n", case.name);
        }
        let last = hyper.lines().last().unwrap_or_default();
        if !last.contains(case.ends) {
            wrong += &format!("== {} ends with {last:?}\nand not {:?}\n", case.name, case.ends);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for (case, [ran, _]) in cases.iter().zip(ran) {
        settings.bind(|| insta::assert_snapshot!(case.name.as_str(), ran.transcript));
    }
}

#[test]
fn nobody_logs_a_secret() {
    let Everything { cases, ran, logged } = &*EVERYTHING;
    logged.assert_has(&["export_host", "h2", "hyper_util", "rustls", "ureq", "ureq_proto"]);
    let secrets: BTreeSet<_> = ran.iter().flatten().flat_map(|ran| &ran.secrets).collect();
    let mut found = logged.find(&secrets);
    found.retain(|target, _| !KNOWN_AT_TRACE.contains(target));
    assert!(found.is_empty(), "{found:#?}");
    assert!(logged.dumped().is_empty(), "{:?}", logged.dumped());

    // What is known of the lowest level is not so at the next, at which programs may be run.
    logs::keep(LevelFilter::Debug);
    let telling = |case: &&Case| ["download-", "token-"].iter().any(|it| case.name.starts_with(it));
    let telling: Vec<_> = cases.iter().filter(telling).collect();
    let ran = in_parallel(&telling, |case| run(case, Adapter::Ureq));
    let logged = logs::take();
    logged.assert_has(&["ureq", "ureq_proto"]);
    let secrets: BTreeSet<_> = ran.iter().flat_map(|ran| &ran.secrets).collect();
    let found = logged.find(&secrets);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_case_has_a_name_of_its_own() {
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
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((number, one)) = next else { return };
                    let result = work(one);
                    done.lock().unwrap().push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}
