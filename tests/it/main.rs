//! The library as its users meet it.

mod answers;
mod cases;
mod layers;
mod wire;
