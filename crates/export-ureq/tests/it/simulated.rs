//! Exports against the simulated service, which shares no code with the client.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_sim::{Certificate, Config, Scenario, Server};
use export_ureq::{
    CaBundle, Checkpoint, CheckpointStore, Client, ClientBuilder, Credentials, Error, Limits,
};
use test_servers::spec;

use crate::clients::builder_at;

pub(crate) fn simulated(config: Config) -> Server {
    Server::start_blocking(config.with_client("id", "s3cret").with_retry_after(0)).unwrap()
}

/// A service that accepts any number of requests.
pub(crate) fn unlimited() -> Config {
    Config::default().with_operations_rate(0.0)
}

pub(crate) fn builder(server: &Server) -> ClientBuilder<Client> {
    let builder = builder_at(server.url()).credentials(Credentials::client("id", "s3cret"));
    match server.ca_pem() {
        Some(pem) => builder.ca_bundle(CaBundle::pem(pem)),
        None => builder,
    }
}

#[test]
fn untrusted_server_is_sent_nothing() {
    for (certificate, said) in [
        (Certificate::WrongName, "its certificate is not valid for 127.0.0.1, only for "),
        (Certificate::Expired, "its certificate has expired"),
    ] {
        let server = simulated(unlimited().with_certificate(certificate));
        let error = builder(&server).build().unwrap().export(spec()).submit().unwrap_err();
        assert!(matches!(error.job(), Some(Error::Untrusted { .. })), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(server.requests().is_empty());
    }
}

#[test]
fn random_faults_never_leave_half_a_file() {
    let folder = tempfile::tempdir().unwrap();
    const LENGTH: u64 = 300_000;
    let whole = {
        let server = simulated(unlimited().with_artifact_size(LENGTH));
        builder(&server).build().unwrap().export(spec()).bytes(1_000_000).unwrap().1
    };
    let mut arrived = 0;
    for seed in 0..12 {
        let scenario = Scenario::random(seed, 0.3);
        let config = unlimited().with_artifact_size(LENGTH).with_scenario(scenario);
        let server = simulated(config);
        let limits = Limits::default()
            .with_request_timeout(Duration::from_millis(500))
            .with_read_timeout(Duration::from_millis(200))
            .with_min_poll_interval(Duration::from_millis(1))
            .with_backoff_base(Duration::from_millis(1))
            .with_backoff_cap(Duration::from_millis(1))
            .with_job_timeout(Duration::from_secs(20));
        let client = builder(&server).limits(limits).build().unwrap();
        let path = folder.path().join(seed.to_string());
        match client.export(spec()).to_file(&path) {
            Ok(_) => {
                assert_eq!(fs::read(&path).unwrap(), whole, "seed {seed}");
                arrived += 1;
            }
            Err(_) => assert!(!path.exists(), "seed {seed}"),
        }
    }
    assert!(arrived > 6, "{arrived} of 12");
}

/// Records the offsets of the stored checkpoints.
#[derive(Clone, Debug, Default)]
struct Offsets(Arc<Mutex<Vec<u64>>>);

impl CheckpointStore for Offsets {
    fn load(&self, _key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn store(&self, _key: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        self.0.lock().unwrap().push(checkpoint.offset());
        Ok(())
    }

    fn remove(&self, _key: &str) -> io::Result<()> {
        Ok(())
    }
}

/// A store that does not remove.
#[derive(Debug)]
struct Keeping;

impl CheckpointStore for Keeping {
    fn load(&self, _key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn store(&self, _key: &str, _checkpoint: &Checkpoint) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _key: &str) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "no"))
    }
}

#[test]
fn checkpoint_that_cannot_be_removed_is_told() {
    let server = simulated(unlimited());
    let client = builder(&server).checkpoints(Arc::new(Keeping)).build().unwrap();
    let error = client.export(spec()).with_key("nightly").bytes(1 << 20).unwrap_err();
    let expected = "the checkpoint under \"nightly\": the export is complete, but its checkpoint was not \
                    removed, and another run would download the file again: no";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn large_download_stores_checkpoints() {
    const MIB: u64 = 1_048_576;
    let folder = tempfile::tempdir().unwrap();
    let server = simulated(unlimited().with_artifact_size(130 * MIB));
    let offsets = Offsets::default();
    let client = builder(&server).checkpoints(Arc::new(offsets.clone())).build().unwrap();
    client.export(spec()).with_key("k").to_file(folder.path().join("f")).unwrap();
    let stored = offsets.0.lock().unwrap().clone();
    let trail: Vec<_> = stored.iter().filter(|offset| **offset > 0).collect();
    assert!(trail.len() >= 2, "{stored:?}");
    assert!(trail.is_sorted());
    assert!(*trail[0] >= 64 * MIB || trail.len() > 2, "{stored:?}");
}

#[test]
fn unresumable_export_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gone = r#"{"rules": [{"match": {"endpoint": "download"}, "then": {"fault": "status", "status": 400}}]}"#;
    let scenario = Scenario::from_json(gone).unwrap();
    let server = simulated(unlimited().with_scenario(scenario));
    let client = builder(&server).build().unwrap();
    let file = client.export(spec()).to_file(folder.path().join("a.pdf"));
    assert!(file.is_err_and(|error| error.checkpoint().is_none()));
    assert!(client.export(spec()).to_dir(folder.path()).is_err());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A store that is busy at each second call.
#[derive(Debug, Default)]
struct Busy(AtomicUsize);

impl CheckpointStore for Busy {
    fn load(&self, _key: &str) -> io::Result<Option<Checkpoint>> {
        Ok(None)
    }

    fn store(&self, _key: &str, _checkpoint: &Checkpoint) -> io::Result<()> {
        match self.0.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Err(io::ErrorKind::ResourceBusy.into()),
            _ => Ok(()),
        }
    }

    fn remove(&self, _key: &str) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn store_that_is_busy_for_a_moment_ends_no_job() {
    let server = simulated(unlimited());
    let client = builder(&server).checkpoints(Arc::new(Busy::default())).build().unwrap();
    client.export(spec()).with_key("1").bytes(1 << 20).unwrap();
}
