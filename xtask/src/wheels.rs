//! The wheels of the Python package and of the program, as they are published.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, TaskResult, output, root, run, target};
use crate::{licences, python};

/// The largest wheel of the Python package, in **bytes**.
const MAX_SIZE: u64 = 3_000_000;

/// On Linux, wheels are linked with zig against the glibc of 2014, and run on every system since. maturin checks that
/// they use nothing newer.
const LINUX: [&str; 3] = ["--zig", "--compatibility", "manylinux2014"];

/// An export with the package from its wheel alone.
const EXPORT: &str = "
from workiva_export import Client
from workiva_export.simulator import Simulator
with Simulator() as service, Client(**service.settings) as client:
    print(client.export_document('124efa2a142f').to_file('report.pdf'))
";

/// Builds all into a folder, and exports with each wheel.
pub(crate) fn build(folder: &str) -> TaskResult {
    let folder = root().join(folder);
    let explain = |path: &Path, error| format!("{}: {error}", path.display());
    fs::create_dir_all(&folder).map_err(|error| explain(&folder, error))?;
    let maturin = python::requirement("maturin")?;
    let packages: &[&str] =
        if cfg!(target_os = "linux") { &[&maturin, "ziglang"] } else { &[&maturin] };
    let python = shell::python("wheels-venv", packages)?;
    let maturin = |project: &str, args: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "maturin"]).args(args).arg("--out").arg(&folder);
        // Where maturin looks for zig, which is in the same environment.
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", &python);
        run(command.current_dir(root().join(project)))
    };
    let linux: &[&str] = if cfg!(target_os = "linux") { &LINUX } else { &[] };
    for (project, package) in [("python", "export-python"), ("python/wexport", "wexport")] {
        licences::write(package, &root().join(project).join("LICENSES-THIRD-PARTY.txt"))?;
        maturin(project, &[&["build", "--locked", "--quiet"], linux].concat())?;
    }
    maturin("python", &["sdist"])?;
    let (package, program) = (find(&folder, "workiva_export-")?, find(&folder, "wexport-")?);
    let size = fs::metadata(&package).map_err(|error| explain(&package, error))?.len();
    println!("{}: {:.2} MB", package.display(), size as f64 / 1e6);
    if size > MAX_SIZE {
        return Err(format!("{} is larger than {MAX_SIZE} bytes", package.display()));
    }
    for wheel in [&package, &program] {
        check_licences(&python, wheel)?;
    }
    let home = target("wheels-check");
    // A new one, since pip takes a wheel of the same version for the one that is installed.
    let _ = fs::remove_dir_all(&home);
    let fresh = shell::python("wheels-check", &["pip"])?;
    run(shell::pip_install(&fresh).arg("--no-index").args([&package, &program]))?;
    run(Command::new(&fresh).args(["-W", "error", "-c", EXPORT]).current_dir(&home))?;
    run(Command::new(shell::bin(&home).join("wexport")).arg("demo").arg(home.join("demo")))
}

/// The wheel whose name begins so.
fn find(folder: &Path, start: &str) -> TaskResult<PathBuf> {
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(start) && name.ends_with(".whl")
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.into_iter().find(is_wanted).ok_or_else(|| format!("maturin has built no {start}*.whl"))
}

/// Checks that a wheel has the licences of the workspace and those of its dependencies.
fn check_licences(python: &Path, wheel: &Path) -> TaskResult {
    let names = output(Command::new(python).args(["-m", "zipfile", "-l"]).arg(wheel))?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT", "LICENSES-THIRD-PARTY.txt"] {
        if !names.contains(&format!("/licenses/{licence}")) {
            return Err(format!("{} has no {licence}:\n{names}", wheel.display()));
        }
    }
    Ok(())
}
