//! Checkpoints and part files that do not match, as a crash can leave them.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::Adapter;
use export_core::Error;
use export_host::{CheckpointFolder, ExportError};
use export_sim::{Config, Endpoint, Scenario};
use serde_json::{Value, json};

use super::environment::Obstacle;
use super::fixture::{Fixture, KEY, OLD};
use super::in_process::InProcess;

/// The length of the file.
const LENGTH: usize = 100;

/// The number of bytes that are received before the download is interrupted.
const RECEIVED: usize = 60;

#[test]
fn async_resume_handles_any_part_and_checkpoint() {
    resume_with_any_part_and_checkpoint(Adapter::Hyper);
}

#[test]
fn blocking_resume_handles_any_part_and_checkpoint() {
    resume_with_any_part_and_checkpoint(Adapter::Ureq);
}

#[test]
fn obstacle_at_part_file_is_reported_and_kept() {
    for adapter in Adapter::ALL {
        let interrupted = Interrupted::new(adapter);
        let victim = interrupted.fixture.folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let link = |to: &Path| Obstacle::Link(to.to_owned());
        let nowhere = interrupted.fixture.folder.path().join("nowhere");
        for obstacle in [Obstacle::Directory, link(&victim), link(&nowhere), Obstacle::Fifo] {
            fs::remove_file(&interrupted.part).unwrap();
            obstacle.create(&interrupted.part);
            let error = interrupted.job.run(&interrupted.fixture).unwrap_err();
            assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
            let text = format!("exists and is not a regular file: {}", interrupted.part.display());
            assert!(error.to_string().contains(&text), "{error}");
            assert_eq!(interrupted.fixture.file().unwrap(), OLD);
            assert_eq!(fs::read(&victim).unwrap(), b"mine");
            assert!(!nowhere.exists());
            obstacle.remove(&interrupted.part);
            fs::write(&interrupted.part, &interrupted.received).unwrap();
        }
        // The download can still be resumed.
        assert_eq!(interrupted.resume(), format!("bytes={RECEIVED}-"));
    }
}

#[test]
fn torn_checkpoint_is_an_error_and_starts_no_export() {
    for adapter in Adapter::ALL {
        let interrupted = Interrupted::new(adapter);
        let file = CheckpointFolder::new(interrupted.fixture.checkpoints()).file(KEY);
        let path = file.path().display().to_string();
        let complete = fs::read(file.path()).unwrap();
        let requests = interrupted.fixture.server.requests().len();
        for length in 0..complete.len() {
            fs::write(file.path(), &complete[..length]).unwrap();
            let error = interrupted.job.run(&interrupted.fixture).unwrap_err();
            assert!(matches!(error, ExportError::Store { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("not a checkpoint: ") && text.contains(&path), "{text}");
        }
        assert_eq!(interrupted.fixture.server.requests().len(), requests);
        fs::write(file.path(), complete).unwrap();
        assert_eq!(interrupted.resume(), format!("bytes={RECEIVED}-"));
    }
}

fn resume_with_any_part_and_checkpoint(adapter: Adapter) {
    let interrupted = Interrupted::new(adapter);
    let served = interrupted.fixture.served();
    let is_selected =
        |length: &usize| [0, 1, RECEIVED, LENGTH - 1, LENGTH, LENGTH + 5].contains(length);
    for durable in [RECEIVED, 0, 1, LENGTH - 1, LENGTH] {
        // All lengths with one of the checkpoints, selected lengths with the others.
        let lengths = (0..LENGTH + 10).filter(|length| durable == RECEIVED || is_selected(length));
        for length in lengths.map(Some).chain([None]) {
            let _ = fs::remove_file(&interrupted.part);
            if let Some(length) = length {
                // Only the bytes up to the offset of the checkpoint are guaranteed to be correct.
                let correct = served.iter().take(durable).copied();
                let part: Vec<u8> = correct.chain([b'?'; 2 * LENGTH]).take(length).collect();
                fs::write(&interrupted.part, part).unwrap();
            }
            interrupted.store(durable);
            let range = interrupted.resume();
            let kept = durable.min(length.unwrap_or(0));
            let expected = match kept {
                0 => String::new(),
                // An empty range is not valid.
                LENGTH => format!("bytes={}-", LENGTH - 1),
                kept => format!("bytes={kept}-"),
            };
            assert_eq!(range, expected, "{length:?} bytes, and {durable} in the checkpoint");
        }
    }
}

/// A job whose download was interrupted, with its part file and checkpoint.
struct Interrupted {
    fixture: Fixture,
    job: InProcess,
    part: PathBuf,
    received: Vec<u8>,
    checkpoint: Value,
}

impl Interrupted {
    fn new(adapter: Adapter) -> Self {
        let close = |nth: &str, byte: usize| {
            let requests = format!(r#"{{"endpoint": "download", "nth": {nth}}}"#);
            format!(
                r#"{{"match": {requests}, "then": {{"fault": "close", "at": {{"byte": {byte}}}}}}}"#
            )
        };
        let rules = [close("1", RECEIVED), close(r#"{"from": 2, "to": 3}"#, 0)];
        let scenario = format!(r#"{{"rules": [{}]}}"#, rules.join(","));
        let service = Config::default()
            .with_artifact_size(LENGTH as u64)
            .with_scenario(Scenario::from_json(&scenario).unwrap());
        let fixture = Fixture::new(adapter, "document", service);
        fs::write(fixture.target(), OLD).unwrap();
        let job = InProcess::new(&fixture);
        let error = job.run(&fixture).unwrap_err();
        assert!(matches!(error.job(), Some(Error::GaveUp { .. })), "{error}");
        assert_eq!(fixture.file().unwrap(), OLD);
        let names = Fixture::names(&fixture.files());
        let part = names.iter().find(|name| name.ends_with(".part")).unwrap();
        let part = fixture.files().join(part);
        let received = fs::read(&part).unwrap();
        assert!(received == fixture.served()[..RECEIVED]);
        let checkpoint = serde_json::to_value(fixture.checkpoint().unwrap()).unwrap();
        assert_eq!(checkpoint["offset"], RECEIVED);
        Self { fixture, job, part, received, checkpoint }
    }

    /// Stores the checkpoint of a job that has synced this number of bytes.
    fn store(&self, durable: usize) {
        let mut checkpoint = self.checkpoint.clone();
        checkpoint["offset"] = json!(durable);
        CheckpointFolder::new(self.fixture.checkpoints()).file(KEY).store(&checkpoint).unwrap();
    }

    /// Resumes the export, checks the result, and returns the requested range.
    fn resume(&self) -> String {
        self.job.run(&self.fixture).unwrap();
        self.fixture.check_completed();
        assert_eq!(self.fixture.submits().len(), 1);
        let requests = self.fixture.server.requests();
        let last = requests.iter().rfind(|it| it.endpoint() == Endpoint::Download).unwrap();
        last.header("range").unwrap_or_default().to_owned()
    }
}
