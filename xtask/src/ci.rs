//! The checks of continuous integration.

use crate::shell::{TaskResult, cargo, run};
use crate::{dependencies, examples, proxies, samples, snapshots};

/// Runs all checks, the fastest first.
pub(crate) fn check() -> TaskResult {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    dependencies::core_packages()?;
    dependencies::deny()?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run(&mut cargo(&lints))?;
    // wexport without object stores, and with all of them.
    for features in ["--no-default-features --features aws-lc-rs", "--features gs,az,webpki-roots"]
    {
        let mut args = vec!["clippy", "--package", "wexport", "--all-targets", "--locked"];
        args.extend(features.split(' '));
        args.extend(["--", "-D", "warnings"]);
        run(&mut cargo(&args))?;
    }
    let docs = ["doc", "--workspace", "--no-deps", "--locked"];
    run(cargo(&docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    snapshots::check()?;
    run(&mut cargo(&["test", "--workspace", "--doc", "--locked"]))?;
    examples::check()?;
    samples::check()?;
    proxies::check()
}
