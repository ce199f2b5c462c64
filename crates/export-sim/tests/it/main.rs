//! The simulator from outside: first the service in virtual time, then the server over real sockets.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails the test, as it should")]

mod client;
mod documents;
mod downloads;
mod faults;
mod flow;
mod guide;
mod program;
mod refusals;
mod robustness;
mod scenarios;
mod server;
mod tokens;
mod wire_faults;
mod world;
