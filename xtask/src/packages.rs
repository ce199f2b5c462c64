//! Checks the packages of the crates that are published.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{TaskResult, cargo, output, root, run, target};

/// The largest package, in **bytes**. It would exceed this with test snapshots or generated files.
const MAX_SIZE: u64 = 400_000;

/// Checks the files of each published crate, and builds it from its package, as its users do.
///
/// cargo takes what it has unpacked and built of an earlier package for the new one, since the
/// version is the same: both are removed first.
pub(crate) fn check() -> TaskResult {
    let crates = published()?;
    let folder = build_folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| explain(&folder, &error))?;
    }
    for name in &crates {
        remove_unpacked(name, &version(name)?)?;
    }
    let selected: Vec<&str> = crates.iter().flat_map(|name| ["--package", name.as_str()]).collect();
    let in_folder =
        |words: &[&str]| run(cargo(words).args(&selected).env("CARGO_TARGET_DIR", &folder));
    // The files first, since the builds take minutes.
    in_folder(&["package", "--no-verify", "--locked"])?;
    for name in &crates {
        check_files(name, &version(name)?)?;
    }
    in_folder(&["publish", "--dry-run", "--locked"])
}

/// Where the packages are built.
fn build_folder() -> PathBuf {
    target("package-check")
}

/// Removes what cargo has unpacked of an earlier package of a crate. The registry of such packages is
/// a folder without a host.
fn remove_unpacked(name: &str, version: &str) -> TaskResult {
    let default = || env::home_dir().map(|home| home.join(".cargo"));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default);
    let Some(registries) = home.map(|home| home.join("registry/src")) else { return Ok(()) };
    let Ok(entries) = fs::read_dir(&registries) else { return Ok(()) };
    for registry in entries.flatten().filter(|it| it.file_name().as_encoded_bytes()[0] == b'-') {
        let unpacked = registry.path().join(format!("{name}-{version}"));
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked).map_err(|error| explain(&unpacked, &error))?;
        }
    }
    Ok(())
}

/// The crates without `publish = false`.
fn published() -> TaskResult<Vec<String>> {
    let folder = root().join("crates");
    let entries = fs::read_dir(&folder).map_err(|error| explain(&folder, &error))?;
    let mut crates = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let manifest = path.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|error| explain(&manifest, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !text.lines().any(|line| line == "publish = false") {
            crates.push(name);
        }
    }
    crates.sort();
    Ok(crates)
}

/// The version of a crate: what follows `#` or `@` in its package ID.
fn version(name: &str) -> TaskResult<String> {
    let id = output(&mut cargo(&["pkgid", "--locked", "--package", name]))?;
    let version = id.trim().rsplit(['#', '@']).next();
    Ok(version.unwrap_or_default().into())
}

/// Checks that a package has its README and the texts of the licences, and its size.
fn check_files(name: &str, version: &str) -> TaskResult {
    let folder = format!("{name}-{version}");
    let package = build_folder().join("package").join(format!("{folder}.crate"));
    let size = fs::metadata(&package).map_err(|error| explain(&package, &error))?.len();
    let files = output(Command::new("tar").arg("-tzf").arg(&package))?;
    println!("{}: {} files, {} KB", package.display(), files.lines().count(), size / 1000);
    if size > MAX_SIZE {
        return Err(format!("{folder} is larger than {MAX_SIZE} bytes:\n{files}"));
    }
    let read = |file: &str| {
        let file = format!("{folder}/{file}");
        output(Command::new("tar").arg("-xOzf").arg(&package).arg(file))
    };
    // In a package, a link that was not followed is a file with the path of its target.
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let path = root().join(licence);
        let text = fs::read_to_string(&path).map_err(|error| explain(&path, &error))?;
        if read(licence)? != text {
            return Err(format!("{folder}/{licence} differs from {}", path.display()));
        }
    }
    if read("README.md")?.starts_with(&format!("# {name}\n")) {
        Ok(())
    } else {
        Err(format!("{folder}/README.md does not begin with the name of the crate"))
    }
}

fn explain(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
