//! Where a job works: a folder for its file, one for its checkpoints, and the service.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conformance::Adapter;
use export_core::Checkpoint;
use export_host::CheckpointFolder;
use export_sim::{Config, Endpoint, RecordedRequest, Server};
use tempfile::TempDir;

/// The key of the job.
pub(super) const KEY: &str = "nightly";

/// The secret of the one client that the service knows.
pub(super) const SECRET: &str = "s3cret-of-the-nightly-job";

/// What stood there before.
pub(super) const OLD: &[u8] = b"the file of the night before";

/// Longer than any run takes, even on a machine that is busy with something else.
const BOUND: Duration = Duration::from_secs(120);

/// A service, and the folders of a job that exports from it.
pub(super) struct Place {
    pub(super) adapter: Adapter,
    pub(super) server: Server,
    pub(super) spec: &'static str,
    pub(super) folder: TempDir,
}

impl Place {
    pub(super) fn new(adapter: Adapter, spec: &'static str, service: Config) -> Self {
        let service = service
            .with_client("nightly", SECRET)
            .with_retry_after(0)
            .with_operations_rate(0.0)
            .with_seed(1);
        let server = Server::start_blocking(service).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = Self { adapter, server, spec, folder };
        fs::create_dir(place.files()).unwrap();
        fs::create_dir(place.checkpoints()).unwrap();
        place
    }

    pub(super) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.files().join("report")
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    /// One run of the job.
    pub(super) fn night(&self, run: usize, resubmit: &str) -> Command {
        self.night_with(Command::new(env!("CARGO_BIN_EXE_nightly")), run, resubmit)
    }

    /// One run, by a command that ends in running the words that follow it.
    pub(super) fn night_with(&self, mut command: Command, run: usize, resubmit: &str) -> Command {
        let adapter = match self.adapter {
            Adapter::Hyper => "hyper",
            _ => "ureq",
        };
        command
            .args([adapter, self.server.url()])
            .args([self.target(), self.checkpoints()])
            .args([self.spec, resubmit])
            .env("EXPORT_SECRET", SECRET)
            .env("EXPORT_RUN", run.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// The checkpoint that is on disk. Whatever happened, it is a whole one.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        CheckpointFolder::new(self.checkpoints()).file(KEY).load().unwrap()
    }

    /// Whether the export is known to be accepted by whoever starts now.
    pub(super) fn is_accepted_on_disk(&self) -> bool {
        self.checkpoint().is_some_and(|checkpoint| checkpoint.operation().is_some())
    }

    /// The bytes that stand under the final name.
    pub(super) fn file(&self) -> Option<Vec<u8>> {
        fs::read(self.target()).ok()
    }

    /// The bytes that the service serves: those of its latest export, which are those of each.
    pub(super) fn served(&self) -> Vec<u8> {
        self.server.exports().last().unwrap().content().to_bytes().unwrap().to_vec()
    }

    pub(super) fn submits(&self) -> Vec<RecordedRequest> {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| request.endpoint() == Endpoint::Submit).collect()
    }

    /// The names of what is in a folder.
    pub(super) fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Panics if a secret or a token is in any file of the job, or in the name of one.
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
                let bytes = fs::read(folder.join(&name)).unwrap();
                for secret in secrets.iter().map(String::as_bytes) {
                    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|it| it == secret);
                    assert!(!holds(name.as_bytes()), "a secret in the name {name}");
                    // A file of megabytes is the artifact, which is the service's.
                    assert!(bytes.len() > 100_000 || !holds(&bytes), "a secret in {name}");
                }
            }
        }
    }
}

/// How a process ended.
pub(super) struct End {
    pub(super) is_success: bool,
    /// What it said.
    pub(super) text: String,
}

/// Waits for a process to end.
pub(super) fn end(mut child: Child) -> End {
    let give_up_at = Instant::now() + BOUND;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut text = String::new();
            child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            return End { is_success: status.success(), text: text.trim_end().to_owned() };
        }
        if Instant::now() > give_up_at {
            child.kill().unwrap();
            panic!("a run did not end within {BOUND:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
}
