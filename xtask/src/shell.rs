//! Runs programs.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The result of a task. The error is a message for the user.
pub(crate) type TaskResult<T = ()> = Result<T, String>;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}

/// The target directory of a profile.
pub(crate) fn target(profile: &str) -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(profile)
}

/// A cargo command in the root of the workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Prints and runs a command.
pub(crate) fn run(command: &mut Command) -> TaskResult {
    let line = command_line(command);
    eprintln!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed: {status}")),
        Err(error) => Err(format!("cannot start `{line}`: {error}")),
    }
}

/// Prints and runs a command beside others. What it prints comes at its end, or is in the error, which is printed after
/// what the others print.
pub(crate) fn run_quietly(command: &mut Command) -> TaskResult {
    let line = command_line(command);
    let output = command.output().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}\n{text}", output.status));
    }
    // One print holds the lock, so that the lines of commands are not mixed.
    eprint!("$ {line}\n{text}");
    Ok(())
}

/// Runs a command and returns its output on stdout.
pub(crate) fn output(command: &mut Command) -> TaskResult<String> {
    let line = command_line(command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot start `{line}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{line}` failed: {}\n{text}", output.status))
    }
}

fn command_line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A Python with these packages, in a virtual environment in the target directory that is created on
/// the first run.
pub(crate) fn python(folder: &str, packages: &[&str]) -> TaskResult<PathBuf> {
    let system = if cfg!(windows) { "python" } else { "python3" };
    let found = Command::new(system).arg("--version").stdout(Stdio::null()).status();
    found.map_err(|_| format!("{system} is not installed"))?;
    let home = target(folder);
    let python = bin(&home).join("python");
    let (ready, wanted) = (home.join("ready"), packages.join("\n"));
    if fs::read_to_string(&ready).ok().as_ref() != Some(&wanted) {
        run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&home))?;
        run(pip_install(&python).args(packages))?;
        fs::write(&ready, wanted).map_err(|error| format!("{}: {error}", ready.display()))?;
    }
    Ok(python)
}

/// The programs of a virtual environment.
pub(crate) fn bin(home: &Path) -> PathBuf {
    home.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Installs packages, which are added as arguments.
pub(crate) fn pip_install(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command
}

/// A simulator process. It is killed when this is dropped.
pub(crate) struct Simulator {
    child: Child,
    /// The URL of the API.
    pub(crate) url: String,
}

/// Builds all programs and examples, as the tests do: with the same features, so that nothing is built twice.
pub(crate) fn build_programs() -> TaskResult {
    run(&mut cargo(&["build", "--quiet", "--workspace", "--bins", "--examples", "--locked"]))
}

impl Simulator {
    /// Builds and starts the simulator on a free port, with the token `t0ken` and the client
    /// `id:secret`.
    pub(crate) fn start(profile: &str, args: &[&str]) -> TaskResult<Self> {
        match profile {
            "release" => {
                run(&mut cargo(&["build", "--quiet", "--release", "--package", "export-sim"]))?;
            }
            _ => build_programs()?,
        }
        let mut child = Command::new(target(profile).join("export-sim"))
            .args(["--listen", "127.0.0.1:0", "--token", "t0ken", "--client", "id:secret"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start the simulator: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            // The simulator prints a single line to stdout, when it is ready.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        match line.trim().strip_prefix("listening on ") {
            Some(url) => Ok(Self { url: url.into(), child }),
            None => Err("the simulator did not print its address".into()),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
