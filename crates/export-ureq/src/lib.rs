//! Export files from Workiva, blocking: ureq and rustls around a sans-IO core.
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
//! Every rule about what to send, what an answer means and how long to wait is in
//! [`export_core`], whose public types are here too. The async twin of this crate,
//! `export-hyper`, has the same names with `.await` and does the same on the same answers.
//!
//! # Logs
//!
//! Nothing that this crate logs or prints holds a token, a secret, or the signature of a URL, and
//! ureq is not told the token: the connection adds it to what goes out. But ureq, at the level
//! `trace` of `log` and at no other, prints every byte of answers (by the target `ureq_proto`) and
//! URLs in full (`ureq`): a token as it is issued is among them, and so are signed URLs. No library
//! can change the level of the program it is in. A program whose users may turn `trace` on shuts
//! these two out, by its filter (`trace,ureq=debug,ureq_proto=debug`), or for good and for all
//! crates by `log = { version = "0.4", features = ["max_level_debug"] }` among its dependencies.

#![forbid(unsafe_code)]

mod client;
mod download;
mod drive;
mod export;
mod exports;
mod file;
mod keeper;
mod own_agent;
mod sink;
mod stopper;
mod tokens;
mod transport;

pub use client::Client;
pub use download::Download;
pub use export::Export;
pub use export_core::*;
pub use export_host::{
    BuildError, CaBundle, CheckpointFolder, CheckpointStore, ClientBuilder, Credentials,
    ExportError, Finished, IfExists, ProxyError, ProxySettings, Status, Submitted, TlsError,
};
pub use exports::Exports;
pub use file::FileSink;
pub use own_agent::OwnAgent;
pub use sink::{Sink, WriteSink};
pub use stopper::Stopper;
