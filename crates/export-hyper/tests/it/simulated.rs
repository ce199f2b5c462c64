//! Exports against the simulated service, which shares no code with the client.

use std::fs;
use std::time::Duration;

use export_hyper::{CaBundle, Client, ClientBuilder, Credentials, Error, Limits};
use export_sim::{Certificate, Config, Scenario, Server};
use test_servers::spec;

use crate::clients::builder_at;

pub(crate) async fn simulated(config: Config) -> Server {
    Server::start(config.with_client("id", "s3cret").with_retry_after(0)).await.unwrap()
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

#[tokio::test]
async fn http_2_server_gets_http_2() {
    let server = simulated(unlimited().with_tls()).await;
    builder(&server).build().unwrap().export(spec()).bytes(1 << 20).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        // HTTP/1.1 requires this header; HTTP/2 has `:authority` instead.
        assert_eq!(request.header("host"), None, "{request:?}");
    }
}

#[tokio::test]
async fn untrusted_server_is_sent_nothing() {
    for (certificate, said) in [
        (Certificate::WrongName, "its certificate is not valid for 127.0.0.1, only for "),
        (Certificate::Expired, "its certificate has expired"),
    ] {
        let server = simulated(unlimited().with_certificate(certificate)).await;
        let client = builder(&server).build().unwrap();
        let error = client.export(spec()).submit().await.unwrap_err();
        assert!(matches!(error.job(), Some(Error::Untrusted { .. })), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn random_faults_never_leave_half_a_file() {
    const LENGTH: u64 = 300_000;
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default()
        .with_request_timeout(Duration::from_millis(800))
        .with_read_timeout(Duration::from_millis(400))
        .with_min_poll_interval(Duration::from_millis(1))
        .with_backoff_base(Duration::from_millis(1))
        .with_backoff_cap(Duration::from_millis(1))
        .with_job_timeout(Duration::from_secs(20));
    let mut running = tokio::task::JoinSet::new();
    for seed in 0..12 {
        let path = folder.path().join(seed.to_string());
        running.spawn(async move {
            let config = unlimited().with_artifact_size(LENGTH);
            let server = simulated(config.with_scenario(Scenario::random(seed, 0.3))).await;
            let client = builder(&server).limits(limits).build().unwrap();
            match client.export(spec()).to_file(&path).await {
                Err(_) => {
                    assert!(!path.exists(), "seed {seed}");
                    0
                }
                Ok(_) => {
                    let export = server.exports().pop().unwrap();
                    let whole = export.content().to_bytes().unwrap();
                    assert!(fs::read(&path).unwrap() == whole, "seed {seed}");
                    1
                }
            }
        });
    }
    let arrived: u32 = running.join_all().await.into_iter().sum();
    assert!(arrived > 6, "{arrived} of 12");
}

#[tokio::test]
async fn unresumable_export_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gone = r#"{"rules": [{"match": {"endpoint": "download"}, "then": {"fault": "status", "status": 400}}]}"#;
    let scenario = Scenario::from_json(gone).unwrap();
    let server = simulated(unlimited().with_scenario(scenario)).await;
    let client = builder(&server).build().unwrap();
    let file = client.export(spec()).to_file(folder.path().join("a.pdf")).await;
    assert!(file.is_err_and(|error| error.checkpoint().is_none()));
    assert!(client.export(spec()).to_dir(folder.path()).await.is_err());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
