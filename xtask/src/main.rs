//! Development tasks: `cargo xtask <command>`.

#![forbid(unsafe_code)]

mod airflow;
mod bench;
mod browser;
mod ci;
mod commands;
mod debian;
mod dependencies;
mod dist;
mod examples;
mod licences;
mod packages;
mod proxies;
mod python;
mod samples;
mod shell;
mod site;
mod snapshots;
mod wasm;
mod wheels;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <command>

  ci                     run all checks: format, lints, docs, tests, snapshots, dependencies, the
                         examples, the request samples of the API reference, a real proxy, and Python
  deny                   check licences, banned and duplicate packages, sources and known
                         vulnerabilities; installs cargo-deny if it is missing
  dist [--debug] [--target TRIPLE]
                         make the artifacts of a release in target/dist: an archive, packages for
                         Debian and RPM, an image where umoci is installed, an SBOM, checksums;
                         installs cargo-deb, cargo-generate-rpm and cargo-cyclonedx if missing
  dist templates FOLDER URL
                         write the checksums of a folder with the archives of all systems, and
                         the files for Homebrew and Scoop
  debian                 install the Debian package that dist has made on a bare Debian in a chroot, run the
                         demo and the lines of cron in the README there, and remove it (needs root and
                         debootstrap; not part of ci)
  packages               build each published crate from its package, and check that the package has
                         its README and the texts of the licences
  licences FILE          write the licence texts of the program's dependencies into a file
  examples               run the examples of the libraries against the simulator
  demo [FOLDER]          start the simulator and export one document of each kind with both
                         adapters and both generations of the API [default: ./export-demo]
  snapshots [--accept]   run the snapshot tests and fail on missing, changed and orphaned
                         snapshots; --accept writes them and removes orphans
  pages                  run the commands in the README and docs/, and update their output there
  site                   build the documentation site in target/site, and check its links
  samples                run the request samples of the API reference (curl, httpie, wget,
                         requests) against the simulator
  proxies                run wexport through mitmproxy, once with TLS interception and once with
                         proxy authentication
  python                 build the wheel of the Python package, install it in a virtual environment, and run
                         its tests, its README and its type checkers
  airflow                run the provider for Apache Airflow with a real scheduler and triggerer (not part of ci)
  wheels FOLDER          build the wheels of the Python package and of the program as they are published, and the
                         source package, and export with each in a virtual environment of its own
  wasm                   build the example in WebAssembly, and export with it in Node; skipped where the target
                         or Node is not installed
  browser                check the page of `wexport report --html` with 2,000 exports in Chromium: its
                         sorting, search, colours and widths, and that it loads nothing else (not part
                         of ci; to install Chromium on Debian: apt-get install chromium)
  soak [--schedules N] [--seed S] [--replay SEED]
                         run a million exports (or N) in virtual time with random faults and
                         crashes; --replay prints the log of one
  simulate [--exports N] [--rate R] [--duration TIME] [--faults RATE] [--seed S]
           [--only distributions|faults|memory] [--plots FOLDER]
                         simulate batches of up to a million exports in virtual time, with limits
                         of 1, 5 and 50 polls per second, and compare them with a lower bound;
                         without arguments all tables, and the plots in docs/
  batch [--exports N] [--rate R] [--faults RATE] [--failing N] [--kill SECONDS] [--seed S]
                         run wexport batch against the simulator over real sockets and check the
                         result; without arguments 1,000 exports at 5 polls per second, the same
                         with kills, and 40 exports at 1 poll per second of which 3 fail
  workers [--exports N] [--rate R]
                         run wexport batch, and three wexport work of which one is killed each
                         second, against the simulator and a PostgreSQL server that it starts, and
                         check the result; without arguments 100 exports at 5 polls per second, and
                         20 exports at 1 poll per second
  bench [core|download|transfer|many [EXPORTS]|start [EXPORTS]]
                         measure the core, one download and 200 files compared with curl, batches
                         of 500, 2,000 and 10,000 exports (or so many) compared with a short
                         script, and how long batches of 1, 400 and 100,000 exports (or so many)
                         take, and how much memory, until their first request
  bench processes [EXPORTS]
                         compare 40 commands (or so many) that run at once with one batch, at 1
                         poll a second, also with some of them killed and frozen
  bench python           measure the Python package: its wheel, import and memory, and 200 MiB
                         compared with a script
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["ci"] => ci::check(),
        ["demo"] => commands::demo("export-demo"),
        ["demo", folder] => commands::demo(folder),
        ["debian"] => debian::check(),
        ["deny"] => dependencies::deny(),
        ["dist", "templates", folder, url] => dist::templates(folder, url),
        ["dist", args @ ..] => dist::make(args),
        ["examples"] => examples::check(),
        ["licences", file] => licences::write("wexport", file.as_ref()),
        ["wheels", folder] => wheels::build(folder),
        ["packages"] => packages::check(),
        ["snapshots"] => snapshots::check(),
        ["snapshots", "--accept"] => snapshots::accept(),
        ["pages"] => commands::pages(),
        ["samples"] => samples::check(),
        ["site"] => site::build(),
        ["python"] => python::check(),
        ["airflow"] => airflow::check(),
        ["wasm"] => wasm::check(),
        ["browser"] => browser::check(),
        ["proxies"] => proxies::check(),
        ["soak", args @ ..] => commands::soak(args),
        ["simulate", args @ ..] => commands::simulate(args),
        ["batch", args @ ..] => commands::batch(args),
        ["workers", args @ ..] => commands::workers(args),
        ["bench"] => {
            let core = bench::core().and_then(|()| bench::download());
            let many = core.and_then(|()| bench::transfer()).and_then(|()| bench::many(None));
            many.and_then(|()| bench::start(None))
        }
        ["bench", "core"] => bench::core(),
        ["bench", "download"] => bench::download(),
        ["bench", "many"] => bench::many(None),
        ["bench", "many", exports] => bench::many(Some(exports)),
        ["bench", "processes"] => bench::processes(None),
        ["bench", "processes", exports] => bench::processes(Some(exports)),
        ["bench", "python"] => bench::python(),
        ["bench", "start"] => bench::start(None),
        ["bench", "start", exports] => bench::start(Some(exports)),
        ["bench", "transfer"] => bench::transfer(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
