//! Exports against the simulated service, which shares no code with the client.

use std::fs;
use std::time::Duration;

use export_core::Pace;
use export_hyper::{
    ApiVersion, CaBundle, Client, ClientBuilder, Credentials, DocumentExport, Error, ExportSpec,
    Limits, Pacer, ProxySettings, Rates,
};
use export_sim::{Certificate, Config, Downloads, Framing, Origin, Scenario, Server};

async fn simulated(config: Config) -> Server {
    let config = config.with_client("id", "s3cret").with_operations_rate(0.0);
    Server::start(config.with_retry_after(0)).await.unwrap()
}

pub(crate) fn builder(server: &Server) -> ClientBuilder<Client> {
    let soon = Duration::from_millis(1);
    let limits = Limits::default().with_min_poll_interval(soon).with_backoff_base(soon);
    let builder = Client::builder()
        .credentials(Credentials::client("id", "s3cret"))
        .base_url(server.url())
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .pace(Pace::Exact)
        .limits(limits);
    match server.ca_pem() {
        Some(pem) => builder.ca_bundle(CaBundle::pem(pem)),
        None => builder,
    }
}

pub(crate) fn spec() -> ExportSpec {
    ExportSpec::document("d1", DocumentExport::pdf())
}

#[tokio::test]
async fn file_arrives_in_every_download_mode() {
    let folder = tempfile::tempdir().unwrap();
    let ways = [Downloads::ApiHost, Downloads::Redirect(302), Downloads::Signed];
    for (number, downloads) in ways.into_iter().enumerate() {
        for framing in [Framing::Length, Framing::Chunked] {
            let config = Config::default().with_downloads(downloads).with_framing(framing);
            let server = simulated(config.with_tls()).await;
            let client = builder(&server).api_version(ApiVersion::V2026_01_01).build().unwrap();
            let path = folder.path().join(format!("{number}-{framing:?}.pdf"));
            let artifact = client.export(spec()).to_file(&path).await.unwrap();
            let bytes = fs::read(&path).unwrap();
            assert!(bytes.starts_with(b"%PDF-"), "{downloads:?} {framing:?}");
            assert_eq!(artifact.length(), Some(bytes.len() as u64));
            assert_eq!(server.exports().len(), 1);
            for request in server.requests() {
                let is_at_storage = request.origin() == Origin::Storage;
                let has_token = request.headers().contains_key("authorization");
                assert!(!(is_at_storage && has_token), "{request:?}");
            }
        }
    }
}

#[tokio::test]
async fn http_2_server_gets_http_2() {
    let server = simulated(Config::default().with_tls()).await;
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
        let server = simulated(Config::default().with_certificate(certificate)).await;
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
            let config = Config::default().with_artifact_size(LENGTH);
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
    let server = simulated(Config::default().with_scenario(scenario)).await;
    let client = builder(&server).build().unwrap();
    let file = client.export(spec()).to_file(folder.path().join("a.pdf")).await;
    assert!(file.is_err_and(|error| error.checkpoint().is_none()));
    assert!(client.export(spec()).to_dir(folder.path()).await.is_err());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
