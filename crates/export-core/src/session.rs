//! An export as a conversation of values, for drivers in other languages and for those that cannot borrow.
//!
//! The [handles](crate::driver) of an [`ExportJob`](crate::ExportJob) borrow it, so that mistakes do not
//! compile. A class of Python, an object in WebAssembly or a C API cannot hold them. A [`Session`] owns
//! its job: [`next`](Session::next) takes what became of the last [`Action`] as an [`Input`], and returns
//! the next one. It carries out no rules of its own: each input is handed to the handle that is due.
//!
//! ```
//! use export_core::pacer::Pacer;
//! use export_core::session::{Action, ClientState, Input, Session};
//! use export_core::token::TokenSource;
//! use export_core::workiva::{DocumentExport, ExportSpec, Region};
//! use export_core::{Config, ExportJob, Timestamp};
//!
//! let config = Config::for_region(Region::Us);
//! // Shared by all sessions of a client, behind a lock that is not held over I/O.
//! let tokens = TokenSource::client_credentials("id", "secret", &config);
//! let mut client = ClientState::new(tokens, Pacer::default());
//!
//! let spec = ExportSpec::document("d1", DocumentExport::pdf());
//! let mut session = Session::new(ExportJob::new(spec, &config)?);
//!
//! // What the service responds, in this order: to the token request, submit, poll and fetch.
//! let mut responses = vec![
//!     (200, vec![], &br#"{"access_token":"eyJhbGciOi","expires_in":600}"#[..]),
//!     (202, vec![("location", "/platform/v1/operations/1")], b""),
//!     (200, vec![], br#"{"status":"completed","resourceUrl":"/files/1"}"#),
//!     (200, vec![], b"%PDF-1.7"),
//! ]
//! .into_iter();
//! let (mut now, mut file, mut body) = (Timestamp::from_date(2026, 3, 1), Vec::new(), &b""[..]);
//! let mut unread = &b""[..];
//!
//! let mut input = Input::Done;
//! let artifact = loop {
//!     input = match session.next(now, &mut client, input)? {
//!         // A driver flushes this to disk before it goes on.
//!         Action::Store { checkpoint } => {
//!             serde_json::to_string(&checkpoint)?;
//!             Input::Done
//!         }
//!         Action::Send(send) => {
//!             println!("{} {}", send.request.method(), send.request.uri());
//!             let (status, headers, response_body) = responses.next().unwrap();
//!             (body, unread) = (response_body, response_body);
//!             Input::head(status, headers)?
//!         }
//!         Action::Collect { .. } => Input::Body(body.into()),
//!         Action::Begin { offset, .. } => {
//!             file.truncate(usize::try_from(offset)?);
//!             Input::Done
//!         }
//!         Action::Read { .. } if unread.is_empty() => Input::End,
//!         Action::Read { .. } => Input::Chunk(unread.into()),
//!         Action::Write { bytes, .. } => {
//!             file.extend_from_slice(bytes.as_deref().unwrap_or(unread));
//!             unread = b"";
//!             Input::Done
//!         }
//!         Action::Sync | Action::Measure { .. } => Input::Length(file.len() as u64),
//!         Action::Wait { until, .. } => {
//!             now = until;
//!             Input::Done
//!         }
//!         Action::Finish { .. } => Input::Done,
//!         Action::GetToken { .. } => unreachable!("only for an external source"),
//!         Action::End { outcome } => break outcome?,
//!     };
//! };
//! assert_eq!((artifact.length(), file.as_slice()), (Some(8), &b"%PDF-1.7"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An input that does not fit the last action is a [`Misuse`], which changes nothing. A driver that was
//! interrupted may drop the session at any time, after [`close`](Session::close), and resume its job from
//! the checkpoint.
//!
//! Actions serialize, and inputs deserialize: `{"action": "wait", "until": 1772323200000, "why": "pace"}`
//! is answered by `{"input": "done"}`. The names are those of the variants and fields in snake case. Times
//! are milliseconds since 1970, durations have `_ms` in their names, and bytes are base64.

pub use crate::job::session::{
    Action, ClientState, Input, InvalidHead, Misuse, SendRequest, Session,
};
