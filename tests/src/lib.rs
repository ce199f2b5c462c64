//! One set of cases, run against every adapter, over real sockets.
//!
//! A [`Case`] is data: what is exported, what the simulated service does meanwhile, and how that
//! has to end. [`run`] does it with one [`Adapter`] against a service that was started for it, and
//! writes down all that could be seen as text. For each case, the text has to be the same for all
//! adapters, and the same as yesterday.

#![forbid(unsafe_code)]

mod adapter;
mod case;
mod cases;
pub mod fleet;
pub mod lab;
mod leaks;
mod notes;
mod transcript;

pub use adapter::{Adapter, Ran, run};
pub use case::{Address, Case, Goal, Login, SECRET, TOKEN, Trust};
pub use cases::all;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
