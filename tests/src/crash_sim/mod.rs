//! Simulates exports with crashes, in one thread and in virtual time: the simulated service without
//! sockets, a manual clock, a disk that can lose data, and processes that can be killed at any
//! point.
//!
//! A [`CrashSim`] runs one export to its end, with as many processes as that takes, and reports the
//! invariants that were violated. An [`Injector`] decides what happens to the processes; the
//! scenario of the simulator decides what happens to the responses.

mod disk;
mod driver;
mod inject;
mod network;
mod retry_after;
mod schedule;
mod secrets;
mod sim;
mod soak;
mod violation;

pub use inject::{CrashPoint, InjectAt, Injection, Injector, NoFaults};
pub use schedule::RandomInjector;
pub use sim::{Counters, CrashSim, Outcome, SimReport};
pub use soak::{SoakReport, replay, soak};
pub use violation::Violation;
