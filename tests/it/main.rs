//! The library as its users meet it.

mod answers;
mod cases;
mod crashes;
mod layers;
#[cfg(unix)]
mod processes;
mod soak;
mod wire;
