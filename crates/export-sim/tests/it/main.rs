//! Tests of the simulator's public API: the service in virtual time, the server over real sockets, and the program.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod client;
mod documents;
mod downloads;
mod faults;
mod fixture;
mod guide;
mod lifecycle;
mod program;
mod robustness;
mod scenarios;
mod server;
mod tokens;
mod validation;
mod wire_faults;
