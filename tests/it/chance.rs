//! Anything may go wrong, with any request: the file is right, or there is none.

use std::thread;

use conformance::{Adapter, Case, run};
use export_sim::{Fault, RandomRule};

/// The last line of a run with this seed.
fn end(seed: u64, rate: f64, faults: Vec<Fault>, adapter: Adapter) -> String {
    let ran = run(&Case::at_random(RandomRule { seed, rate, faults }), adapter);
    let last = ran.transcript.lines().last().unwrap_or_default().to_owned();
    let is_wrong = last.contains("but not those of the file");
    assert!(!is_wrong, "seed {seed} at {rate} by {adapter:?}:\n{}", ran.transcript);
    last
}

/// How many of the seeds end with the file, by each adapter.
fn files(rate: f64, faults: &[Fault]) -> [usize; 2] {
    const SEEDS: u64 = 16;
    Adapter::ALL.map(|adapter| {
        thread::scope(|scope| {
            let run = |seed| scope.spawn(move || end(seed, rate, faults.to_vec(), adapter));
            let running: Vec<_> = (0..SEEDS).map(run).collect();
            let ends = running.into_iter().map(|it| it.join().expect("the case has run"));
            ends.filter(|end| end == "the file, whole").count()
        })
    })
}

#[test]
fn what_a_client_should_survive_it_does_for_the_most_part() {
    for files in files(0.2, &[]) {
        assert!(files > 9, "{files} of 16");
    }
}

#[test]
fn in_the_midst_of_all_faults_there_is_the_right_file_or_none() {
    let files = files(0.3, &Fault::examples());
    assert!(files.iter().all(|files| (1..16).contains(files)), "{files:?} of 16");
}
