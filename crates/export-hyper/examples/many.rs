//! Exports any number of documents at once, within the rate limits of the service.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example many DOCUMENT_ID...
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error;

use export_hyper::{
    ApiVersion, BatchLimits, Client, Credentials, DocumentExport, ExportSpec, FileSink,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    let mut builder =
        Client::builder().credentials(credentials).api_version(ApiVersion::V2026_01_01);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    // The sink of an export is opened when its download starts.
    let open = |key| async move { Ok(FileSink::to_file(format!("report-{key}.pdf"))) };
    let mut exports = client.exports(BatchLimits::default(), open);
    for (key, id) in (1..).zip(env::args().skip(1)) {
        exports.add(key, client.export(ExportSpec::document(id, DocumentExport::pdf())))?;
    }
    while let Some(finished) = exports.next().await {
        match finished.outcome {
            Ok(_) => println!("report-{}.pdf is complete", finished.key),
            Err(error) => println!("report-{}.pdf: {error}", finished.key),
        }
    }
    Ok(())
}
