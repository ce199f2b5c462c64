//! Runs the conformance cases with the drivers of the Python package, and compares their transcripts with those of the
//! adapters: `python_cases PYTHON SCRIPT DRIVER..`.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the HTTP clients themselves do otherwise than the adapters, whatever drives them: the driver, the names of the
/// cases, and the reason. Some depend on which of two events a client notices first.
const DIFFERENCES: [(&str, &[&str], &str); 8] = [
    ("", &["tls-wrong-name"], "OpenSSL does not tell the names of a certificate"),
    ("", &["-folded-header"], "accepts the folded headers of old HTTP"),
    (
        "requests",
        &["-closed-in-head", "-interim", "-invalid-header-line"],
        "http.client takes the end of a connection for the end of a head, a 103 for the response, and skips lines",
    ),
    ("requests", &["-slow-head-timeout"], "bounds each read, not the whole head"),
    ("httpx", &["-slow-head-timeout"], "bounds each read, not the whole head"),
    ("httpx", &["tls-server-over-http", "-surplus", "-early-"], "h11 hides what came"),
    (
        "aiohttp",
        &["-chunks-and-length", "-invalid-chunks", "-surplus", "-overlong-undeclared"],
        "refuses a response as a whole, with its head",
    ),
    ("aiohttp", &["submit-endless-headers"], "reads heads of any number of lines"),
];

/// The reason for which a case may differ with a driver.
fn known(driver: &str, case: &str) -> Option<&'static str> {
    let found = DIFFERENCES.iter().find(|(client, cases, _)| {
        driver.starts_with(client) && cases.iter().any(|part| case.contains(part))
    });
    found.map(|(_, _, reason)| *reason)
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
    cases.retain(|case| case.name.contains(&only));
    let mut is_same = true;
    for driver in args {
        let driver = driver.to_string_lossy();
        match conformance::python::compare(&python, &script, &driver, PROCESSES, &cases, &snapshots)
        {
            Ok(differences) => {
                let (known, new): (Vec<_>, Vec<_>) =
                    differences.iter().partition(|(name, _)| known(&driver, name).is_some());
                is_same &= new.is_empty();
                for (name, text) in &new {
                    println!("{name} by {driver}:\n{text}");
                }
                let same = cases.len() - differences.len();
                let (all, known) = (cases.len(), known.len());
                println!(
                    "{driver}: {same} of {all} cases as the adapters, {known} known differences"
                );
            }
            Err(error) => {
                println!("{driver}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
