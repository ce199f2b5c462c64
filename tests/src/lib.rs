//! Conformance tests: the same cases for every adapter, over real sockets.
//!
//! A [`Case`] is data: an export, the faults that the simulated service injects, and the expected
//! end. [`run`] runs a case with one [`Adapter`] against a new service, and records all observable
//! behaviour as a transcript. For each case, the transcripts of all adapters must be equal, and
//! match the snapshot.
//!
//! [`crash_sim`] and [`batch_sim`] drive the core without an adapter, in virtual time.

#![forbid(unsafe_code)]

mod adapter;
pub mod batch_sim;
mod case;
mod cases;
pub mod crash_sim;
pub mod dialects;
mod leaks;
pub mod python;
mod recorder;
mod transcript;

pub use adapter::{Adapter, CaseRun, run};
pub use case::{BaseUrl, Case, Goal, Login, SECRET, TOKEN, TrustedCa};
pub use cases::all;

/// Compiles the examples of the READMEs and the pages as doc tests.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../README.md")]
    struct Workspace;

    #[doc = include_str!("../../docs/dialects.md")]
    struct Dialects;

    #[doc = include_str!("../../docs/drivers.md")]
    struct Drivers;

    #[doc = include_str!("../../docs/embedding.md")]
    struct Embedding;

    #[doc = include_str!("../../docs/simulator.md")]
    struct Simulator;

    #[doc = include_str!("../../crates/export-core/README.md")]
    struct ExportCore;

    #[doc = include_str!("../../crates/export-host/README.md")]
    struct ExportHost;

    #[doc = include_str!("../../crates/export-hyper/README.md")]
    struct ExportHyper;

    #[doc = include_str!("../../crates/export-sim/README.md")]
    struct ExportSim;

    #[doc = include_str!("../../crates/export-ureq/README.md")]
    struct ExportUreq;
}
