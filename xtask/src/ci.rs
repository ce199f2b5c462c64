//! The checks of continuous integration.

use std::{panic, thread};

use crate::shell::{TaskResult, cargo, run};
use crate::{dependencies, examples, proxies, python, samples, snapshots, wasm};

/// Runs all checks.
pub(crate) fn check() -> TaskResult {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    dependencies::core_packages()?;
    // If cargo-deny is missing, it is built in a folder of its own.
    beside(dependencies::deny, lints)?;
    let docs = ["doc", "--workspace", "--no-deps", "--locked"];
    run(cargo(&docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    // Built before they run beside others, since only one build runs at a time.
    snapshots::build()?;
    // All of them wait for servers, processes and downloads much of the time.
    beside(
        || python::check().and_then(|()| wasm::check()),
        || {
            snapshots::check()?;
            run(&mut cargo(&["test", "--workspace", "--doc", "--locked"]))?;
            samples::check()?;
            proxies::check()?;
            // Last, since the client of another service is built with other packages in the same folder.
            examples::check()
        },
    )
}

/// Runs both at the same time.
fn beside(
    one: impl FnOnce() -> TaskResult + Send,
    other: impl FnOnce() -> TaskResult,
) -> TaskResult {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        other.and(one)
    })
}

fn lints() -> TaskResult {
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
    adapters_without_the_default_provider()
}

/// Checks the adapters without cryptography for TLS, and with ring.
///
/// Their libraries are built without dev-dependencies, which enable a provider of rustls. The tests are those of
/// clients that have to work, or to fail, without one.
fn adapters_without_the_default_provider() -> TaskResult {
    let check = |command: &str, args: &str| {
        let adapters =
            "--package export-hyper --package export-ureq --no-default-features --locked";
        let words = [command, adapters, args].into_iter().flat_map(|part| part.split(' '));
        run(&mut cargo(&words.collect::<Vec<_>>()))
    };
    check("clippy", "--lib -- -D warnings")?;
    check("clippy", "--lib --features ring -- -D warnings")?;
    check("clippy", "--all-targets -- -D warnings")?;
    check("test", "--test it -- without_tls::")
}
