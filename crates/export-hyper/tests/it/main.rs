//! Tests of the async adapter over sockets, against loopback servers.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod awaits;
mod batch;
mod clients;
mod connecting;
mod connections;
mod download_limit;
mod downloads;
mod dropping;
mod exports;
mod http2;
mod in_memory;
mod own_transport;
mod pacing;
mod proxied;
mod simulated;
mod stopping;
mod tokens;
mod transport;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod without_tls;
