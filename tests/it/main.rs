//! Integration tests of the public APIs of all crates.

mod batch_sim;
mod cases;
mod crashes;
mod dialects;
mod documents;
mod layers;
mod logs;
mod memory;
mod options;
#[cfg(unix)]
mod processes;
mod random_faults;
mod responses;
mod snapshots;
mod soak;
mod statuses;
mod wire;
