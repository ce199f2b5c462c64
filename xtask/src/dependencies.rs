//! Checks of the dependencies.

use std::collections::BTreeSet;
use std::process::Command;

use crate::shell::{TaskResult, cargo, output, run};

/// The command that installs cargo-deny if it is missing. It runs for seconds, and takes minutes to optimise.
const INSTALL: [&str; 6] = ["install", "--locked", "--debug", "cargo-deny", "--version", "^0.20"];

/// Checks licences, banned and duplicate packages, sources, and known vulnerabilities.
pub(crate) fn deny() -> TaskResult {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        run(cargo(&INSTALL).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    // Also fetches the packages for other systems, which a build does not.
    run(&mut cargo(&["fetch", "--locked", "--quiet"]))?;
    run(&mut cargo_deny(&["licenses", "bans", "sources"]))?;
    if succeeds(&mut cargo(&["deny", "fetch", "db"])) {
        run(&mut cargo_deny(&["advisories"]))
    } else {
        println!("skipped the advisories: their database cannot be fetched");
        Ok(())
    }
}

fn cargo_deny(checks: &[&str]) -> Command {
    let mut command = cargo(&["deny", "--offline", "--locked", "check", "--hide-inclusion-graph"]);
    command.args(checks);
    command
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The maximum number of packages of the core, including itself. Users that embed it get them all.
const MAX_CORE_PACKAGES: usize = 21;

/// Checks the number of packages that the core depends on.
pub(crate) fn core_packages() -> TaskResult {
    let args = ["tree", "--package", "export-core", "--edges", "normal", "--prefix", "none"];
    let tree = output(&mut cargo(&args))?;
    let names: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split(' ').next()).filter(|n| !n.is_empty()).collect();
    println!("export-core has {} packages", names.len());
    if names.len() <= MAX_CORE_PACKAGES {
        Ok(())
    } else {
        Err(format!("export-core may have at most {MAX_CORE_PACKAGES} packages: {names:?}"))
    }
}
