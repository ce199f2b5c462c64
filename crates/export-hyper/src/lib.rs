//! Exports files from Workiva, async: hyper, tokio and rustls around a sans-IO core.
//!
//! ```no_run
//! use export_hyper::{ApiVersion, Client, Credentials, DocumentExport, ExportSpec};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::builder()
//!         .credentials(Credentials::client(
//!             std::env::var("WORKIVA_CLIENT_ID")?,
//!             std::env::var("WORKIVA_CLIENT_SECRET")?,
//!         ))
//!         .api_version(ApiVersion::V2026_01_01)
//!         .build()?;
//!     let spec = ExportSpec::document("124efa2a142f472ba1ceab34ed18915f", DocumentExport::pdf());
//!     let report = client.export(spec).to_file("report.pdf").await?;
//!     println!("{} bytes", report.length().unwrap_or_default());
//!     Ok(())
//! }
//! ```
//!
//! All rules about what to send, what a response means and how long to wait are in [`export_core`],
//! whose public types are re-exported here. `export-ureq` is the same for blocking code: it has the
//! same names without `.await`, and does the same on the same responses.

#![forbid(unsafe_code)]

mod checkpoints;
mod client;
mod clock;
mod connector;
mod download;
mod drive;
mod export;
mod exports;
mod file;
mod http_sender;
mod own_transport;
mod read_after_write_error;
mod sink;
mod tokens;
mod transport;

pub use checkpoints::{Blocking, CheckpointStore, Storing};
pub use client::Client;
pub use download::Download;
pub use export::Export;
pub use export_core;
pub use export_core::batch::{BatchLimits, Counts, JobKey};
pub use export_core::pacer::{Pacer, Rate, Rates};
pub use export_core::workiva::{
    self, ApiVersion, DocumentExport, ExportSpec, FileExport, PresentationExport, Region,
    SpecError, SpreadsheetExport,
};
pub use export_core::{
    ApiError, Artifact, AttemptError, Checkpoint, Config, Error, ErrorOrigin, Event, Failure,
    FailureKind, Fault, Limits, Phase, Resubmit, Timestamp,
};
pub use export_host::{
    BuildError, CaBundle, CheckpointFolder, ClientBuilder, Credentials, ExportError, Finished,
    IfExists, ProxyError, ProxySettings, Status, Submitted, TlsError,
};
pub use exports::Exports;
pub use file::FileSink;
pub use http_sender::HttpSender;
pub use own_transport::OwnTransport;
pub use sink::Sink;
