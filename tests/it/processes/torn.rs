//! Checkpoints and part files that do not fit each other, as a crash may leave them.

use std::fs;
use std::path::{Path, PathBuf};

use conformance::Adapter;
use export_core::Error;
use export_host::{CheckpointFolder, ExportError};
use export_sim::{Config, Endpoint, Scenario};
use serde_json::{Value, json};

use super::here::Here;
use super::place::{KEY, OLD, Place};
use super::things::Thing;

/// The file is so long.
const LENGTH: usize = 100;

/// So much of it came before the download was given up.
const CAME: usize = 60;

#[test]
fn whatever_a_crash_leaves_of_part_and_checkpoint_the_async_adapter_makes_the_right_file() {
    every_part_with_every_checkpoint(Adapter::Hyper);
}

#[test]
fn whatever_a_crash_leaves_of_part_and_checkpoint_the_blocking_adapter_makes_the_right_file() {
    every_part_with_every_checkpoint(Adapter::Ureq);
}

#[test]
fn what_is_in_the_way_of_the_part_is_named_and_left_alone() {
    for adapter in Adapter::ALL {
        let broken = Broken::new(adapter);
        let victim = broken.place.folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let link = |to: &Path| Thing::Link(to.to_owned());
        let nowhere = broken.place.folder.path().join("nowhere");
        for thing in [Thing::Folder, link(&victim), link(&nowhere), Thing::Fifo] {
            fs::remove_file(&broken.part).unwrap();
            thing.put(&broken.part);
            let error = broken.here.night(&broken.place).unwrap_err();
            assert!(matches!(error.job(), Some(Error::Local { .. })), "{error}");
            let text = format!("exists and is not a regular file: {}", broken.part.display());
            assert!(error.to_string().contains(&text), "{error}");
            assert_eq!(broken.place.file().unwrap(), OLD);
            assert_eq!(fs::read(&victim).unwrap(), b"mine");
            assert!(!nowhere.exists());
            thing.take_away(&broken.part);
            fs::write(&broken.part, &broken.came).unwrap();
        }
        // Nothing was lost.
        assert_eq!(broken.go_on(), format!("bytes={CAME}-"));
    }
}

#[test]
fn a_torn_checkpoint_is_an_error_and_never_a_second_export() {
    for adapter in Adapter::ALL {
        let broken = Broken::new(adapter);
        let file = CheckpointFolder::new(broken.place.checkpoints()).file(KEY);
        let path = file.path().display().to_string();
        let whole = fs::read(file.path()).unwrap();
        let requests = broken.place.server.requests().len();
        for length in 0..whole.len() {
            fs::write(file.path(), &whole[..length]).unwrap();
            let error = broken.here.night(&broken.place).unwrap_err();
            assert!(matches!(error, ExportError::Store { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("not a checkpoint: ") && text.contains(&path), "{text}");
        }
        assert_eq!(broken.place.server.requests().len(), requests);
        fs::write(file.path(), whole).unwrap();
        assert_eq!(broken.go_on(), format!("bytes={CAME}-"));
    }
}

fn every_part_with_every_checkpoint(adapter: Adapter) {
    let broken = Broken::new(adapter);
    let truth = broken.place.served();
    let any = |length: &usize| [0, 1, CAME, LENGTH - 1, LENGTH, LENGTH + 5].contains(length);
    for durable in [CAME, 0, 1, LENGTH - 1, LENGTH] {
        // Each length with one checkpoint, and some with the others.
        let lengths = (0..LENGTH + 10).filter(|length| durable == CAME || any(length));
        for length in lengths.map(Some).chain([None]) {
            let _ = fs::remove_file(&broken.part);
            if let Some(length) = length {
                // What lies beyond the checkpoint was never vouched for.
                let vouched = truth.iter().take(durable).copied();
                let part: Vec<u8> = vouched.chain([b'?'; 2 * LENGTH]).take(length).collect();
                fs::write(&broken.part, part).unwrap();
            }
            broken.store(durable);
            let range = broken.go_on();
            let kept = durable.min(length.unwrap_or(0));
            let expected = match kept {
                0 => String::new(),
                // A range must not be empty.
                LENGTH => format!("bytes={}-", LENGTH - 1),
                kept => format!("bytes={kept}-"),
            };
            assert_eq!(range, expected, "{length:?} bytes, and {durable} in the checkpoint");
        }
    }
}

/// A job whose download broke off for good, and what it has left.
struct Broken {
    place: Place,
    here: Here,
    part: PathBuf,
    came: Vec<u8>,
    checkpoint: Value,
}

impl Broken {
    fn new(adapter: Adapter) -> Self {
        let close = |nth: &str, byte: usize| {
            let requests = format!(r#"{{"endpoint": "download", "nth": {nth}}}"#);
            format!(
                r#"{{"match": {requests}, "then": {{"fault": "close", "at": {{"byte": {byte}}}}}}}"#
            )
        };
        let rules = [close("1", CAME), close(r#"{"from": 2, "to": 3}"#, 0)];
        let scenario = format!(r#"{{"rules": [{}]}}"#, rules.join(","));
        let service = Config::default()
            .with_artifact_size(LENGTH as u64)
            .with_scenario(Scenario::from_json(&scenario).unwrap());
        let place = Place::new(adapter, "document", service);
        fs::write(place.target(), OLD).unwrap();
        let here = Here::new(&place);
        let error = here.night(&place).unwrap_err();
        assert!(matches!(error.job(), Some(Error::GaveUp { .. })), "{error}");
        assert_eq!(place.file().unwrap(), OLD);
        let names = Place::names(&place.files());
        let part = names.iter().find(|name| name.ends_with(".part")).unwrap();
        let part = place.files().join(part);
        let came = fs::read(&part).unwrap();
        assert!(came == place.served()[..CAME]);
        let checkpoint = serde_json::to_value(place.checkpoint().unwrap()).unwrap();
        assert_eq!(checkpoint["offset"], CAME);
        Self { place, here, part, came, checkpoint }
    }

    /// Writes the checkpoint of a job that had synced so many bytes.
    fn store(&self, durable: usize) {
        let mut checkpoint = self.checkpoint.clone();
        checkpoint["offset"] = json!(durable);
        CheckpointFolder::new(self.place.checkpoints()).file(KEY).store(&checkpoint).unwrap();
    }

    /// Goes on, checks what that brings, and returns the range that was asked for.
    fn go_on(&self) -> String {
        self.here.night(&self.place).unwrap();
        self.place.check_all_is_done();
        assert_eq!(self.place.submits().len(), 1);
        let requests = self.place.server.requests();
        let last = requests.iter().rfind(|it| it.endpoint() == Endpoint::Download).unwrap();
        last.header("range").unwrap_or_default().to_owned()
    }
}
