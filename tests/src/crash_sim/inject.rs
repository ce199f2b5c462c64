//! The injection of crashes and local failures into a process.

/// A point in the execution of a process at which something can be injected.
///
/// Nothing is injected between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrashPoint {
    /// Before a checkpoint is stored.
    Store,
    /// After a checkpoint was stored.
    Stored,
    /// Before a wait.
    Wait,
    /// After a wait.
    Waited,
    /// Before a request is started.
    Transmit,
    /// After a request was started, before it is sent.
    Started,
    /// After the service received the request, before its response is handled.
    Sent,
    /// After the head of the response was handled.
    Head,
    /// Before a chunk of the file is written.
    Write,
    /// After a chunk of the file was written.
    Wrote,
    /// After the file was synced, before the job is told.
    Synced,
    /// After the whole response was handled.
    Received,
    /// After the file is complete, before it is renamed.
    Complete,
    /// After the file was renamed, before the checkpoint is removed.
    Renamed,
}

/// What is injected at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Injection {
    /// Nothing.
    None,
    /// The process is killed, and another process resumes from the stored checkpoint.
    Kill,
    /// The machine loses power: like [`Kill`](Self::Kill), and data that was not synced may be lost.
    PowerLoss,
    /// The current handle of the job is dropped, and the job continues. Has an effect only where
    /// there is a handle.
    DropHandle,
    /// The current store or write fails. Has an effect only where there is one.
    Fail,
}

/// Decides what is injected at each point.
pub trait Injector {
    /// What to inject at this point.
    fn at(&mut self, point: CrashPoint) -> Injection;

    /// A number in `0..end`, for example how much data is lost. `end` is not 0.
    fn pick(&mut self, end: u64) -> u64;

    /// Whether the next request fails before it reaches the service.
    fn is_unreachable(&mut self) -> bool {
        false
    }
}

/// Injects nothing, and records the points.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "tests read its field")]
pub struct NoFaults {
    /// The points so far.
    pub points: Vec<CrashPoint>,
}

impl Injector for NoFaults {
    fn at(&mut self, point: CrashPoint) -> Injection {
        self.points.push(point);
        Injection::None
    }

    fn pick(&mut self, _end: u64) -> u64 {
        0
    }
}

/// Injects once, at a single point.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests construct it with a struct literal")]
pub struct InjectAt {
    /// The index of the point, from 0.
    pub index: usize,
    /// What to inject.
    pub injection: Injection,
    /// How much of the data that can be lost is kept, from 0 (nothing) to 255 (all).
    pub kept: u8,
}

impl Injector for InjectAt {
    fn at(&mut self, _point: CrashPoint) -> Injection {
        let Some(rest) = self.index.checked_sub(1) else {
            self.index = usize::MAX;
            return self.injection;
        };
        self.index = rest;
        Injection::None
    }

    fn pick(&mut self, end: u64) -> u64 {
        u64::from(self.kept) * end.saturating_sub(1) / 255
    }
}
