//! Tests of the core through its public interface.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]
#![expect(unreachable_pub, reason = "a test crate has no public interface")]

mod batch;
mod events;
mod exhaustive;
mod files;
mod handles;
mod harness;
mod limiter;
mod line;
mod losses;
mod mistakes;
mod outages;
mod pacer;
mod resume;
mod scenarios;
mod service;
mod session;
mod table;
mod tokens;
