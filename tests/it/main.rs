//! The library as its users meet it.

mod answers;
mod cases;
mod chance;
mod crashes;
mod documents;
mod fleet;
mod layers;
mod logs;
mod memory;
#[cfg(unix)]
mod processes;
mod snapshots;
mod soak;
mod wire;
