//! Workiva's export API, simulated.
//!
//! - [`Service`] is the service itself: requests in, answers out. It has no sockets and no clock, so that a test
//!   can let an hour pass in no time.
//! - [`Server`] is a real HTTP server around it, on two addresses: the API host and the storage origin that signed
//!   URLs lead to.
//! - `export-sim` is the server as a program.
//!
//! It speaks both generations of the API, checks what the service checks, serves real documents or any number of
//! bytes, does on request what goes wrong in life ([`Scenario`]), and records all that it receives.
//!
//! ```
//! use export_sim::{Config, Server};
//!
//! let server = Server::start_blocking(Config::default().with_token("a-token"))?;
//! println!("export from {}", server.url());
//! // A client does its work here.
//! assert!(server.requests().is_empty());
//! # Ok::<_, std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod answer;
mod completion;
mod config;
mod delivery;
mod documents;
mod duration;
mod faults;
mod payload;
mod random;
mod record;
mod server;
mod service;
mod timestamp;

#[doc = include_str!("../SCENARIOS.md")]
pub mod guide {}

pub use answer::{Answer, Ending, Seen};
pub use completion::{Completion, ParseCompletionError};
pub use config::{Certificate, Config, Downloads, Framing};
pub use documents::Format;
pub use faults::{
    BodyKind, ConnectionRule, End, Fault, LengthClaim, Matches, Moment, Nth, Per, Randomly,
    RedirectTo, Refusal, RetryAfter, Role, Rule, Scenario, ScenarioError, UrlForm,
};
pub use payload::Payload;
pub use record::{Origin, RecordedRequest};
pub use server::Server;
pub use service::{Endpoint, Service, StartedExport};
pub use timestamp::Timestamp;
