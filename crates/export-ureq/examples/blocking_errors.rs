//! Tells errors apart: whose fault they are, and whether the job can continue.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example blocking_errors DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error as StdError;

use export_ureq::{
    ApiVersion, Client, Credentials, DocumentExport, Error, ExportError, ExportSpec, Fault,
};

fn main() -> Result<(), Box<dyn StdError>> {
    let id = env::args().nth(1).ok_or("usage: blocking_errors DOCUMENT_ID")?;
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    let mut builder =
        Client::builder().credentials(credentials).api_version(ApiVersion::V2026_01_01);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let export = client.export(ExportSpec::document(id, DocumentExport::pdf()));
    match export.to_file("report.pdf") {
        Ok(report) => println!("report.pdf: {} bytes", report.length().unwrap_or_default()),
        Err(error) => explain(&error),
    }
    Ok(())
}

fn explain(error: &ExportError) {
    // One line: the phase, the reason, and what to do.
    println!("{error}");
    match error.job() {
        Some(Error::Refused { status, reason, .. }) => {
            println!(
                "the service refused the export ({status}): {}",
                reason.message().unwrap_or("-")
            );
        }
        Some(Error::Unauthorized { .. }) => println!("the credentials are wrong or have expired"),
        Some(Error::Deadline { .. }) => println!("it takes longer than Limits::job_timeout"),
        _ => {}
    }
    match error.fault() {
        Fault::Local => println!("it has to be fixed here"),
        Fault::Network => println!("it may be the network: try again later"),
        Fault::Remote => println!("it has to be fixed by the service"),
    }
    if let Some(request) = error.original_request() {
        println!("the service's support finds the request as {request}");
    }
    if error.checkpoint().is_some() {
        println!("Client::resume continues the job from the checkpoint of this error");
    }
}
