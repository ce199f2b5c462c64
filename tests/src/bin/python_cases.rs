//! Runs the conformance cases with the drivers of the Python package, and compares their transcripts with those of the
//! adapters: `python_cases PYTHON SCRIPT DRIVER..`.

#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use conformance::{Case, Goal};

/// A case that differs because of what an HTTP client itself does, whatever drives it.
struct Difference {
    /// All, if there are none.
    drivers: &'static [&'static str],
    /// Parts of the names of the cases.
    cases: &'static [&'static str],
    certainty: Certainty,
    reason: &'static str,
}

#[derive(PartialEq)]
enum Certainty {
    /// It is reported if the case no longer differs.
    Always,
    /// It depends on which of two events the client notices first.
    Sometimes,
}

use Certainty::{Always, Sometimes};

const DIFFERENCES: [Difference; 8] = [
    Difference {
        drivers: &[],
        cases: &["tls-wrong-name"],
        certainty: Always,
        reason: "does not tell the names of a certificate, as OpenSSL",
    },
    Difference {
        drivers: &[],
        cases: &["-folded-header"],
        certainty: Always,
        reason: "accepts the folded headers of old HTTP",
    },
    Difference {
        drivers: &["requests"],
        cases: &["-interim"],
        certainty: Always,
        reason: "takes a 102 or 103 for the response, as http.client",
    },
    Difference {
        drivers: &["requests", "httpx"],
        cases: &["-slow-head-timeout"],
        certainty: Always,
        reason: "bounds each read, not the whole head",
    },
    Difference {
        drivers: &["httpx", "httpx-async"],
        cases: &["-surplus"],
        certainty: Sometimes,
        reason: "fails a request if bytes came after the response to the last one, as h11",
    },
    Difference {
        drivers: &["httpx-async"],
        cases: &["-early-"],
        certainty: Sometimes,
        reason: "may lose a response that came while it was sending, as anyio",
    },
    Difference {
        drivers: &["aiohttp"],
        cases: &["-chunks-and-length"],
        certainty: Always,
        reason: "refuses a response as a whole, with its head",
    },
    Difference {
        drivers: &["aiohttp"],
        cases: &["-invalid-chunks", "-surplus", "-overlong-undeclared"],
        certainty: Sometimes,
        reason: "refuses a response as a whole, if its body came with its head",
    },
];

impl Difference {
    fn is_of(&self, driver: &str) -> bool {
        self.drivers.is_empty() || self.drivers.contains(&driver)
    }
}

fn known(driver: &str, case: &str) -> Option<&'static Difference> {
    let has = |known: &&Difference| known.cases.iter().any(|part| case.contains(part));
    DIFFERENCES.iter().filter(|known| known.is_of(driver)).find(has)
}

/// The number of processes for each driver. They spend most of their time waiting.
const PROCESSES: usize = 6;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let (Some(python), Some(script)) = (args.next(), args.next()) else {
        eprintln!("usage: python_cases PYTHON SCRIPT DRIVER..");
        return ExitCode::from(2);
    };
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/snapshots/cases");
    let only = std::env::var("CASES").unwrap_or_default();
    let mut cases = conformance::all();
    // The package has no list of files.
    cases.retain(|case| case.name.contains(&only) && !matches!(case.goal, Goal::Files(_)));
    let mut is_same = true;
    for driver in args {
        let driver = driver.to_string_lossy();
        match is_as_the_adapters(&python, &script, &driver, &cases, &snapshots) {
            Ok(is_of_driver) => is_same &= is_of_driver,
            Err(error) => {
                println!("{driver}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the cases with a driver, and prints what differs and should not.
fn is_as_the_adapters(
    python: &Path,
    script: &Path,
    driver: &str,
    cases: &[Case],
    snapshots: &Path,
) -> io::Result<bool> {
    let run = |processes, cases: &[Case]| {
        conformance::python::compare(python, script, driver, processes, cases, snapshots)
    };
    let has = |differences: &[(String, String)], case: &Case| {
        differences.iter().any(|(name, _)| *name == case.name)
    };
    let differences = run(PROCESSES, cases)?;
    let (old, new): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|(name, _)| known(driver, name).is_some());
    for (name, text) in &new {
        println!("{name} by {driver}:\n{text}");
    }
    // On a busy machine, a client may notice two events in another order.
    let again: Vec<_> = cases.iter().filter(|case| has(&new, case)).cloned().collect();
    let new = run(1, &again)?;
    for case in again.iter().filter(|case| !has(&new, case)) {
        println!("{} by {driver} is as by the adapters when it is run alone", case.name);
    }
    let gone = cases.iter().filter(|case| {
        known(driver, &case.name).is_some_and(|it| it.certainty == Always) && !has(&old, case)
    });
    let gone: Vec<_> = gone.map(|case| case.name.as_str()).collect();
    for name in &gone {
        println!("{name} by {driver} is as by the adapters: remove it from DIFFERENCES");
    }
    let (all, known) = (cases.len(), old.len());
    let same = all - known - new.len();
    println!("{driver}: {same} of {all} cases as the adapters, {known} known differences");
    for it in DIFFERENCES.iter().filter(|it| it.is_of(driver)) {
        println!("  {driver} {}", it.reason);
    }
    Ok(new.is_empty() && gone.is_empty())
}
