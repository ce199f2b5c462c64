//! Whole exports, from the request to the file.

use std::fs;
use std::time::Duration;

use export_hyper::{ApiVersion, Client, Credentials, DocumentExport, ExportSpec, Limits, Pace};
use export_sim::{Config, Server};

fn quick() -> Limits {
    let soon = Duration::from_millis(1);
    Limits { min_interval: soon, backoff_base: soon, ..Limits::default() }
}

fn client(server: &Server) -> Client {
    Client::builder()
        .credentials(Credentials::client("id", "secret"))
        .base_url(server.url())
        .limits(quick())
        .pace(Pace::Exact)
        .api_version(ApiVersion::V2026_01_01)
        .build()
        .unwrap()
}

fn sim() -> Config {
    Config::default()
        .with_client("id", "secret")
        .with_complete_after(Duration::from_millis(5))
        .with_retry_after(0)
        .with_operations_rate(0.0)
}

#[tokio::test]
async fn a_document_becomes_a_file() {
    let server = Server::start(sim()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    let spec = ExportSpec::document("d1", DocumentExport::pdf());
    let artifact = client(&server).export(spec).to_file(&path).await.unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(artifact.length(), Some(bytes.len() as u64));
    assert!(bytes.starts_with(b"%PDF-"));
    for request in server.requests() {
        println!("{} {} {:?}", request.method(), request.target(), request.status());
    }
}
