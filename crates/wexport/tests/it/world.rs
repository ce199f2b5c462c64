//! A test environment: a home and a working directory of its own, and a simulated service.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use export_sim::{Config, RecordedRequest, Server};
use tempfile::TempDir;

use crate::mask::mask;
use crate::schema;

/// A test environment.
pub(crate) struct World {
    pub(crate) server: Server,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// The result of a command. The lines of standard error are without their times.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A service without rate limits and waits.
pub(crate) fn quick() -> Config {
    Config::default()
        .with_client("an-id", "a-secret")
        .with_token("a-token")
        .with_retry_after(0)
        .with_operations_rate(0.0)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(quick())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        let server = Server::start_blocking(config).unwrap();
        Self { server, folder, environment: Vec::new() }
    }

    /// Sets a variable for all commands from now on.
    #[cfg(all(unix, feature = "s3"))]
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.retain(|(other, _)| *other != name);
        self.environment.push((name, value.into()));
    }

    /// The working directory of commands.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A command whose environment variables are those of this world only.
    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wexport"));
        command
            .args(line)
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.home())
            .env("WEXPORT_BASE_URL", self.server.url())
            .env("WEXPORT_POLL_INTERVAL", "20ms")
            .env("WEXPORT_POLL_RATE", "1000/s")
            .env("WEXPORT_SUBMIT_RATE", "1000/s")
            .env("WORKIVA_CLIENT_ID", "an-id")
            .env("WORKIVA_CLIENT_SECRET", "a-secret")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command with these variables. An empty value removes the variable.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], line: &[&str]) -> Ran {
        let mut command = self.command(line);
        for (name, value) in variables {
            match *value {
                "" => command.env_remove(name),
                value => command.env(name, value),
            };
        }
        self.ran(command.output().unwrap())
    }

    /// Writes a file to the working directory. Only its owner can read it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.work().join(name)).unwrap().write_all(text.as_ref()).unwrap();
    }

    /// Runs a command.
    pub(crate) fn run(&self, line: &[&str]) -> Ran {
        self.ran(self.command(line).output().unwrap())
    }

    pub(crate) fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (out, err) = (text(output.stdout), text(output.stderr));
        schema::check_lines(&out);
        schema::check_lines(&err);
        let err = err.split_inclusive('\n').map(without_time).collect();
        Ran { code: output.status.code(), out, err }
    }

    /// Runs a command that has to succeed.
    pub(crate) fn done(&self, line: &[&str]) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{line:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// Masks the parts of a text that differ between runs.
    pub(crate) fn masked(&self, text: &str) -> String {
        let text = text.replace(self.server.storage_url(), "http://STORE");
        let text = text.replace(self.server.url(), "http://API");
        let host = |url: &str| url.split("//").nth(1).unwrap().to_owned();
        let text = text.replace(&host(self.server.url()), "API");
        mask(&text.replace(&self.folder.path().display().to_string(), "/TMP"))
    }

    /// The requests to the service: `METHOD PATH STATUS`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let line = |request: &RecordedRequest| {
            let status =
                request.status().map_or_else(|| "-".into(), |status| status.as_u16().to_string());
            format!("{} {} {status}", request.method(), request.target())
        };
        self.server.requests().iter().map(line).collect()
    }

    pub(crate) fn submits(&self) -> usize {
        self.requests().iter().filter(|line| line.contains("/export ")).count()
    }

    /// The file names in a folder of the working directory, with hidden ones.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.work().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.work().join(path)).unwrap()
    }

    /// The file of the last export.
    pub(crate) fn exported(&self) -> Vec<u8> {
        self.server.exports().pop().unwrap().content().to_bytes().unwrap().to_vec()
    }

    /// Starts a command, and waits until `is_reached` returns true.
    pub(crate) fn start_until(&self, line: &[&str], is_reached: impl Fn(&Self) -> bool) -> Child {
        self.spawn_until(self.command(line), is_reached)
    }

    pub(crate) fn spawn_until(
        &self,
        mut command: Command,
        is_reached: impl Fn(&Self) -> bool,
    ) -> Child {
        let mut child = command.spawn().unwrap();
        let give_up_at = Instant::now() + Duration::from_secs(20);
        while !is_reached(self) {
            assert!(Instant::now() < give_up_at, "{:?}", self.requests());
            assert!(
                child.try_wait().unwrap().is_none(),
                "the command ended: {:?}",
                self.requests()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }
}

impl Drop for World {
    /// Checks what the runs have left.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            schema::check_files(self.folder.path());
        }
    }
}

/// A line without the time that it begins with: `2026-11-27T08:15:31Z `.
pub(crate) fn without_time(line: &str) -> &str {
    const FORM: &str = "0000-00-00T00:00:00Z ";
    let Some((time, rest)) = line.split_at_checked(FORM.len()) else { return line };
    let has_form = time.chars().zip(FORM.chars()).all(|(c, form)| match form {
        '0' => c.is_ascii_digit(),
        form => c == form,
    });
    if has_form { rest } else { line }
}
