//! The program itself, against the simulated service.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod errors;
mod exports;
mod help;
mod jobs;
mod json;
mod mask;
mod places;
mod receipts;
mod settings;
mod signals;
mod usage;
mod world;
