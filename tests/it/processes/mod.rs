//! Exports in real processes: killed, in parallel, and with storage errors.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod concurrent;
mod environment;
mod fixture;
mod in_process;
mod killed;
mod storage_errors;
mod targets;
mod torn;
