//! Export files from Workiva, without I/O: what to send, what an answer means, until when to wait.
//!
//! An export takes three requests and a while. It is *submitted*, and answered with 202 and the URL
//! of an operation; the operation is *polled* until it is completed; the file that it made is
//! *fetched*. [`ExportJob`] knows the way from the first request to the last byte, through
//! throttling, failures, redirects, expired tokens and downloads that break off. It opens no
//! socket and reads no clock. Whoever drives it does that: the crates `export-hyper` (async) and
//! `export-ureq` (blocking) do, and so can you, with any HTTP client.
//!
//! # The loop
//!
//! ```
//! use export_core::{
//!     Artifact, Checkpoint, Config, DocumentExport, Error, ExportJob, ExportSpec, Failure, Region,
//!     Reply, Step, Timestamp, Token,
//! };
//! use http::{Request, Response};
//!
//! /// The world around a job: a clock, a transport, a place for checkpoints and one for the file.
//! trait World {
//!     fn now(&self) -> Timestamp;
//!     fn sleep_until(&mut self, time: Timestamp);
//!     fn send(&mut self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure>;
//!     fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint);
//!     fn file(&mut self) -> &mut Vec<u8>;
//! }
//!
//! fn export(job: &mut ExportJob, token: &Token, world: &mut impl World) -> Result<Artifact, Error> {
//!     loop {
//!         while let Some(event) = job.next_event() {
//!             println!("{event:?}");
//!         }
//!         // Before anything else: what is not stored is lost with this process.
//!         world.store(job.revision(), || job.checkpoint());
//!         match job.step(world.now()) {
//!             Step::Done(outcome) => return outcome,
//!             Step::Wait(wait) => world.sleep_until(wait.until),
//!             Step::Transmit(transmit) => {
//!                 let token = transmit.token_need().map(|_| token);
//!                 let have = world.file().len() as u64;
//!                 let (request, in_flight) = transmit.start(world.now(), token, have);
//!                 world.store(in_flight.revision(), || in_flight.checkpoint());
//!                 match world.send(request) {
//!                     Err(failure) => in_flight.handle_failure(world.now(), failure),
//!                     Ok(answer) => match in_flight.handle_head(world.now(), &answer) {
//!                         Reply::Collect(collect) => {
//!                             world.store(collect.revision(), || collect.checkpoint());
//!                             collect.handle_body(world.now(), answer.body());
//!                         }
//!                         Reply::Stream(mut stream) => {
//!                             world.store(stream.revision(), || stream.checkpoint());
//!                             world.file().truncate(stream.offset() as usize);
//!                             if stream.check(answer.body()).is_continue() {
//!                                 world.file().extend_from_slice(answer.body());
//!                                 stream.advance(answer.body().len() as u64);
//!                             }
//!                             stream.finish(world.now());
//!                         }
//!                     },
//!                 }
//!             }
//!         }
//!     }
//! }
//! #
//! # struct Test(Timestamp, Vec<Response<Vec<u8>>>, Vec<u8>);
//! # impl World for Test {
//! #     fn now(&self) -> Timestamp { self.0 }
//! #     fn sleep_until(&mut self, time: Timestamp) { self.0 = time }
//! #     fn send(&mut self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
//! #         Ok(self.1.remove(0))
//! #     }
//! #     fn store(&mut self, _: u64, checkpoint: impl FnOnce() -> Checkpoint) { checkpoint(); }
//! #     fn file(&mut self) -> &mut Vec<u8> { &mut self.2 }
//! # }
//! #
//! # let answers = vec![
//! #     Response::builder().status(202).header("location", "/operations/1").body(vec![])?,
//! #     Response::new(br#"{"status":"completed","resourceUrl":"/files/1"}"#.to_vec()),
//! #     Response::new(b"%PDF-1.7".to_vec()),
//! # ];
//! # let mut world = Test(Timestamp::from_date(2026, 3, 1), answers, vec![]);
//!
//! let spec = ExportSpec::document("d1", DocumentExport::pdf());
//! let mut job = ExportJob::new(spec, &Config::for_region(Region::Us))?;
//! let artifact = export(&mut job, &Token::fixed("eyJhbGciOi")?, &mut world)?;
//! assert_eq!(artifact.length(), Some(8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Misuse that does not compile
//!
//! Each step gives out a handle, and each handle is used up by what comes next.
//!
//! ```compile_fail,E0382
//! fn twice(now: export_core::Timestamp, collect: export_core::Collect<'_>) {
//!     collect.handle_body(now, b"{}");
//!     collect.handle_body(now, b"{}"); // the answer was handed in already
//! }
//! ```
//!
//! ```compile_fail,E0499
//! fn both(now: export_core::Timestamp, job: &mut export_core::ExportJob) {
//!     let one = job.step(now);
//!     let two = job.step(now); // the first step has not been acted upon yet
//!     drop((one, two));
//! }
//! ```
//!
//! # Other services
//!
//! The machine knows HTTP, and a [`Dialect`] knows one service. [`Workiva`] is the one that is
//! here; to poll something else, write another: about a hundred lines.
//!
//! # What an answer does
//!
//! In each column, the machine is about to hear of that request; the cell is what it does next.
//! Names in `code` are [`Error`]s, and end the job. `Pace`, `BackOff` and `RetryAfter` are the
//! reasons for a wait ([`Why`]). Jobs are at their first failure here: waits after a failure double
//! with each, and every budget is finite ([`Limits`]).
//!
#![doc = include_str!("transitions.md")]
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;

mod api_error;
mod artifact;
mod batch;
mod config;
mod dialect;
mod error;
mod failure;
mod file_name;
mod headers;
mod job;
mod origins;
mod pacer;
mod redact;
mod sunset;
mod time;
mod token;
mod token_source;
mod url;
mod workiva;

pub use api_error::{ApiError, ApiErrorDetail, ErrorOrigin};
pub use artifact::Artifact;
pub use batch::{Batch, BatchLimits, BatchState, BatchStep, Counts, Ended, JobKey, Order, Turn};
pub use config::{Config, Limits, Pace, Resubmit};
pub use dialect::{Contradiction, Dialect, Head, OperationFacts, Phase, Reading, Repeat};
pub use error::{AttemptError, Error, Fault};
pub use failure::{Failure, FailureKind};
pub use file_name::safe_file_name;
pub use job::{
    Checkpoint, Collect, Event, EventUrl, ExportJob, InFlight, Reply, ResumeError, Step, Stream,
    Transmit, Wait, Why,
};
pub use origins::{Access, Origins};
pub use pacer::{Pacer, Permit, Rate, Rates, RequestClass};
pub use redact::Redacted;
pub use sunset::{Sunset, SunsetNotice};
pub use time::Timestamp;
pub use token::{InvalidToken, Token, TokenId, TokenNeed};
pub use token_source::{Ticket, TokenInfo, TokenSource, TokenStep};
pub use url::{Origin, UrlError};
pub use workiva::{
    ApiVersion, ArchiveOptions, DocumentDocxOptions, DocumentExport, DocumentPdfOptions,
    DocumentXhtmlOptions, ExportPrecision, ExportSpec, FileExport, PageOrientation, PageScale,
    PresentationExport, PresentationPdfOptions, PresentationPptxOptions, Region, RestoreError,
    SpecError, SpreadsheetCsvOptions, SpreadsheetExport, SpreadsheetPdfOptions,
    SpreadsheetXlsxOptions, StyleGuideExport, TestAttachment, UnknownName, Workiva,
};
