//! One export from its description to its file: client, state, place and display put together.

mod batch;
mod ending;
mod plan;
mod runner;
#[cfg(feature = "store")]
mod upload;

pub(crate) use self::batch::{Fleet, Prepared, claims_of, prepare};
pub(crate) use self::plan::{Outcome, Plan, Start};
pub(crate) use self::runner::Runner;
