//! Exports all patients from a server of FHIR Bulk Data (<https://hl7.org/fhir/uv/bulkdata/>) to a
//! folder.
//!
//! ```text
//! FHIR_TOKEN=... fhir-client https://bulk-data.example.com/fhir exports
//! ```
//!
//! It is the whole client: polling, rate limits, retries, interrupted downloads, and a checkpoint from
//! which the same command goes on. A server that takes no token gets none.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use export_ureq::export_core::dialect::{
    Dialect, Head, OperationFacts, Reading, Repeat, ResultFile,
};
use export_ureq::export_core::origins::Access;
use export_ureq::export_core::{ApiError, Config, ErrorOrigin, ExportJob, Phase};
use export_ureq::{CheckpointFolder, Client, Credentials, Event};
use http::{Request, StatusCode, Uri};
use serde_json::Value;

/// The export of all patients.
#[derive(Debug)]
struct Patients {
    base: String,
    has_token: bool,
}

impl Dialect for Patients {
    fn name(&self) -> &str {
        "fhir-bulk-data"
    }

    fn save(&self) -> String {
        self.base.clone()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn access(&self, _phase: Phase) -> Access {
        if self.has_token { Access::Trusted } else { Access::Anonymous }
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let url = target.map_or_else(|| format!("{}/Patient/$export", self.base), Uri::to_string);
        let request = match phase {
            Phase::Submit => Request::get(url)
                .header("accept", "application/fhir+json")
                .header("prefer", "respond-async"),
            Phase::Cancel => Request::delete(url),
            _ => Request::get(url).header("accept", "application/json, application/fhir+ndjson"),
        };
        request.body(Vec::new()).expect("the URL was parsed before")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let facts = OperationFacts::default();
        match (phase, head.status(), head.text("content-location")) {
            (Phase::Submit, StatusCode::ACCEPTED, Some(url)) => {
                Reading::Accepted { operation: url.into(), facts }
            }
            (Phase::Poll, StatusCode::ACCEPTED, _) => {
                let progress = head.text("x-progress").unwrap_or("in progress");
                Reading::Pending(facts.with_status(progress))
            }
            (Phase::Poll, StatusCode::OK, _) => match head.json::<Value>(body) {
                Ok(manifest) => {
                    let mut files =
                        vec![ResultFile::inline(body.unwrap_or_default()).named("manifest.json")];
                    let output = manifest["output"].as_array().into_iter().flatten();
                    for (item, number) in output.zip(1..) {
                        let kind = item["type"].as_str().unwrap_or("resources");
                        let url = item["url"].as_str().unwrap_or_default().to_owned();
                        files.push(ResultFile::at(url).named(format!("{number}.{kind}.ndjson")));
                    }
                    Reading::ReadyFiles { files, facts }
                }
                Err(reading) => reading,
            },
            _ => Reading::Foreign,
        }
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let outcome: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_outcome = outcome["resourceType"] == "OperationOutcome";
        let origin = if is_outcome { ErrorOrigin::Service } else { ErrorOrigin::Unknown };
        ApiError::new(origin).with_message(outcome["issue"][0]["diagnostics"].as_str())
    }
}

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
    let mut arguments = env::args().skip(1);
    let (Some(base), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: fhir-client URL FOLDER".into());
    };
    let jobs = Path::new(&folder).join(".jobs");
    fs::create_dir_all(&jobs)?;
    let token = env::var("FHIR_TOKEN").ok();
    let dialect = Arc::new(Patients { base: base.clone(), has_token: token.is_some() });

    let client = Client::builder()
        .config(Config::new(&base)?)
        .credentials(Credentials::token(token.unwrap_or_else(|| "none".into())))
        .checkpoints(Arc::new(CheckpointFolder::new(jobs)))
        .on_event(|event| match event {
            Event::Accepted { operation, .. } => eprintln!("accepted: {operation}"),
            Event::Status { status, .. } => eprintln!("{status}"),
            _ => {}
        })
        .build()?;
    let export = match client.resume_key_with("patients", dialect.clone())? {
        Some(export) => export,
        None => {
            let job = ExportJob::with_dialect(dialect, client.config());
            client.job(job).with_key("patients")
        }
    };
    for (path, artifact) in export.to_files(&folder)? {
        println!("{}: {} bytes", path.display(), artifact.length().unwrap_or_default());
    }
    Ok(())
}
