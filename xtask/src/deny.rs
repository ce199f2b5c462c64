//! What comes along: licences, banned and doubled packages, sources, known vulnerabilities.

use std::process::Command;

use crate::shell::{Done, cargo, run};

/// The program that looks, as it is asked for where it is missing.
const INSTALL: [&str; 5] = ["install", "--locked", "cargo-deny", "--version", "^0.20"];

pub(crate) fn check() -> Done {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        run(&mut cargo(&INSTALL))?;
    }
    // The packages of other systems too, which a build here does not need.
    run(&mut cargo(&["fetch", "--locked", "--quiet"]))?;
    run(&mut deny(&["licenses", "bans", "sources"]))?;
    if succeeds(&mut cargo(&["deny", "fetch", "db"])) {
        run(&mut deny(&["advisories"]))
    } else {
        println!("advisories were not looked at: their database cannot be reached from here");
        Ok(())
    }
}

fn deny(checks: &[&str]) -> Command {
    let mut command = cargo(&["deny", "--offline", "--locked", "check", "--hide-inclusion-graph"]);
    command.args(checks);
    command
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
