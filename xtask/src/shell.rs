//! Running programs.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a chore comes to; the text says what to do about it.
pub(crate) type Done<T = ()> = Result<T, String>;

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts what it builds in a profile.
pub(crate) fn target(profile: &str) -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(profile)
}

/// Cargo, at the top of the workspace.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root());
    command
}

/// Runs a program to its end, and says what it was if it fails.
pub(crate) fn run(command: &mut Command) -> Done {
    let shown = shown(command);
    eprintln!("$ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("`{shown}` could not be started: {error}")),
    }
}

/// Runs a program to its end, and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Done<String> {
    let shown = shown(command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{shown}` ended with {}:\n{text}", output.status))
    }
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A Python with these packages, in a folder of the target's, made on the first run.
pub(crate) fn python(folder: &str, packages: &[&str]) -> Done<PathBuf> {
    let found = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    found.map_err(|_| "python3 is needed: install it")?;
    let home = target(folder);
    let python = home.join("bin").join("python");
    let (ready, wanted) = (home.join("ready"), packages.join("\n"));
    if fs::read_to_string(&ready).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(install).args(packages))?;
        fs::write(&ready, wanted).map_err(|error| format!("{}: {error}", ready.display()))?;
    }
    Ok(python)
}

/// The simulator, running until this is dropped.
pub(crate) struct Simulator {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Simulator {
    /// Builds and starts it on a free port, with one token, `t0ken`, and one client, `id:secret`.
    pub(crate) fn start(profile: &str, words: &[&str]) -> Done<Self> {
        let mut build = vec!["build", "--quiet", "--package", "export-sim"];
        if profile == "release" {
            build.push("--release");
        }
        run(&mut cargo(&build))?;
        let mut child = Command::new(target(profile).join("export-sim"))
            .args(["--listen", "127.0.0.1:0", "--token", "t0ken", "--client", "id:secret"])
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the simulator does not start: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            // One line tells that it is ready, and nothing more comes there.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(Self { url: url.into(), child }),
            None => Err("the simulator did not say where it listens".into()),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
