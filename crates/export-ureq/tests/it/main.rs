//! The client from the outside, against servers on loopback that do what servers do.

#![expect(clippy::unwrap_used, reason = "these are tests, and so are their helpers")]

mod downloads;
mod exports;
mod many;
mod moments;
mod proxied;
mod server;
mod service;
mod simulated;
mod stopping;
mod tokens;
mod transport;
mod turns;
