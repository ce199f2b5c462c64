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
//!     match client.export(spec).to_file("report.pdf") {
//!         Ok(report) => println!("{} bytes", report.length().unwrap_or_default()),
//!         Err(error) => eprintln!("{error}"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`ExportSpec`] says what to export, [`Client::builder`] how to reach the service, and the methods
//! of [`Export`] where the file goes: to a file, a folder, memory or a [`Sink`], or to a
//! [`Download`] to read from. The options of each kind and format are in [`workiva`]. All rules about
//! what to send, what a response means and how long to wait are in [`export_core`]. `export-hyper` is the
//! same client for async programs, with the same names. In the repository, `docs/embedding.md` compares the crates, and
//! `docs/simulator.md` says how to test a program without the service.
//!
//! # Finding ids
//!
//! [`Client::files`] lists the files of the workspace, with their ids:
//!
//! ```no_run
//! # fn example(client: export_ureq::Client) -> Result<(), export_ureq::ExportError> {
//! use export_ureq::FilesQuery;
//!
//! let query = FilesQuery::new().with_text("Q4").with_kind("Document");
//! for file in client.files(query)? {
//!     println!("{} {}", file.id().unwrap_or_default(), file.name());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Credentials
//!
//! [`Credentials::client`](export_host::Credentials::client) has the ID and the secret of an OAuth
//! client, and `Credentials::from_fn` a callback that gets tokens elsewhere: from a vault, or the
//! identity of a workload.
//!
//! ```
//! use std::time::Duration;
//!
//! use export_ureq::{AccessToken, Client, Credentials, TokenError};
//!
//! # fn read_secret(_: &str) -> std::io::Result<String> { Ok("eyJhbGciOi".into()) }
//! let client = Client::builder()
//!     .credentials(Credentials::from_fn(|| {
//!         let token = read_secret("workiva/token").map_err(TokenError::unavailable)?;
//!         Ok(AccessToken::new(token).with_lifetime(Duration::from_secs(600)))
//!     }))
//!     .build()?;
//! # Ok::<(), export_ureq::BuildError>(())
//! ```
//!
//! # Errors
//!
//! An [`ExportError`] prints in one line: the phase, the reason, and what to do. Callers that branch
//! use [`ExportError::fault`], which says who has to act, and [`ExportError::job`], which returns the
//! [`Error`] of the job. Requests that fail are retried within [`Limits`]; the error is what is left
//! after that.
//!
//! ```no_run
//! # fn example(export: export_ureq::Export) {
//! use export_ureq::{Error, Fault};
//!
//! if let Err(error) = export.to_file("report.pdf") {
//!     eprintln!("{error}");
//!     match error.job() {
//!         Some(Error::Refused { status, .. }) => eprintln!("the service refused it: {status}"),
//!         _ if error.fault() == Fault::Network => eprintln!("try again later"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! # Cancelling
//!
//! A [`Stopper`] stops exports from another thread: [`Export::with_stopper`]. The call then returns
//! [`ExportError::Stopped`] with a checkpoint. An export that was accepted continues at the service.
//!
//! ```no_run
//! # fn example(client: export_ureq::Client, spec: export_ureq::ExportSpec) {
//! use export_ureq::Stopper;
//!
//! let stopper = Stopper::new();
//! let other = stopper.clone();
//! std::thread::spawn(move || {
//!     std::thread::sleep(std::time::Duration::from_secs(600));
//!     other.stop();
//! });
//! let result = client.export(spec).with_stopper(&stopper).to_file("report.pdf");
//! # }
//! ```
//!
//! # Progress
//!
//! [`Export::on_event`] reports what happens to a job as an [`Event`]: each request, wait and status.
//! [`Export::on_progress`] reports the bytes of its download. The methods of the same names on
//! [`ClientBuilder`] do so for all jobs of a client. The feature `tracing` emits spans.
//!
//! # Crash safety
//!
//! With a [`CheckpointStore`] and a key for each export, a job is resumed after a crash: the export is
//! not requested a second time, and a download continues where it stopped. Without a store, an error
//! that can be resumed has a [`Checkpoint`] ([`ExportError::checkpoint`]), for [`Client::resume`].
//!
//! ```no_run
//! # fn example(spec: export_ureq::ExportSpec) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use export_ureq::{CheckpointFolder, Client, Credentials};
//!
//! let client = Client::builder()
//!     .credentials(Credentials::token("eyJhbGciOi"))
//!     .checkpoints(Arc::new(CheckpointFolder::new("/var/lib/reports")))
//!     .build()?;
//! let export = match client.resume_key("nightly")? {
//!     Some(export) => export,
//!     None => client.export(spec).with_key("nightly"),
//! };
//! export.to_file("report.pdf")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Many exports
//!
//! [`Client::exports`] runs any number of exports on a few threads, within the rate limits of the
//! service and [`BatchLimits`]. [`Exports`] is an iterator over those that have ended. Exports that
//! are started separately share the limits too, if they are of the same client.
//!
//! # Other services
//!
//! [`Client::job`] exports from the API of another service, which a
//! [`Dialect`](export_core::dialect::Dialect) describes, with tokens of its own endpoint:
//! [`Credentials::client_at`](export_host::Credentials::client_at). A result of several files goes to a
//! folder with [`Export::to_files`].
//!
//! # Connections
//!
//! [`ClientBuilder`] sets the certificate authorities ([`ca_bundle`](ClientBuilder::ca_bundle)), the proxy,
//! the certificate of the client for mutual TLS, and the addresses of hosts, as `--resolve` of curl does.
//! [`ClientBuilder::http_versions`] has no effect here, since ureq has no HTTP/2, and
//! [`max_idle_per_host`](ClientBuilder::max_idle_per_host) says how many connections are kept open.
//!
//! ```no_run
//! # fn main() -> Result<(), export_ureq::BuildError> {
//! use std::net::IpAddr;
//!
//! use export_ureq::{Client, ClientCertificate, Credentials, HttpVersions};
//!
//! let gateway: IpAddr = [10, 0, 0, 7].into();
//! let client = Client::builder()
//!     .credentials(Credentials::client("an-id", "a-secret"))
//!     .client_certificate(ClientCertificate::files("client.pem", "client.key"))
//!     .resolver(move |host| (host == "api.app.wdesk.com").then(|| vec![gateway]))
//!     .http_versions(HttpVersions::Http1)
//!     .max_idle_per_host(4)
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Own transport
//!
//! [`OwnAgent`] sends the requests over a `ureq` agent of your own. For any other HTTP client, write a driver
//! with [`export_core`]; its examples have one for reqwest.
//!
//! # Features
//!
//! - `aws-lc-rs` (default) or `ring`: the cryptography of TLS. Without both, a client is built only with
//!   a transport of its own, or for a service over plain http; a file that is elsewhere over `https`
//!   is an error.
//! - `tracing`: spans and events for each job.
//! - `webpki-roots`: compiles in Mozilla's list of certificate authorities
//!   (`ClientBuilder::compiled_in_roots`), for machines without one. By default, those of the system
//!   are trusted.
//!
//! # Testing
//!
//! `export-sim` simulates the service on a loopback port, with all faults that it is known to have: give
//! its URL to [`ClientBuilder::base_url`].
//!
//! # Logs
//!
//! This crate logs and prints no token, secret, or signature of a URL, and passes neither the token
//! nor the path and query of a URL to ureq: the connection adds them to the request. But where the
//! level `trace` of `log` is enabled, ureq prints all bytes of responses (target `ureq_proto`), which
//! include tokens when they are issued, and signed URLs; and its records of the level `debug` (target
//! `ureq`) have the URLs of redirects. A custom agent ([`OwnAgent`]) gets whole requests: there, these
//! records have their URLs as well.
//!
//! A library cannot change the log level of its program. A program whose users may enable `trace`
//! should exclude these two targets with its filter (`trace,ureq=debug,ureq_proto=debug`), or disable
//! the level for all crates with `log = { version = "0.4", features = ["max_level_debug"] }` in its
//! dependencies.

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
pub use export_core::token::ClientAuth;
pub use export_core::workiva::{
    self, ApiVersion, DocumentExport, ExportSpec, FileExport, FilesQuery, ListedFile,
    PresentationExport, Region, SpecError, SpreadsheetExport,
};
pub use export_core::{
    ApiError, Artifact, AttemptError, Checkpoint, Config, Error, ErrorOrigin, Event, Failure,
    FailureKind, Fault, Limits, Phase, Resubmit, Timestamp,
};
pub use export_host::{
    AccessToken, BuildError, CaBundle, CheckpointFolder, CheckpointSlot, CheckpointStore,
    ClientBuilder, ClientCertificate, ExportError, Fallback, Finished, HttpVersions, IfExists,
    PaceFile, PaceStore, ProxyError, ProxySettings, Status, StoredPacer, Submitted, TlsError,
    TlsOptions, TokenError,
};
pub use exports::Exports;
pub use file::FileSink;
pub use own_agent::OwnAgent;
pub use sink::{Sink, WriteSink};
pub use stopper::Stopper;

/// The credentials of a client. The callback of [`from_fn`](export_host::Credentials::from_fn) blocks.
pub type Credentials = export_host::Credentials<export_host::BlockingTokenFn>;
