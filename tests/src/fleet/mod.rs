//! A fleet of exports in virtual time: as many as there are, under a limit that the service
//! enforces, against the least time that anybody could need for them.
//!
//! The exports are the core's own jobs, in a [`Batch`](export_core::Batch) and under a
//! [`Pacer`]; the service is the simulator without its sockets; nothing else
//! is made up. Beside it fly those who have no pacer: each job at its own pace, and the loop that
//! asks every two seconds.

mod alone;
mod bound;
mod events;
mod exchange;
mod flight;
mod memory;
mod plot;
mod service;
mod together;

use std::ops::Range;
use std::time::Duration;

use export_core::{Order, Pacer, Rate, Rates, Timestamp};
use export_sim::Completion;

pub use flight::Flight;
pub use memory::waiting_jobs;
pub use plot::{Curve, plot};

/// What flies, and what it meets.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is written out by whoever asks for a flight")]
pub struct Fleet {
    /// How many exports there are.
    pub exports: usize,
    /// How often the service may be asked for operations, per second.
    pub limit: u32,
    /// How long an export takes.
    pub takes: Completion,
    /// Who decides when a request is sent.
    pub pilot: Pilot,
    /// The share of the requests that go wrong.
    pub faults: f64,
    /// When the service answers everything with 429, in seconds from the start.
    pub storms: Vec<Range<u64>>,
    /// How long a request is on its way, and so its answer: between these.
    pub latency: Range<Duration>,
    /// The seed of all that is random.
    pub seed: u64,
    /// When the first request may go.
    pub start: Timestamp,
    /// How many exports may be open at the service at once.
    pub open: usize,
}

/// Who decides when a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are compared")]
pub enum Pilot {
    /// One pacer for all of them.
    Together(Knows, Order),
    /// Each job for itself: it waits as long as it was asked to.
    Alone,
    /// A loop for each export, which asks every two seconds until it is told `completed`.
    EveryTwoSeconds,
}

/// What the pacer knows of the limit when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are compared")]
pub enum Knows {
    /// All of it.
    TheLimit,
    /// What a pacer has learnt that flew the same fleet yesterday, and was stored in between.
    SinceYesterday,
    /// Nothing.
    Nothing,
}

/// More requests than this are not played: that is a storm, and not worth watching to its end.
pub const MOST_REQUESTS: u64 = 20_000_000;

impl Fleet {
    /// A fleet in fair weather, under one pacer that knows the limit.
    #[must_use]
    pub fn new(exports: usize, limit: u32, takes: Completion) -> Self {
        Self {
            exports,
            limit,
            takes,
            pilot: Pilot::Together(Knows::TheLimit, Order::default()),
            faults: 0.0,
            storms: Vec::new(),
            latency: Duration::ZERO..Duration::ZERO,
            seed: 1,
            start: Timestamp::from_date(2026, 1, 5),
            open: usize::MAX,
        }
    }

    /// Flies it.
    #[must_use]
    pub fn fly(&self) -> Flight {
        match self.pilot {
            Pilot::Together(knows, order) => together::fly(self, knows, order).0,
            Pilot::Alone => alone::fly(self),
            Pilot::EveryTwoSeconds => alone::fly_every_two_seconds(self),
        }
    }

    /// The pacer as it is in the morning.
    fn pacer(&self, knows: Knows) -> Pacer {
        // Requests that are on their way for a longer and a shorter time arrive in a bunch: so
        // many fewer may go at once.
        let spread = self.latency.end.saturating_sub(self.latency.start).as_secs_f64();
        let bunch = (spread * f64::from(self.limit)).ceil() as u32;
        let burst = self.limit.saturating_sub(bunch).max(1);
        let operations = match knows {
            Knows::TheLimit => Rate::per_second(f64::from(self.limit)).with_burst(burst),
            Knows::SinceYesterday | Knows::Nothing => Rate::learnt(1.0),
        };
        Pacer::new(Rates { operations, ..Rates::unlimited() })
    }
}
