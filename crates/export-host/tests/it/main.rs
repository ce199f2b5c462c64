//! Tests of the public API, on real files and sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod builder;
mod checkpoints;
mod clock;
mod pace_file;
mod part_file;
mod proxy;
mod shared_pacer;
#[cfg(feature = "tracing")]
mod spans;
mod tls;
