//! Exports in processes of their own, that are killed, starved and crowded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod killed;
mod place;
