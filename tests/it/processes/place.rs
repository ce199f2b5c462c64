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
use export_sim::{Config, Endpoint, RecordedRequest, Scenario, Server};
use tempfile::TempDir;

/// The program that is killed, starved and crowded.
pub(super) const NIGHTLY: &str = env!("CARGO_BIN_EXE_nightly");

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
    pub(super) target: PathBuf,
}

/// What it is made of.
impl Place {
    /// The length of the file where a file of the night before is.
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
        let place = Self { adapter, server, spec, folder, target };
        fs::create_dir(place.files()).unwrap();
        fs::create_dir(place.checkpoints()).unwrap();
        place
    }

    /// A place for a document of [`LENGTH`](Self::LENGTH), where a file of the night before is.
    pub(super) fn with_old_file(adapter: Adapter) -> Self {
        let service = Config::default().with_artifact_size(Self::LENGTH);
        let place = Self::new(adapter, "document", service);
        fs::write(place.target(), OLD).unwrap();
        place
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

    /// One run of the job.
    pub(super) fn night(&self) -> Command {
        self.night_with(Command::new(NIGHTLY))
    }

    /// One run, by a command that ends in [`NIGHTLY`] and takes what follows as its arguments.
    pub(super) fn night_with(&self, mut command: Command) -> Command {
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

    /// Runs the job, which must fail, and returns what it said.
    pub(super) fn fails(&self, mut night: Command) -> String {
        let end = end(night.spawn().unwrap());
        assert!(!end.is_success, "it did not fail");
        self.check_for_leaks();
        self.without_paths(&end.text)
    }

    /// Runs the job with nothing in its way, and all is as if nothing had ever been.
    pub(super) fn succeeds_with_one_submit(&self) {
        let end = end(self.night().spawn().unwrap());
        assert!(end.is_success, "{}", end.text);
        assert_eq!(self.submits().len(), 1);
        self.check_all_is_done();
    }
}

/// What is there.
impl Place {
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

    /// The names of what is in a folder, if there is one.
    pub(super) fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).into_iter().flatten();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Waits until a request of this kind has come.
    pub(super) fn wait_for(&self, endpoint: Endpoint) {
        let is_meant = |request: &RecordedRequest| request.endpoint() == endpoint;
        self.wait_until(|| self.server.requests().iter().any(is_meant));
    }

    /// Waits until a part file is there that a process has begun to fill.
    pub(super) fn wait_for_part(&self) {
        self.wait_until(|| {
            let names = Self::names(&self.files());
            let mut found = names.iter().map(|name| fs::metadata(self.files().join(name)));
            found.any(|found| found.is_ok_and(|found| found.len() > 0))
        });
    }

    pub(super) fn wait_until(&self, is_so: impl Fn() -> bool) {
        let give_up_at = Instant::now() + BOUND;
        while !is_so() {
            assert!(
                Instant::now() < give_up_at,
                "nothing of that happens: {:?}",
                self.server.requests()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// A text without all that differs from run to run, and from system to system.
    pub(super) fn without_paths(&self, text: &str) -> String {
        let mut text = text
            .replace(&self.folder.path().display().to_string(), "[folder]")
            .replace(self.server.url(), "[service]");
        for export in self.server.exports() {
            text = text.replace(export.operation(), "[id]");
        }
        cut_out(&mut text, " (os error ", ")", "");
        cut_out(&mut text, "/.report.", ".part", "/.report.[hash].part");
        text
    }
}

/// What has to hold.
impl Place {
    pub(super) fn check_old_file(&self) {
        assert_eq!(self.file().as_deref(), Some(OLD));
    }

    /// The file is there and whole, and nothing else is.
    pub(super) fn check_all_is_done(&self) {
        assert!(self.file().unwrap() == self.served(), "not what the service serves");
        assert_eq!(Self::names(&self.files()), ["report"]);
        assert_eq!(Self::names(&self.checkpoints()), [""; 0]);
        self.check_for_leaks();
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
                let path = folder.join(&name);
                let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
                let bytes = if is_file { fs::read(&path).unwrap() } else { Vec::new() };
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

/// Replaces everything from one word to the next.
fn cut_out(text: &mut String, from: &str, to: &str, by: &str) {
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

/// The same happens with both adapters, and is told in the same words.
pub(super) fn with_both(tell: impl Fn(Adapter) -> String + Sync) -> String {
    let tell = &tell;
    let [hyper, ureq] = thread::scope(|scope| {
        let told = Adapter::ALL.map(|adapter| scope.spawn(move || tell(adapter)));
        told.map(|told| told.join().unwrap())
    });
    assert_eq!(hyper, ureq);
    hyper
}

/// What a user reads.
pub(super) fn assert_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/processes");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The answers of an endpoint take their time.
pub(super) fn late(endpoint: &str) -> Scenario {
    let stall = r#"{"fault": "stall", "at": "before_head", "for": "300ms"}"#;
    let rule = format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {stall}}}"#);
    Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap()
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
