//! Tests of the blocking adapter over sockets, against loopback servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod batch;
mod clients;
mod connections;
mod downloads;
mod exports;
mod interrupts;
mod pacing;
mod proxied;
mod simulated;
mod stopping;
mod tokens;
mod transport;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod without_tls;
