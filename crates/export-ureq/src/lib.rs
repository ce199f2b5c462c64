//! Exports files from Workiva, blocking: ureq and rustls around a sans-IO core.
//!
//! ```no_run
//! use export_ureq::{ApiVersion, Client, Credentials, DocumentExport, ExportSpec};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::builder()
//!         .credentials(Credentials::client(
//!             std::env::var("WORKIVA_CLIENT_ID")?,
//!             std::env::var("WORKIVA_CLIENT_SECRET")?,
//!         ))
//!         .api_version(ApiVersion::V2026_01_01)
//!         .build()?;
//!     let spec = ExportSpec::document("124efa2a142f472ba1ceab34ed18915f", DocumentExport::pdf());
//!     let report = client.export(spec).to_file("report.pdf")?;
//!     println!("{} bytes", report.length().unwrap_or_default());
//!     Ok(())
//! }
//! ```
//!
//! All rules about what to send, what a response means and how long to wait are in [`export_core`],
//! whose public types are re-exported here. `export-hyper` is the same for async code: it has the
//! same names with `.await`, and does the same on the same responses.
//!
//! # Logs
//!
//! This crate logs and prints no token, secret, or signature of a URL, and does not pass the token
//! to ureq: the connection adds it to the request. But at the `trace` level of `log`, and only
//! there, ureq prints all bytes of responses (target `ureq_proto`) and full URLs (target `ureq`),
//! which include tokens when they are issued, and signed URLs. A library cannot change the log
//! level of its program. A program whose users may enable `trace` should exclude these two targets
//! with its filter (`trace,ureq=debug,ureq_proto=debug`), or disable the level for all crates with
//! `log = { version = "0.4", features = ["max_level_debug"] }` in its dependencies.

#![forbid(unsafe_code)]

mod checkpoint_writer;
mod client;
mod download;
mod drive;
mod export;
mod exports;
mod file;
mod own_agent;
mod sink;
mod stopper;
mod tokens;
mod transport;

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
    BuildError, CaBundle, CheckpointFolder, CheckpointStore, ClientBuilder, Credentials,
    ExportError, Finished, IfExists, ProxyError, ProxySettings, Status, Submitted, TlsError,
};
pub use exports::Exports;
pub use file::FileSink;
pub use own_agent::OwnAgent;
pub use sink::{Sink, WriteSink};
pub use stopper::Stopper;
