//! The library as its users meet it.

mod answers;
mod wire;
