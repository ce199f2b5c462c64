//! Exports files from Workiva, without I/O.
//!
//! An export takes three kinds of request. The client *submits* it, and the service responds with 202
//! and the URL of an operation. The client *polls* the operation until it is completed, and then
//! *fetches* the file. [`ExportJob`] is a state machine for these requests: it says which request to
//! send, what its response means, and how long to wait. It handles rate limits, retries, redirects,
//! expired tokens and interrupted downloads, and it can be saved and resumed at any point.
//!
//! The crate opens no socket, reads no clock and starts no thread. A *driver* does the I/O:
//!
//! - `export-hyper` is an async client on tokio and hyper.
//! - `export-ureq` is a blocking client.
//! - For another HTTP client, write a driver with this crate, as below.
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | describe an export | [`workiva::ExportSpec`], with a type of options for each kind of file |
//! | choose region, API version, retries and budgets | [`Config`], [`Limits`] |
//! | drive an export | [`ExportJob`], [`driver`] |
//! | drive one from another language | [`session`] |
//! | share one token among many jobs | [`token::TokenSource`] |
//! | run many jobs within the service's rate limits | [`batch`], [`pacer`] |
//! | resume after a crash | [`Checkpoint`] |
//! | handle errors | [`Error`], [`Failure`] |
//! | say where a token may go | [`origins`] |
//! | export from another service | [`dialect`] |
//!
//! The repository has pages beside this documentation: `docs/drivers.md` has what a driver owes, `docs/dialects.md`
//! exports from other services, `docs/other-languages.md` drives the machine from another language, and `docs/pace.md`
//! and `docs/lost-exports.md` explain its rules.
//!
//! # The loop of a driver
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use export_core::driver::{Reply, Step};
//! use export_core::token::Token;
//! use export_core::workiva::{DocumentExport, ExportSpec, Region};
//! use export_core::{Artifact, Checkpoint, Config, Error, ExportJob, Failure, Timestamp};
//! use http::{Request, Response};
//!
//! /// What a driver provides: a clock, a transport, a store for checkpoints, and a sink for the file.
//! trait Environment {
//!     fn now(&self) -> Timestamp;
//!     fn sleep_until(&mut self, time: Timestamp);
//!     fn send(&mut self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure>;
//!     fn store(&mut self, revision: u64, checkpoint: impl FnOnce() -> Checkpoint);
//!     fn file(&mut self) -> &mut Vec<u8>;
//!     /// Writes the file to disk, and returns the length that would survive a crash.
//!     fn sync(&mut self) -> u64;
//!     /// Gives the file its name, and begins another one.
//!     fn next_file(&mut self, artifact: &Artifact);
//! }
//!
//! fn export(
//!     job: &mut ExportJob,
//!     token: &Token,
//!     env: &mut impl Environment,
//! ) -> Result<Artifact, Error> {
//!     loop {
//!         while let Some(event) = job.next_event() {
//!             println!("{event:?}");
//!         }
//!         // Store the checkpoint if the revision has changed, before acting on any step.
//!         env.store(job.revision(), || job.checkpoint());
//!         match job.step(env.now()) {
//!             Step::Done(outcome) => return outcome,
//!             Step::Wait(wait) => env.sleep_until(wait.until),
//!             // Only dialects with several files, or with files in a response, have these steps.
//!             Step::Inline(inline) => {
//!                 *env.file() = inline.bytes().to_vec();
//!                 let have = env.sync();
//!                 inline.handle_written(env.now(), have);
//!             }
//!             Step::Complete(complete) => {
//!                 env.next_file(complete.artifact());
//!                 complete.handle_finished(env.now());
//!             }
//!             Step::Transmit(transmit) => {
//!                 let token = transmit.token_need().map(|_| token);
//!                 let have = env.file().len() as u64;
//!                 let (request, in_flight) = transmit.start(env.now(), token, have);
//!                 env.store(in_flight.revision(), || in_flight.checkpoint());
//!                 match env.send(request) {
//!                     Err(failure) => in_flight.handle_failure(env.now(), failure),
//!                     Ok(response) => match in_flight.handle_head(env.now(), &response) {
//!                         Reply::Collect(collect) => {
//!                             env.store(collect.revision(), || collect.checkpoint());
//!                             collect.handle_body(env.now(), response.body());
//!                         }
//!                         Reply::Stream(mut stream) => {
//!                             env.store(stream.revision(), || stream.checkpoint());
//!                             env.file().truncate(stream.offset() as usize);
//!                             let checked = stream.check(env.now(), response.body());
//!                             if let ControlFlow::Continue(checked) = checked {
//!                                 env.file().extend_from_slice(response.body());
//!                                 stream.advance(env.now(), checked);
//!                                 let checkpoint = stream.mark_durable(env.sync());
//!                                 env.store(stream.revision(), || checkpoint);
//!                             }
//!                             let have = env.file().len() as u64;
//!                             stream.finish(env.now(), have);
//!                         }
//!                     },
//!                 }
//!             }
//!         }
//!     }
//! }
//! #
//! # struct Test(Timestamp, Vec<Response<Vec<u8>>>, Vec<u8>);
//! # impl Environment for Test {
//! #     fn now(&self) -> Timestamp { self.0 }
//! #     fn sleep_until(&mut self, time: Timestamp) { self.0 = time }
//! #     fn send(&mut self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
//! #         Ok(self.1.remove(0))
//! #     }
//! #     fn store(&mut self, _: u64, checkpoint: impl FnOnce() -> Checkpoint) { checkpoint(); }
//! #     fn file(&mut self) -> &mut Vec<u8> { &mut self.2 }
//! #     fn sync(&mut self) -> u64 { self.2.len() as u64 }
//! #     fn next_file(&mut self, _: &Artifact) { self.2.clear() }
//! # }
//! #
//! # let responses = vec![
//! #     Response::builder().status(202).header("location", "/operations/1").body(vec![])?,
//! #     Response::new(br#"{"status":"completed","resourceUrl":"/files/1"}"#.to_vec()),
//! #     Response::new(b"%PDF-1.7".to_vec()),
//! # ];
//! # let mut env = Test(Timestamp::from_date(2026, 3, 1), responses, vec![]);
//!
//! let spec = ExportSpec::document("d1", DocumentExport::pdf());
//! let mut job = ExportJob::new(spec, &Config::for_region(Region::Us))?;
//! let artifact = export(&mut job, &Token::fixed("eyJhbGciOi")?, &mut env)?;
//! assert_eq!(artifact.length(), Some(8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two rules keep an export safe across crashes:
//!
//! - Store the checkpoint whenever the revision has changed, and before the next request is sent. A
//!   resumed job then never submits an export again that was accepted, and keeps the waits that the
//!   service asked for.
//! - Report a request as [`FailureKind::NotSent`] only if no byte of it can have reached the service.
//!   If the transport cannot tell, report [`FailureKind::Unanswered`].
//!
//! A driver that receives the body in chunks does the same for each of them: check, write, advance,
//! and every few seconds sync and store, so that a crash loses no more than that.
//!
//! Dropping a handle is always safe: the job then acts as if the request had got no response. A
//! download that brought bytes continues at once; one that brought none backs off.
//!
//! The job notices most mistakes of a driver, such as a sink with other bytes than it says, and ends
//! with a [`FailureKind::Driver`]. The page `docs/drivers.md` of the repository lists them, and what
//! the transport below a driver must not do.
//!
//! # Misuse that does not compile
//!
//! Each handle borrows the job and is consumed by the next call, so that a step cannot be taken twice.
//!
//! ```compile_fail,E0382
//! fn twice(now: export_core::Timestamp, collect: export_core::driver::Collect<'_>) {
//!     collect.handle_body(now, b"{}");
//!     collect.handle_body(now, b"{}"); // error: use of moved value
//! }
//! ```
//!
//! ```compile_fail,E0499
//! fn both(now: export_core::Timestamp, job: &mut export_core::ExportJob) {
//!     let one = job.step(now);
//!     let two = job.step(now); // error: the first step still borrows the job
//!     drop((one, two));
//! }
//! ```
//!
//! A chunk of the file is counted once, and only if it was checked.
//!
//! ```compile_fail,E0382
//! fn twice(now: export_core::Timestamp, stream: &mut export_core::driver::Stream<'_>) {
//!     let checked = stream.check(now, b"%PDF-1.7").continue_value().unwrap();
//!     stream.advance(now, checked);
//!     stream.advance(now, checked); // error: use of moved value
//! }
//! ```
//!
//! ```compile_fail,E0308
//! fn unchecked(now: export_core::Timestamp, stream: &mut export_core::driver::Stream<'_>) {
//!     stream.advance(now, 8); // error: expected `Checked`, found integer
//! }
//! ```
//!
//! # Other services
//!
//! The machine handles HTTP, and a [`Dialect`](dialect::Dialect) the API of one service. [`Workiva`](workiva::Workiva) is the dialect of
//! this crate. A dialect for another API that responds with 202 and is polled takes about a hundred
//! lines: a result may be one file or many, in pages or in a list.
//!
//! # What a response does
//!
//! The table is generated by running the machine. A row is a response or a failure, a column is the
//! request that got it, and a cell is what the job does next. Names in `code` are the [`Error`]s that
//! end the job; *resumable* means that it can continue from its checkpoint. `Pace`, `BackOff` and
//! `RetryAfter` are the reasons for a wait ([`Why`](driver::Why)). Each cell shows the first failure of a job:
//! waits double with each further one, and every budget is finite ([`Limits`]).
//!
#![doc = include_str!("transitions.md")]
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;

pub mod batch;
pub mod dialect;
pub mod driver;
pub mod origins;
pub mod pacer;
pub mod session;
pub mod token;
pub mod workiva;

mod api_error;
mod artifact;
mod config;
mod error;
mod failure;
mod file_name;
mod headers;
mod job;
mod json;
mod phase;
mod redact;
mod settings;
mod sunset;
mod time;
mod token_source;
mod url;
mod wire;

pub use api_error::{ApiError, ApiErrorDetail, ErrorOrigin};
pub use artifact::Artifact;
pub use config::{Config, Limits, Pace, Resubmit};
pub use error::{AttemptError, Error, Fault};
pub use failure::{Failure, FailureKind};
pub use file_name::safe_file_name;
pub use job::{Checkpoint, Event, EventUrl, ExportJob, ResumeError};
pub use phase::Phase;
pub use redact::Redacted;
pub use time::Timestamp;
