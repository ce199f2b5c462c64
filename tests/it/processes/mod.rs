//! Exports in processes of their own, that are killed, starved and crowded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod here;
mod killed;
mod place;
mod things;
mod torn;
