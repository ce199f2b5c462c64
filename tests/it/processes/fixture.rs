//! A service, and the folders of a job for its file and its checkpoints.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conformance::Adapter;
use export_core::Checkpoint;
use export_host::CheckpointFolder;
use export_sim::{Config, Endpoint, RecordedRequest, Scenario, Server};
use tempfile::TempDir;

/// The program that runs the job.
pub(super) const NIGHTLY: &str = env!("CARGO_BIN_EXE_nightly");

/// The key of the job.
pub(super) const KEY: &str = "nightly";

/// The secret of the registered client.
pub(super) const SECRET: &str = "s3cret-of-the-nightly-job";

/// The content of a file from an earlier export under the final name.
pub(super) const OLD: &[u8] = b"the file of an earlier run";

/// The maximum duration of a run, with a margin for busy machines.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A service, and the folders of a job.
pub(super) struct Fixture {
    pub(super) adapter: Adapter,
    pub(super) server: Server,
    pub(super) spec: &'static str,
    pub(super) folder: TempDir,
    pub(super) target: PathBuf,
}

/// Construction and commands.
impl Fixture {
    /// The length of the file in [`with_old_file`](Self::with_old_file).
    pub(super) const LENGTH: u64 = 1_000_000;

    pub(super) fn new(adapter: Adapter, spec: &'static str, service: Config) -> Self {
        let service = service
            .with_client("nightly", SECRET)
            .with_retry_after(0)
            .with_operations_rate(0.0)
            .with_seed(1);
        let server = Server::start_blocking(service).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("files/report");
        let fixture = Self { adapter, server, spec, folder, target };
        fs::create_dir(fixture.files()).unwrap();
        fs::create_dir(fixture.checkpoints()).unwrap();
        fixture
    }

    /// A fixture for a document of [`LENGTH`](Self::LENGTH), with an old file under the final name.
    pub(super) fn with_old_file(adapter: Adapter) -> Self {
        let service = Config::default().with_artifact_size(Self::LENGTH);
        let fixture = Self::new(adapter, "document", service);
        fs::write(fixture.target(), OLD).unwrap();
        fixture
    }

    pub(super) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.target.clone()
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    /// The command of a run of the job.
    pub(super) fn command(&self) -> Command {
        self.command_with(Command::new(NIGHTLY))
    }

    /// A run with a command that executes [`NIGHTLY`] with the arguments added here.
    pub(super) fn command_with(&self, mut command: Command) -> Command {
        let adapter = match self.adapter {
            Adapter::Hyper => "hyper",
            _ => "ureq",
        };
        command
            .args([adapter, self.server.url(), self.spec])
            .args([self.target(), self.checkpoints()])
            .env("EXPORT_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the job, which must fail, and returns its normalized error output.
    pub(super) fn run_and_fail(&self, mut command: Command) -> String {
        let exit = wait(command.spawn().unwrap());
        assert!(!exit.is_success, "the job did not fail");
        self.check_for_leaks();
        self.normalize(&exit.stderr)
    }

    /// Runs the job, which must succeed without a second submit.
    pub(super) fn run_and_succeed(&self) {
        let exit = wait(self.command().spawn().unwrap());
        assert!(exit.is_success, "{}", exit.stderr);
        assert_eq!(self.submits().len(), 1);
        self.check_completed();
    }
}

/// The current state.
impl Fixture {
    /// The stored checkpoint, which must always be complete.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        CheckpointFolder::new(self.checkpoints()).file(KEY).load().unwrap()
    }

    /// Whether the stored checkpoint says that the export was accepted.
    pub(super) fn is_acceptance_stored(&self) -> bool {
        self.checkpoint().is_some_and(|checkpoint| checkpoint.operation().is_some())
    }

    /// The file under the final name.
    pub(super) fn file(&self) -> Option<Vec<u8>> {
        fs::read(self.target()).ok()
    }

    /// The file that the service serves, which is the same for all exports.
    pub(super) fn served(&self) -> Vec<u8> {
        self.server.exports().last().unwrap().content().to_bytes().unwrap().to_vec()
    }

    pub(super) fn submits(&self) -> Vec<RecordedRequest> {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| request.endpoint() == Endpoint::Submit).collect()
    }

