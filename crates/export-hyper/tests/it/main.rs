//! The async adapter over real sockets, against servers on loopback that do what servers do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod awaits;
mod downloads;
mod dropping;
mod exports;
mod inside;
mod many;
mod proxied;
mod server;
mod service;
mod simulated;
mod tokens;
mod transport;
mod turns;
