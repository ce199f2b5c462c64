//! All checks, with the kept inputs and with generated ones.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod generated;
mod memory;
mod replay;
