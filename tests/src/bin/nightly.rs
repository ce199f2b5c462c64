//! A job as a timer would start it each night: resumes the export of an earlier run that was
//! interrupted, or starts a new one. The process tests kill it. It uses only public APIs.
//!
//! ```text
//! nightly hyper|ureq BASE_URL document|mailed FILE CHECKPOINTS
//! ```
//!
//! `EXPORT_SECRET` is the client's secret. `EXPORT_RESUBMIT=always` repeats an unconfirmed submit.
//! `EXPORT_RUN` is sent as a header of each request, so that the tests can tell the runs apart.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use export_core::pacer::{Pacer, Rates};
use export_core::workiva::{ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport};
use export_core::{Limits, Pace, Resubmit};
use export_host::{CheckpointFolder, ClientBuilder, Credentials, FromSettings, ProxySettings};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let [adapter, base, spec, file, checkpoints] = args.as_slice() else {
        return Err("usage: nightly hyper|ureq BASE_URL document|mailed FILE CHECKPOINTS".into());
    };
    let (file, checkpoints) = (Path::new(file), CheckpointFolder::new(checkpoints));
    let spec = match *spec {
        "document" => ExportSpec::document("d1", DocumentExport::pdf()),
        "mailed" => {
            let email = ArchiveOptions::default().email_on_complete(true);
            ExportSpec::file("f1", FileExport::folder(email))
        }
        other => return Err(format!("unknown export '{other}'").into()),
    };
    match *adapter {
        "hyper" => Ok(hyper(base, spec, file, checkpoints)?),
        "ureq" => Ok(ureq(base, spec, file, checkpoints)?),
        other => Err(format!("unknown adapter '{other}'").into()),
    }
}

const KEY: &str = "nightly";

fn hyper(
    base: &str,
    spec: ExportSpec,
    file: &Path,
    checkpoints: CheckpointFolder,
) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(export_hyper::Blocking::new(checkpoints));
    let client = settings(export_hyper::Client::builder(), base);
    let client = client.checkpoints(store).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let export = match client.resume_key(KEY).await? {
            Some(resumed) => resumed,
            None => client.export(spec).with_key(KEY),
        };
        export.to_file(file).await?;
        Ok(())
    })
}

fn ureq(
    base: &str,
    spec: ExportSpec,
    file: &Path,
    checkpoints: CheckpointFolder,
) -> Result<(), Box<dyn Error>> {
    let client = settings(export_ureq::Client::builder(), base);
    let client = client.checkpoints(Arc::new(checkpoints)).build()?;
    let export = match client.resume_key(KEY)? {
        Some(resumed) => resumed,
        None => client.export(spec).with_key(KEY),
    };
    export.to_file(file)?;
    Ok(())
}

/// The settings of both clients. The waits are short, so that a run takes about half a second.
fn settings<A: FromSettings>(builder: ClientBuilder<A>, base: &str) -> ClientBuilder<A> {
    let limits = Limits::default()
        .with_min_poll_interval(Duration::from_millis(30))
        .with_backoff_base(Duration::from_millis(5));
    let secret = env::var("EXPORT_SECRET").unwrap_or_default();
    builder
        .credentials(Credentials::client("nightly", secret))
        .base_url(base)
        .proxy(ProxySettings::Off)
        .pacer(Pacer::new(Rates::unlimited()))
        .api_version(ApiVersion::V2026_01_01)
        .limits(limits)
        .pace(Pace::Exact)
        .resubmit(match env::var("EXPORT_RESUBMIT").as_deref() {
            Ok("always") => Resubmit::Always,
            _ => Resubmit::IfHarmless,
        })
        .headers(|headers| {
            if let Some(run) = env::var("EXPORT_RUN").ok().and_then(|run| run.parse().ok()) {
                headers.insert("x-run", run);
            }
        })
}
