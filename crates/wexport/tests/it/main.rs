//! Runs the program against the simulated service.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod batch;
#[cfg(unix)]
mod completion;
mod config_help;
mod continuing;
mod credentials;
mod destinations;
mod doctor;
mod errors;
mod exports;
mod file_systems;
mod files;
mod forgetting;
#[cfg(target_os = "linux")]
mod full_disk;
mod help;
#[cfg(unix)]
mod hooks;
mod init;
mod jobs;
mod json;
#[cfg(unix)]
mod kills;
mod links;
#[cfg(all(unix, feature = "postgres"))]
mod machines;
mod mask;
#[cfg(all(unix, feature = "s3"))]
mod moto;
mod network;
#[cfg(unix)]
mod nights;
mod older_state;
#[cfg(unix)]
mod paces;
mod pages;
mod proxy;
mod reasons;
mod receipts;
#[cfg(all(unix, any(feature = "postgres", feature = "s3")))]
mod relay;
mod report;
mod resumed_together;
mod schema;
mod secrets;
mod settings;
mod signals;
mod statuses;
#[cfg(all(unix, feature = "s3"))]
mod stores;
mod superseded;
mod terminal;
mod usage;
mod world;
