//! The project's chores: `cargo xtask <command>`.

#![forbid(unsafe_code)]

mod batch;
mod bench;
mod ci;
mod demo;
mod deny;
mod fleet;
mod packages;
mod pages;
mod proxies;
mod samples;
mod shell;
mod snapshots;
mod soak;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <command>

  ci                     everything that has to hold: format, lints, docs, tests, snapshots,
                         the vendor's samples, a real proxy, the packages that come along
  deny                   licences, banned and doubled packages, sources, known vulnerabilities;
                         installs cargo-deny if it is missing
  demo [FOLDER]          starts the simulator and exports one document of each kind through both
                         adapters and both generations of the API, into ./export-demo
  snapshots [--accept]   runs the snapshot tests; fails on missing, changed and orphaned ones;
                         --accept writes them anew and removes the orphans
  pages                  runs the program, on a terminal too, and writes what it prints into the
                         README and docs/
  samples                runs the vendor's request samples (curl, httpie, wget, requests)
                         against the simulator
  proxies                runs wexport through mitmproxy: one that re-signs TLS, one that wants
                         a password
  soak [--schedules N] [--seed S] [--replay SEED]
                         plays a million exports (or N) in virtual time, each with other faults,
                         crashes and failures; --replay prints all that happens in one
  fleet [--exports N] [--rate R] [--takes TIME] [--faults SHARE] [--seed S]
        [--only weather|orders|memory] [--pictures FOLDER]
                         exports up to a million at once in virtual time, under a limit of 1, 5
                         and 50 requests a second, against the least time that they could take
                         and what people do now; without words all of it, and docs/fleet.svg
  batch [--exports N] [--rate R] [--faults SHARE] [--failing N] [--kill SECONDS] [--seed S]
                         runs wexport batch against the simulator over real sockets, kills it if
                         told to, goes on, and counts; without words a thousand exports at five
                         polls a second, the same with kills, and forty at one of which three fail
  bench [core|download]  measures the core, and downloads against curl
";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["ci"] => ci::run(),
        ["demo"] => demo::run("export-demo"),
        ["demo", folder] => demo::run(folder),
        ["deny"] => deny::check(),
        ["snapshots"] => snapshots::check(),
        ["snapshots", "--accept"] => snapshots::accept(),
        ["pages"] => pages::write(),
        ["samples"] => samples::check(),
        ["proxies"] => proxies::check(),
        ["soak", words @ ..] => soak::run(words),
        ["fleet", words @ ..] => fleet::run(words),
        ["batch", words @ ..] => batch::run(words),
        ["bench"] => bench::core().and_then(|()| bench::download()),
        ["bench", "core"] => bench::core(),
        ["bench", "download"] => bench::download(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
