//! Downloads one artifact with one adapter, and prints the peak of its memory in KiB. Run by
//! `cargo xtask bench download`: `fetch hyper|ureq BASE_URL [FILE]`.

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::time::Duration;

use export_core::{ApiVersion, Artifact, DocumentExport, ExportSpec, Limits, Pace};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (adapter, base, file) = match words.as_slice() {
        [adapter, base] => (*adapter, *base, None),
        [adapter, base, file] => (*adapter, *base, Some(*file)),
        _ => return Err("fetch hyper|ureq BASE_URL [FILE]".into()),
    };
    match adapter {
        "hyper" => hyper(base, file)?,
        "ureq" => ureq(base, file)?,
        other => return Err(format!("no adapter is called {other}").into()),
    }
    println!("{}", peak_memory()?);
    Ok(())
}

fn spec() -> ExportSpec {
    ExportSpec::document("bench", DocumentExport::pdf())
}

/// The waits between requests are not what is measured.
fn quick() -> Limits {
    let soon = Duration::from_millis(1);
    Limits { min_interval: soon, backoff_base: soon, ..Limits::default() }
}

fn hyper(base: &str, file: Option<&str>) -> Outcome {
    use export_hyper::{Client, Credentials, Sink};

    struct Nowhere(u64);

    impl Sink for Nowhere {
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
            None => client.export(spec()).to_sink(&mut Nowhere(0)).await?,
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

/// The most memory that this process ever held, in KiB, as Linux counts it.
fn peak_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
