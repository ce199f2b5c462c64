//! Downloads a file with one of the adapters and prints the peak memory of the process in KiB. Run
//! by `cargo xtask bench download`.
//!
//! ```text
//! fetch hyper|ureq BASE_URL [FILE]
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::time::Duration;

use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Artifact, Limits, Pace};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (adapter, base, file) = match args.as_slice() {
        [adapter, base] => (*adapter, *base, None),
        [adapter, base, file] => (*adapter, *base, Some(*file)),
        _ => return Err("usage: fetch hyper|ureq BASE_URL [FILE]".into()),
    };
    match adapter {
        "hyper" => hyper(base, file)?,
        "ureq" => ureq(base, file)?,
        other => return Err(format!("unknown adapter '{other}'").into()),
    }
    println!("{}", peak_memory()?);
    Ok(())
}

fn spec() -> ExportSpec {
    ExportSpec::document("bench", DocumentExport::pdf())
}

/// Limits with short intervals, because only the download is measured.
fn quick() -> Limits {
    let soon = Duration::from_millis(1);
    Limits::default().with_min_poll_interval(soon).with_backoff_base(soon)
}

fn hyper(base: &str, file: Option<&str>) -> Outcome {
    use export_hyper::{Client, Credentials, Sink};

    /// Counts the bytes and discards them.
    struct NullSink(u64);

    impl Sink for NullSink {
        async fn have(&mut self, _operation: &str) -> io::Result<u64> {
            Ok(self.0)
        }
        async fn begin(&mut self, _artifact: &Artifact, offset: u64) -> io::Result<()> {
            self.0 = offset;
            Ok(())
        }
        async fn write(&mut self, chunk: bytes::Bytes) -> io::Result<()> {
            self.0 += chunk.len() as u64;
            Ok(())
        }
    }

    let client = Client::builder()
        .credentials(Credentials::token("t0ken"))
        .base_url(base)
        .api_version(ApiVersion::V2026_01_01)
        .limits(quick())
        .pace(Pace::Exact)
        .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match file {
            Some(file) => client.export(spec()).to_file(file).await?,
            None => client.export(spec()).to_sink(&mut NullSink(0)).await?,
        };
        Ok(())
    })
}

fn ureq(base: &str, file: Option<&str>) -> Outcome {
    use export_ureq::{Client, Credentials, WriteSink};

    let client = Client::builder()
        .credentials(Credentials::token("t0ken"))
        .base_url(base)
        .api_version(ApiVersion::V2026_01_01)
        .limits(quick())
        .pace(Pace::Exact)
        .build()?;
    match file {
        Some(file) => client.export(spec()).to_file(file)?,
        None => client.export(spec()).to_sink(&mut WriteSink::new(io::sink()))?,
    };
    Ok(())
}

/// The peak resident memory of this process in KiB (Linux only).
fn peak_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
