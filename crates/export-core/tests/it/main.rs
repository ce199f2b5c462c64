//! The core from the outside: everything that a driver can see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(unreachable_pub, reason = "modules of a test have no outside")]

mod batch;
mod dialects;
mod events;
mod exhaustive;
mod handles;
mod limiter;
mod losses;
mod pacer;
mod resume;
mod scenarios;
mod service;
mod table;
mod tokens;
mod world;