    /// The sorted names of the entries of a folder. Empty if the folder does not exist.
    pub(super) fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Waits for a request to this endpoint.
    pub(super) fn wait_for(&self, endpoint: Endpoint) {
        let matches = |request: &RecordedRequest| request.endpoint() == endpoint;
        self.wait_until(|| self.server.requests().iter().any(matches));
    }

    /// Waits for a part file that is not empty.
    pub(super) fn wait_for_part(&self) {
        self.wait_until(|| {
            let names = Self::names(&self.files());
            let mut found = names.iter().map(|name| fs::metadata(self.files().join(name)));
            found.any(|found| found.is_ok_and(|found| found.len() > 0))
        });
    }

    pub(super) fn wait_until(&self, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !condition() {
            assert!(Instant::now() < deadline, "timeout: {:?}", self.server.requests());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Replaces the parts of a text that depend on the run or the system.
    pub(super) fn normalize(&self, text: &str) -> String {
        let mut text = text
            .replace(&self.folder.path().display().to_string(), "[folder]")
            .replace(self.server.url(), "[service]");
        for export in self.server.exports() {
            text = text.replace(export.operation(), "[id]");
        }
        replace_between(&mut text, " (os error ", ")", "");
        replace_between(&mut text, "/.report.", ".part", "/.report.[hash].part");
        text
    }
}

/// Assertions.
impl Fixture {
    pub(super) fn check_old_file(&self) {
        assert_eq!(self.file().as_deref(), Some(OLD));
    }

    /// Checks that the file is correct, and that no part file and no checkpoint is left.
    pub(super) fn check_completed(&self) {
        assert!(self.file().unwrap() == self.served(), "the file is damaged");
        assert_eq!(Self::names(&self.files()), ["report"]);
        assert_eq!(Self::names(&self.checkpoints()), [""; 0]);
        self.check_for_leaks();
    }

    /// Checks that no file of the job, and no name of a file, contains a secret or a token.
    pub(super) fn check_for_leaks(&self) {
        let requests = self.server.requests();
        let bearer = |request: &RecordedRequest| {
            Some(request.header("authorization")?.strip_prefix("Bearer ")?.to_owned())
        };
        let mut secrets: Vec<String> = requests.iter().filter_map(bearer).collect();
        secrets.push(SECRET.to_owned());
        secrets.sort();
        secrets.dedup();
        for folder in [self.files(), self.checkpoints()] {
            for name in Self::names(&folder) {
                let path = folder.join(&name);
                let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
                let bytes = if is_file { fs::read(&path).unwrap() } else { Vec::new() };
                for secret in secrets.iter().map(String::as_bytes) {
                    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|it| it == secret);
                    assert!(!holds(name.as_bytes()), "a secret in the name {name}");
                    // Files of more than 100 kB are the artifact, whose content is from the service.
                    assert!(bytes.len() > 100_000 || !holds(&bytes), "a secret in {name}");
                }
            }
        }
    }
}

/// Replaces all texts that start with `from` and end with `to`.
fn replace_between(text: &mut String, from: &str, to: &str, by: &str) {
    while let Some(start) = text.find(from)
        && let Some(end) = text[start..].find(to)
    {
        let found = start..start + end + to.len();
        if text[found.clone()] == *by {
            return;
        }
        text.replace_range(found, by);
    }
}

/// Runs a function with both adapters, whose results must be equal.
pub(super) fn for_both_adapters(run: impl Fn(Adapter) -> String + Sync) -> String {
    let run = &run;
    let [hyper, ureq] = thread::scope(|scope| {
        let threads = Adapter::ALL.map(|adapter| scope.spawn(move || run(adapter)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(hyper, ureq);
    hyper
}

/// Compares the output of the job with a snapshot.
pub(super) fn assert_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/processes");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A scenario that delays the responses of an endpoint.
pub(super) fn delayed(endpoint: &str) -> Scenario {
    let stall = r#"{"fault": "stall", "at": "before_head", "for": "300ms"}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {stall}}}"#);
    Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap()
}

/// The result of a process.
pub(super) struct Exit {
    pub(super) is_success: bool,
    pub(super) stderr: String,
}

/// Waits for a process to end.
pub(super) fn wait(mut child: Child) -> Exit {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            return Exit { is_success: status.success(), stderr: stderr.trim_end().to_owned() };
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the process did not end within {TIMEOUT:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
}
