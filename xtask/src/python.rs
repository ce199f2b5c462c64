//! The Python package: its wheel, tests and types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::shell::{self, TaskResult, cargo, root, run, target};

/// Builds the wheel, installs it, and runs the tests and the type checkers.
pub(crate) fn check() -> TaskResult {
    let python = python()?;
    install(&python, "dev")?;
    let checks: [&[&str]; 3] = [
        &["-m", "pytest"],
        &["-m", "mypy"],
        // It looks for packages beside the interpreter that it is given.
        &["-m", "pyright", "--pythonpath"],
    ];
    for args in checks {
        let mut command = Command::new(&python);
        command.args(args).current_dir(root().join("python"));
        if args.contains(&"--pythonpath") {
            command.arg(&python);
        }
        run(&mut command)?;
    }
    cases(&python)
}

/// Runs the conformance cases with the drivers of the package, and compares their transcripts with the snapshots. The
/// drivers run side by side: some cases wait for a timeout.
fn cases(python: &Path) -> TaskResult {
    let program = ["--package", "conformance", "--bin", "python_cases", "--locked"];
    run(&mut cargo(&[&["build", "--quiet"], &program[..]].concat()))?;
    let cases = |driver| {
        let mut command = Command::new(target("debug").join("python_cases"));
        run(command.arg(python).arg(root().join("python/tests/cases.py")).arg(driver))
    };
    thread::scope(|scope| {
        let drivers = ["requests", "httpx", "httpx-async", "aiohttp"];
        let running = drivers.map(|driver| scope.spawn(move || cases(driver)));
        running.into_iter().try_for_each(|driver| {
            driver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// A Python with what `python/requirements.txt` lists, in a virtual environment in the target directory.
pub(crate) fn python() -> TaskResult<PathBuf> {
    let path = root().join("python/requirements.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let packages: Vec<_> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    shell::python("python-venv", &packages)
}

/// Builds the wheel in a profile of cargo, and installs it. Returns its path.
pub(crate) fn install(python: &Path, profile: &str) -> TaskResult<PathBuf> {
    let folder = target(&format!("wheels-{profile}"));
    let _ = fs::remove_dir_all(&folder);
    let mut maturin = Command::new(python);
    maturin.args(["-m", "maturin", "build", "--locked", "--quiet", "--profile", profile, "--out"]);
    run(maturin.arg(&folder).current_dir(root().join("python")))?;
    let wheel = fs::read_dir(&folder).ok().and_then(|mut files| files.next()?.ok());
    let wheel = wheel.ok_or("maturin has built no wheel")?.path();
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let mut pip = Command::new(python);
    pip.args(install).args(["--no-deps", "--force-reinstall"]).arg(&wheel);
    run(&mut pip)?;
    Ok(wheel)
}
