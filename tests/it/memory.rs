//! What a service can make a client hold in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;

use allocation_counter::measure;
use bytes::Bytes;
use conformance::Adapter;
use export_core::{Artifact, DocumentExport, ExportSpec, Limits};
use export_host::{ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings};
use export_sim::{Config, Scenario, Server};

/// An answer of the API may be 1 MiB long, and a buffer that grows is there twice for a moment.
const MOST: u64 = 4 << 20;

/// Takes bytes and keeps none.
#[derive(Default)]
struct Count(u64);

impl export_hyper::Sink for Count {
    async fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.0)
    }
    async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.0 = offset;
        Ok(())
    }
    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.0 += chunk.len() as u64;
        Ok(())
    }
}

impl export_ureq::Sink for Count {
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.0)
    }
    fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.0 = offset;
        Ok(())
    }
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.0 += chunk.len() as u64;
        Ok(())
    }
}

/// Exports, and says how that ended, how many bytes came, and how many were held at once. Only
/// this thread is counted: the service has others.
fn export(adapter: Adapter, config: Config) -> (Result<Artifact, ExportError>, u64, u64) {
    let config = config.with_client("id", "secret").with_retry_after(0).with_operations_rate(0.0);
    let server = Server::start_blocking(config).unwrap();
    let mut sink = Count::default();
    let mut outcome = None;
    let spec = ExportSpec::document("d1", DocumentExport::pdf());
    let held = measure(|| {
        outcome = Some(match adapter {
            Adapter::Hyper => {
                let client = client(&server, export_hyper::Client::builder());
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(client.export(spec).to_sink(&mut sink))
            }
            Adapter::Ureq => {
                client(&server, export_ureq::Client::builder()).export(spec).to_sink(&mut sink)
            }
            other => panic!("{other:?} is new"),
        });
    });
    (outcome.unwrap(), sink.0, held.bytes_max)
}

fn client<A: FromSettings>(server: &Server, builder: ClientBuilder<A>) -> A {
    let soon = std::time::Duration::from_millis(1);
    let limits =
        Limits { min_interval: soon, backoff_base: soon, failures: 1, ..Limits::default() };
    builder
        .credentials(Credentials::client("id", "secret"))
        .base_url(server.url())
        .proxy(ProxySettings::Off)
        .limits(limits)
        .build()
        .unwrap()
}

#[test]
fn no_answer_of_the_api_takes_more_than_its_limit() {
    const PAGE: &str = r#"{"fault": "status", "status": 500, "body": {"page": 104857600}}"#;
    const ENDLESS: &str = r#"{"fault": "body", "body": "endless"}"#;
    const HEADS: &str = r#"{"fault": "huge_headers", "count": 1000, "bytes": 100000}"#;
    const DRIPS: &str = r#"{"fault": "interim", "statuses": STATUSES}"#;
    let statuses = vec![103; 100_000];
    let drips = DRIPS.replace("STATUSES", &format!("{statuses:?}"));
    for endpoint in ["token", "submit", "operation", "download"] {
        for fault in [PAGE, ENDLESS, HEADS, &drips] {
            let rule = format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {fault}}}"#);
            let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
            for adapter in Adapter::ALL {
                let config = Config::default().with_scenario(scenario.clone());
                let (_, _, held) = export(adapter, config);
                let fault = &fault[..fault.len().min(50)];
                assert!(held < MOST, "{adapter:?} {endpoint} {fault}: {held} bytes");
                println!("{adapter:?} {endpoint} {fault}: {held} bytes");
            }
        }
    }
}

#[test]
fn a_file_of_any_size_takes_no_more_than_a_small_one() {
    const SIZE: u64 = 300 << 20;
    for adapter in Adapter::ALL {
        let (outcome, came, held) = export(adapter, Config::default().with_artifact_size(SIZE));
        assert_eq!(outcome.unwrap().length(), Some(SIZE));
        assert_eq!(came, SIZE);
        assert!(held < MOST, "{adapter:?}: {held} bytes");
        println!("{adapter:?}: {held} bytes");
    }
}
