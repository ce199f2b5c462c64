//! One export from its description to its file: client, state, place and display put together.

mod ending;
mod plan;
mod runner;
#[cfg(feature = "store")]
mod upload;

pub(crate) use self::plan::{Outcome, Plan, Start};
pub(crate) use self::runner::Runner;
