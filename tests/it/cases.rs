//! Every case with every adapter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Mutex;
use std::thread;

use conformance::{Adapter, all, run};

/// Most of a case is waiting.
const AT_ONCE: usize = 12;

#[test]
fn all_adapters_do_the_same_on_the_same_answers() {
    let cases = all();
    let transcripts = in_parallel(&cases, |case| Adapter::ALL.map(|adapter| run(case, adapter)));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/cases");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut wrong = String::new();
    for (case, [hyper, ureq]) in cases.iter().zip(&transcripts) {
        if hyper != ureq {
            wrong += &format!("== {} by hyper:\n{hyper}\n== by ureq:\n{ureq}\n", case.name);
        }
        let last = hyper.lines().last().unwrap_or_default();
        if !last.contains(case.ends) {
            wrong += &format!("== {} ends with {last:?}\nand not {:?}\n", case.name, case.ends);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for (case, [transcript, _]) in cases.iter().zip(&transcripts) {
        settings.bind(|| insta::assert_snapshot!(case.name.as_str(), transcript));
    }
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
