//! Exports with random faults in any request: the file is correct, or there is none.

use std::thread;

use conformance::{Adapter, Case, run};
use export_sim::{Fault, RandomRule};

/// Runs a case with this seed and returns the last line of its transcript.
fn last_line(seed: u64, rate: f64, faults: Vec<Fault>, adapter: Adapter) -> String {
    let run = run(&Case::at_random(RandomRule { seed, rate, faults }), adapter);
    let last = run.transcript.lines().last().unwrap_or_default().to_owned();
    let is_damaged = last.contains("but not those of the file");
    assert!(!is_damaged, "seed {seed} at {rate} by {adapter:?}:\n{}", run.transcript);
    last
}

/// The number of seeds that result in the file, for each adapter.
fn files(rate: f64, faults: &[Fault]) -> [usize; 2] {
    const SEEDS: u64 = 16;
    Adapter::ALL.map(|adapter| {
        thread::scope(|scope| {
            let run = |seed| scope.spawn(move || last_line(seed, rate, faults.to_vec(), adapter));
            let running: Vec<_> = (0..SEEDS).map(run).collect();
            let lines = running.into_iter().map(|it| it.join().expect("the case does not panic"));
            lines.filter(|line| line == "the file, whole").count()
        })
    })
}

#[test]
fn most_exports_survive_survivable_faults() {
    for files in files(0.2, &[]) {
        assert!(files > 9, "{files} of 16");
    }
}

#[test]
fn hostile_faults_give_the_correct_file_or_none() {
    let files = files(0.5, &Fault::examples());
    assert!(files.iter().all(|files| (1..16).contains(files)), "{files:?} of 16");
}
