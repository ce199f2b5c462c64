//! What one sees of a batch: its totals, and how each of its exports ended.
//!
//! The records are those of single exports, with the row that they are about, and three of the
//! batch's own. How an export goes on is for the log and for scripts; people are told how it ended.

mod display;
mod line;
mod narrate;
mod pace;
#[cfg(test)]
mod tests;
mod view;
mod watcher;
mod weather;

pub(super) use self::display::{Live, Plain, Quiet};
pub(super) use self::narrate::{counts, ended, started};
pub(crate) use self::watcher::{BatchWatcher, Beginning, Gauges};
