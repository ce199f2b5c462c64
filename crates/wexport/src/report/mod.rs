//! How it ended, for people and for scripts.

mod exit;
mod explain;
mod problem;

pub(crate) use self::exit::{Exit, table};
pub(crate) use self::explain::{Context, explain, refused_by_proxy};
pub(crate) use self::problem::{Facts, Problem};
