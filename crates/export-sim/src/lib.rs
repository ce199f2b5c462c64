//! A simulator of Workiva's export API.
//!
//! - [`Service`] takes requests and returns responses. It has no sockets and no clock: tests pass the time in, and can
//!   skip an hour at once.
//! - [`Server`] is a real HTTP server around it, with two origins: the API host, and the storage origin that signed
//!   URLs point to.
//! - `export-sim` is the server as a command line program.
//!
//! The simulator supports both generations of the API, validates requests as the service does, serves real documents
//! or generated files of any size, injects faults ([`Scenario`]), and records all requests. In the repository,
//! `docs/simulator.md` says how to test with it.
//!
//! ```
//! use export_sim::{Config, Server};
//!
//! let server = Server::start_blocking(Config::default().with_token("a-token"))?;
//! println!("export from {}", server.url());
//! // Run the client under test here.
//! assert!(server.requests().is_empty());
//! # Ok::<_, std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod completion;
mod config;
mod delivery;
mod documents;
mod duration;
mod faults;
mod mistakes;
mod payload;
mod random;
mod record;
mod response;
mod server;
mod service;
mod timestamp;

#[doc = include_str!("../SCENARIOS.md")]
pub mod guide {}

pub use completion::{Completion, ParseCompletionError};
pub use config::{Certificate, Config, Downloads, Framing};
pub use documents::Format;
pub use faults::{
    BodyKind, ConnectionFault, ConnectionRule, Fault, FinalStatus, LengthClaim, Matches, Moment,
    Nth, Per, RandomRule, RedirectTo, RetryAfter, Role, Rule, Scenario, ScenarioError, UrlForm,
};
pub use mistakes::Mistake;
pub use payload::Payload;
pub use record::{Origin, RecordedRequest};
pub use response::{Ending, ReceivedResponse, SimResponse};
pub use server::Server;
pub use service::{Endpoint, Service, StartedExport, WorkspaceFile};
pub use timestamp::Timestamp;
