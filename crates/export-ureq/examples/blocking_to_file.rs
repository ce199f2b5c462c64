//! Exports a document to a file, with progress.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example blocking_to_file DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error;

use export_ureq::{ApiVersion, Client, Credentials, DocumentExport, ExportSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let id = env::args().nth(1).ok_or("usage: blocking_to_file DOCUMENT_ID")?;
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    let mut builder =
        Client::builder().credentials(credentials).api_version(ApiVersion::V2026_01_01);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let export = client
        .export(ExportSpec::document(id, DocumentExport::pdf()))
        .on_event(|event| eprintln!("{event:?}"))
        .on_progress(|bytes, length| eprintln!("{bytes} of {length:?} bytes"));
    match export.to_file("report.pdf") {
        Ok(report) => println!("report.pdf: {} bytes", report.length().unwrap_or_default()),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
