//! Export files from Workiva, async: hyper, tokio and rustls around a sans-IO core.
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
//! Every rule about what to send, what an answer means and how long to wait is in
//! [`export_core`], whose public types are here too. The blocking twin of this crate,
//! `export-ureq`, has the same names without `.await` and does the same on the same answers.

#![forbid(unsafe_code)]

mod client;
mod clock;
mod connector;
mod download;
mod drive;
mod export;
mod exports;
mod file;
mod heard_out;
mod http_sender;
mod keeper;
mod own_transport;
mod sink;
mod tokens;
mod transport;

pub use client::Client;
pub use download::Download;
pub use export::Export;
pub use export_core::*;
pub use export_host::{
    BuildError, CaBundle, CheckpointFolder, ClientBuilder, Credentials, ExportError, Finished,
    IfExists, ProxyError, ProxySettings, Status, Submitted, TlsError,
};
pub use exports::Exports;
pub use file::FileSink;
pub use http_sender::HttpSender;
pub use keeper::{Blocking, CheckpointStore, Storing};
pub use own_transport::OwnTransport;
pub use sink::Sink;
