//! Exports in processes of their own, that are killed, starved and crowded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crowded;
mod here;
mod killed;
mod means;
mod place;
mod starved;
mod targets;
mod things;
mod torn;
