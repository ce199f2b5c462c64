//! Limits of the memory that a service can make a client allocate.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io;

use allocation_counter::measure;
use bytes::Bytes;
use conformance::Adapter;
use export_core::workiva::{DocumentExport, ExportSpec};
use export_core::{Artifact, Limits};
use export_host::{ClientBuilder, Credentials, ExportError, FromSettings, ProxySettings};
use export_sim::{Config, Scenario, Server};

/// The maximum memory of a client. A response of the API can be 1 MiB long, and a growing buffer is
/// temporarily allocated twice.
const MAX_MEMORY: u64 = 4 << 20;

/// A sink that counts the bytes and discards them.
#[derive(Default)]
struct CountingSink(u64);

impl export_hyper::Sink for CountingSink {
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

impl export_ureq::Sink for CountingSink {
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

/// Runs an export. Returns its result, the number of bytes received, and the peak of the allocated
/// memory. Only this thread is measured, not the service, which runs in other threads.
fn export(adapter: Adapter, config: Config) -> (Result<Artifact, ExportError>, u64, u64) {
    let config = config.with_client("id", "secret").with_retry_after(0).with_operations_rate(0.0);
    let server = Server::start_blocking(config).unwrap();
    let mut sink = CountingSink::default();
    let mut result = None;
    let spec = ExportSpec::document("d1", DocumentExport::pdf());
    let memory = measure(|| {
        result = Some(match adapter {
            Adapter::Hyper => {
                let client = client(&server, export_hyper::Client::builder());
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(client.export(spec).to_sink(&mut sink))
            }
            Adapter::Ureq => {
                client(&server, export_ureq::Client::builder()).export(spec).to_sink(&mut sink)
            }
            other => panic!("unsupported adapter {other:?}"),
        });
    });
    (result.unwrap(), sink.0, memory.bytes_max)
}

fn client<A: FromSettings>(server: &Server, builder: ClientBuilder<A>) -> A {
    let soon = std::time::Duration::from_millis(1);
    let limits =
        Limits::default().with_min_poll_interval(soon).with_backoff_base(soon).with_max_failures(1);
    builder
        .credentials(Credentials::client("id", "secret"))
        .base_url(server.url())
        .proxy(ProxySettings::Off)
        .limits(limits)
        .build()
        .unwrap()
}

#[test]
fn api_responses_take_bounded_memory() {
    const PAGE: &str = r#"{"fault": "status", "status": 500, "body": {"page": 104857600}}"#;
    const ENDLESS: &str = r#"{"fault": "body", "body": "endless"}"#;
    const HEADS: &str = r#"{"fault": "huge_headers", "count": 1000, "bytes": 100000}"#;
    const INTERIM: &str = r#"{"fault": "interim", "statuses": STATUSES}"#;
    let statuses = vec![103; 100_000];
    let interim = INTERIM.replace("STATUSES", &format!("{statuses:?}"));
    for endpoint in ["token", "submit", "operation", "download"] {
        for fault in [PAGE, ENDLESS, HEADS, &interim] {
            let rule = format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {fault}}}"#);
            let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
            for adapter in Adapter::ALL {
                let config = Config::default().with_scenario(scenario.clone());
                let (_, _, memory) = export(adapter, config);
                let fault = &fault[..fault.len().min(50)];
                assert!(memory < MAX_MEMORY, "{adapter:?} {endpoint} {fault}: {memory} bytes");
                println!("{adapter:?} {endpoint} {fault}: {memory} bytes");
            }
        }
    }
}

#[test]
fn large_file_takes_bounded_memory() {
    const SIZE: u64 = 300 << 20;
    for adapter in Adapter::ALL {
        let (result, received, memory) =
            export(adapter, Config::default().with_artifact_size(SIZE));
        assert_eq!(result.unwrap().length(), Some(SIZE));
        assert_eq!(received, SIZE);
        assert!(memory < MAX_MEMORY, "{adapter:?}: {memory} bytes");
        println!("{adapter:?}: {memory} bytes");
    }
}
