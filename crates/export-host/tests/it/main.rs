//! The host's parts from the outside, on real files and real sockets.

#![expect(clippy::unwrap_used, reason = "these are tests, and so are their helpers")]

mod builder;
mod checkpoints;
mod clock;
mod part_file;
mod proxy;
mod shared_pacer;
#[cfg(feature = "tracing")]
mod spans;
mod tls;
