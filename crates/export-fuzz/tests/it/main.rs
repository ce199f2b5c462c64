//! Every check, with the inputs that were kept and with generated ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod generated;
mod memory;
mod replay;
