//! Commands that run an example of the `conformance` package, or tests with other settings.

use crate::shell::{TaskResult, cargo, run, target};

/// Runs the demonstration, which writes files into `folder`.
pub(crate) fn demo(folder: &str) -> TaskResult {
    let demo = ["run", "--quiet", "--package", "conformance", "--example", "demo", "--", folder];
    run(&mut cargo(&demo))
}

/// Runs random schedules of exports with faults and crashes in virtual time.
pub(crate) fn soak(args: &[&str]) -> TaskResult {
    example("soak", args)
}

/// Simulates batches of exports in virtual time.
pub(crate) fn simulate(args: &[&str]) -> TaskResult {
    example("simulate", args)
}

/// The default runs of `batch`.
const BATCHES: [&[&str]; 3] = [
    &["--exports", "1000", "--rate", "5", "--faults", "0.03"],
    &["--exports", "1000", "--rate", "5", "--faults", "0.03", "--kill", "5"],
    &["--exports", "40", "--rate", "1", "--faults", "0", "--failing", "3"],
];

/// Runs `wexport batch` against the simulator over real sockets.
pub(crate) fn batch(args: &[&str]) -> TaskResult {
    run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    let wexport = target("release").join("wexport").display().to_string();
    let run_one = |args: &[&str]| example("batch", &[&["--wexport", &wexport], args].concat());
    if args.is_empty() { BATCHES.into_iter().try_for_each(run_one) } else { run_one(args) }
}

/// The default runs of `workers`.
const WORKERS: [&[&str]; 2] =
    [&["--exports", "100", "--rate", "5"], &["--exports", "20", "--rate", "1"]];

/// Runs `wexport work` against the simulator over real sockets, and kills some of them. A debug build is as
/// good: it waits for the service.
pub(crate) fn workers(args: &[&str]) -> TaskResult {
    run(&mut cargo(&["build", "--quiet", "--package", "wexport"]))?;
    let wexport = target("debug").join("wexport").display().to_string();
    let example = ["run", "--quiet", "--package", "conformance", "--example", "workers", "--"];
    let run_one =
        |args: &[&str]| run(&mut cargo(&[&example[..], &["--wexport", &wexport], args].concat()));
    if args.is_empty() { WORKERS.into_iter().try_for_each(run_one) } else { run_one(args) }
}

/// Runs the commands in the README and `docs/`, and writes their output into these files.
pub(crate) fn pages() -> TaskResult {
    // In one thread, because several of the tests write the same page.
    let args = "test --quiet --package wexport --test it --bin wexport -- --test-threads 1 pages:: recording:: pictures_";
    let args: Vec<&str> = args.split(' ').collect();
    run(cargo(&args).env("WEXPORT_PAGES", "1"))
}

fn example(name: &str, args: &[&str]) -> TaskResult {
    let run_example =
        ["run", "--release", "--quiet", "--package", "conformance", "--example", name, "--"];
    run(&mut cargo(&[&run_example[..], args].concat()))
}
