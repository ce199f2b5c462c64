//! Runs the examples of the libraries against the simulator.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::{Simulator, TaskResult, cargo, output, run, target};

/// The examples of each crate, and what each prints.
const EXAMPLES: [(&str, &[(&str, &str)]); 4] = [
    ("export-core", &[("reqwest", "report.pdf: ")]),
    ("export-sim", &[("service", "503 Service Unavailable")]),
    (
        "export-hyper",
        &[
            ("to_file", "report.pdf: "),
            ("resume", "report.pdf: "),
            ("many", "report-2.pdf is complete"),
            ("own_sink", "checksum "),
            ("own_transport", " bytes after 6"),
            ("errors", "report.pdf: "),
        ],
    ),
    (
        "export-ureq",
        &[
            ("blocking_to_file", "report.pdf: "),
            ("blocking_resume", "report.pdf: "),
            ("blocking_many", "report-2.pdf is complete"),
            ("blocking_own_sink", "checksum "),
            ("blocking_own_agent", "report.pdf: "),
            ("blocking_errors", "report.pdf: "),
        ],
    ),
];

pub(crate) fn check() -> TaskResult {
    let quick = ["--complete-after", "0s", "--retry-after", "0", "--operations-rate", "0"];
    let simulator = Simulator::start("debug", &quick)?;
    let folder = target("example-files");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (package, examples) in EXAMPLES {
        for (name, expected) in examples {
            let text = output(&mut example(name, &simulator.url, &folder))?;
            if !text.contains(expected) {
                return Err(format!("{package}, example {name}: no {expected:?} in\n{text}"));
            }
            println!("{package}, example {name}: ok");
        }
    }
    other_service(&folder)
}

/// Runs the client of another service, which is a crate of its own.
fn other_service(folder: &Path) -> TaskResult {
    const MANIFEST: &str = "examples/fhir-client/Cargo.toml";
    let build = |args: &[&str]| {
        let mut command = cargo(args);
        command.args(["--locked", "--manifest-path", MANIFEST]);
        command.env("CARGO_TARGET_DIR", target(""));
        run(&mut command)
    };
    run(&mut cargo(&["fmt", "--check", "--manifest-path", MANIFEST]))?;
    build(&["build", "--quiet"])?;
    let mut command = Command::new(target("debug").join("examples").join("other_service"));
    let client = target("debug").join("fhir-client");
    let text = output(command.arg(client).arg(folder.join("fhir")))?;
    let files = ["manifest.json", "1.Patient.ndjson", "3.Observation.ndjson"];
    if let Some(missing) = files.iter().find(|name| !text.contains(**name)) {
        return Err(format!("fhir-client: no {missing} in\n{text}"));
    }
    println!("fhir-client: ok");
    Ok(())
}

fn example(name: &str, url: &str, folder: &Path) -> Command {
    let mut command = Command::new(target("debug").join("examples").join(name));
    command.args(["doc-1", "doc-2"]).current_dir(folder).envs([
        ("WORKIVA_BASE_URL", url),
        ("WORKIVA_CLIENT_ID", "id"),
        ("WORKIVA_CLIENT_SECRET", "secret"),
        ("WORKIVA_TOKEN", "t0ken"),
    ]);
    command
}
