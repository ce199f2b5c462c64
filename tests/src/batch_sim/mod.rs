//! Simulates many exports in virtual time, under a rate limit of the service, and compares the time
//! that they take with a lower bound.
//!
//! The exports are jobs of the core in a [`Batch`](export_core::batch::Batch) with a [`Pacer`]. The service
//! is the simulator without sockets. For comparison, the same exports run without a pacer: as
//! independent jobs, and as loops that poll every two seconds.

mod bound;
mod event_queue;
mod exchange;
mod memory;
mod paced;
mod plot;
mod report;
mod service;
mod unpaced;

use std::ops::Range;
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::{Pacer, Rate, Rates};
use export_sim::Completion;

pub use memory::waiting_jobs;
pub use plot::{Curve, plot};
pub use report::BatchReport;

/// The parameters of a simulation.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers construct it with a struct literal")]
pub struct BatchSim {
    /// The number of exports.
    pub exports: usize,
    /// The number of operation requests per second that the service allows.
    pub rate_limit: u32,
    /// The time that an export takes at the service.
    pub duration: Completion,
    /// How the requests are scheduled.
    pub strategy: Strategy,
    /// The share of the requests that fail, from 0 to 1.
    pub faults: f64,
    /// The periods in which all polls get a 429, in seconds from the start.
    pub throttled: Vec<Range<u64>>,
    /// The periods in which every request gets a 503, in seconds from the start.
    pub outages: Vec<Range<u64>>,
    /// The range of the one-way latency of requests and responses.
    pub latency: Range<Duration>,
    /// The seed of all random values.
    pub seed: u64,
    /// The time of the first request.
    pub start: Timestamp,
    /// The maximum number of exports that are open at the service at once.
    pub max_open: usize,
}

/// How the requests are scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests compare all variants")]
pub enum Strategy {
    /// By one pacer for all exports.
    Paced(LimitKnowledge),
    /// By each job for itself, according to its responses.
    Independent,
    /// By a loop for each export, which polls every two seconds until it is completed.
    FixedInterval,
}

/// What the pacer knows of the rate limit at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests compare all variants")]
pub enum LimitKnowledge {
    /// The limit.
    Known,
    /// What it has learned in an earlier run of the same exports. It was stored in between.
    LearnedEarlier,
    /// Nothing.
    Unknown,
}

/// The number of requests after which a simulation is aborted.
pub const MAX_REQUESTS: u64 = 20_000_000;

impl BatchSim {
    /// A simulation without faults and latency, with one pacer that knows the rate limit.
    #[must_use]
    pub fn new(exports: usize, rate_limit: u32, duration: Completion) -> Self {
        Self {
            exports,
            rate_limit,
            duration,
            strategy: Strategy::Paced(LimitKnowledge::Known),
            faults: 0.0,
            throttled: Vec::new(),
            outages: Vec::new(),
            latency: Duration::ZERO..Duration::ZERO,
            seed: 1,
            start: Timestamp::from_date(2026, 1, 5),
            max_open: usize::MAX,
        }
    }

    /// Runs the simulation.
    #[must_use]
    pub fn run(&self) -> BatchReport {
        match self.strategy {
            Strategy::Paced(knowledge) => paced::run(self, knowledge).0,
            Strategy::Independent => unpaced::run_independent(self),
            Strategy::FixedInterval => unpaced::run_fixed_interval(self),
        }
    }

    /// The pacer at the start.
    fn pacer(&self, knowledge: LimitKnowledge) -> Pacer {
        // Requests sent at different times arrive together if their latencies differ. The burst is
        // smaller by the number of such requests.
        let spread = self.latency.end.saturating_sub(self.latency.start).as_secs_f64();
        let bunch = (spread * f64::from(self.rate_limit)).ceil() as u32;
        let burst = self.rate_limit.saturating_sub(bunch).max(1);
        let operations = match knowledge {
            LimitKnowledge::Known => Rate::per_second(f64::from(self.rate_limit)).with_burst(burst),
            LimitKnowledge::LearnedEarlier | LimitKnowledge::Unknown => Rate::learned(1.0),
        };
        Pacer::new(Rates::unlimited().with_operations(operations))
    }
}
