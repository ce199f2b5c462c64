//! Exports a document to a file, and continues where a killed process stopped: run it again after
//! it was killed, and no second export is requested.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example blocking_resume DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error;
use std::fs;
use std::sync::Arc;

use export_ureq::{ApiVersion, CheckpointFolder, Client, Credentials, DocumentExport, ExportSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let id = env::args().nth(1).ok_or("usage: blocking_resume DOCUMENT_ID")?;
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    fs::create_dir_all("checkpoints")?;
    let store = Arc::new(CheckpointFolder::new("checkpoints"));
    let mut builder = Client::builder()
        .credentials(credentials)
        .api_version(ApiVersion::V2026_01_01)
        .checkpoints(store);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let key = format!("document-{id}");
    let export = match client.resume_key(&key)? {
        Some(export) => {
            println!("continuing the export of an earlier process");
            export
        }
        None => {
            client.export(ExportSpec::document(id, DocumentExport::pdf())).with_key(key.as_str())
        }
    };
    match export.to_file("report.pdf") {
        Ok(report) => println!("report.pdf: {} bytes", report.length().unwrap_or_default()),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
