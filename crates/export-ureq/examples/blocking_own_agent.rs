//! Sends requests with a `ureq` agent of one's own, which other code uses as well.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example blocking_own_agent DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error;

use export_ureq::{
    ApiVersion, Client, Credentials, DocumentExport, ExportSpec, FailureKind, OwnAgent,
};
use ureq::Agent;

fn main() -> Result<(), Box<dyn Error>> {
    let id = env::args().nth(1).ok_or("usage: blocking_own_agent DOCUMENT_ID")?;
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    let agent = Agent::config_builder().max_idle_connections(2).build().new_agent();
    // A request that was not sent may be repeated, even if a second export would do harm. Name only
    // errors that prove it.
    let transport = OwnAgent::new(agent).with_classify(|error| match error {
        ureq::Error::HostNotFound => FailureKind::NotSent,
        _ => FailureKind::Unanswered,
    });
    let mut builder = Client::builder()
        .credentials(credentials)
        .api_version(ApiVersion::V2026_01_01)
        .transport(transport);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let export = client.export(ExportSpec::document(id, DocumentExport::pdf()));
    match export.to_file("report.pdf") {
        Ok(report) => println!("report.pdf: {} bytes", report.length().unwrap_or_default()),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
