//! Everything that has to hold.

use crate::shell::{self, Done, cargo};
use crate::{deny, packages, proxies, samples, snapshots};

/// In the order of how soon each tells that something is wrong.
pub(crate) fn run() -> Done {
    shell::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    packages::check()?;
    deny::check()?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    shell::run(&mut cargo(&lints))?;
    // The program with no object store, and with all of them.
    for features in ["--no-default-features --features aws-lc-rs", "--features gs,az,webpki-roots"]
    {
        let mut words = vec!["clippy", "--package", "wexport", "--all-targets", "--locked"];
        words.extend(features.split(' '));
        words.extend(["--", "-D", "warnings"]);
        shell::run(&mut cargo(&words))?;
    }
    let docs = ["doc", "--workspace", "--no-deps", "--locked"];
    shell::run(cargo(&docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    snapshots::check()?;
    shell::run(&mut cargo(&["test", "--workspace", "--doc", "--locked"]))?;
    samples::check()?;
    proxies::check()
}
