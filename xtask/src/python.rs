//! The Python package: its wheel, tests and types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::shell::{self, TaskResult, build_programs, root, run, run_quietly, target};

/// Builds the wheel, installs it, and runs the tests, the type checkers, and the conformance cases with the drivers of the
/// package, whose transcripts are compared with the snapshots.
///
/// All of them run side by side, since most of the cases and some of the tests wait.
pub(crate) fn check() -> TaskResult {
    let python = python()?;
    // First, since maturin builds with other settings in the same folder.
    build_programs()?;
    install(&python, "dev")?;
    let module = |args: &[&str]| {
        let mut command = Command::new(&python);
        command.arg("-m").args(args).current_dir(root().join("python"));
        command
    };
    let cases = |driver| {
        let mut command = Command::new(target("debug").join("python_cases"));
        command.arg(&python).arg(root().join("python/tests/cases.py")).arg(driver);
        command
    };
    let mut pyright = module(&["pyright", "--pythonpath"]);
    // It looks for packages beside the interpreter that it is given.
    pyright.arg(&python);
    let drivers = ["requests", "httpx", "httpx-async", "aiohttp"];
    let mut commands = vec![module(&["pytest"]), module(&["mypy"]), pyright];
    commands.extend(drivers.map(cases));
    thread::scope(|scope| {
        let running: Vec<_> =
            commands.iter_mut().map(|command| scope.spawn(|| run_quietly(command))).collect();
        running.into_iter().try_for_each(|command| {
            command.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// A Python with what `python/requirements.txt` lists, in a virtual environment in the target directory.
pub(crate) fn python() -> TaskResult<PathBuf> {
    let packages = requirements()?;
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    shell::python("python-venv", &packages)
}

fn requirements() -> TaskResult<Vec<String>> {
    let path = root().join("python/requirements.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(String::from).collect())
}

/// The version of a package that `python/requirements.txt` has, as an argument of pip.
pub(crate) fn requirement(name: &str) -> TaskResult<String> {
    let found = requirements()?.into_iter().find(|line| line.starts_with(&format!("{name}==")));
    found.ok_or_else(|| format!("python/requirements.txt has no {name}"))
}

/// Builds the wheel in a profile of cargo, and installs it. Returns its path.
pub(crate) fn install(python: &Path, profile: &str) -> TaskResult<PathBuf> {
    let wheel = build(python, profile)?;
    run(shell::pip_install(python).args(["--no-deps", "--force-reinstall"]).arg(&wheel))?;
    Ok(wheel)
}

/// Builds the wheel in a profile of cargo, with the maturin of this Python. Returns its path.
pub(crate) fn build(python: &Path, profile: &str) -> TaskResult<PathBuf> {
    let folder = target(&format!("wheels-{profile}"));
    let _ = fs::remove_dir_all(&folder);
    let mut maturin = Command::new(python);
    maturin.args(["-m", "maturin", "build", "--locked", "--quiet", "--profile", profile, "--out"]);
    run(maturin.arg(&folder).current_dir(root().join("python")))?;
    let wheel = fs::read_dir(&folder).ok().and_then(|mut files| files.next()?.ok());
    Ok(wheel.ok_or("maturin has built no wheel")?.path())
}
