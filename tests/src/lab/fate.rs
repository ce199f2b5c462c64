//! What happens to a process, and when.

/// A moment in the life of a process, between two of which nothing can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// A checkpoint is about to be stored.
    Store,
    /// A checkpoint was stored.
    Stored,
    /// The job is about to wait.
    Wait,
    /// The wait is over.
    Waited,
    /// A request may be sent, and nothing of it was begun.
    Transmit,
    /// The request was written, and is not sent.
    Started,
    /// The service has it, and its answer was not heard.
    Sent,
    /// The head of the answer was handed in.
    Head,
    /// A piece of the artifact is about to be written.
    Write,
    /// A piece of the artifact was written.
    Wrote,
    /// The file was synced, and nobody knows yet.
    Synced,
    /// The answer was handed in to its end.
    Answered,
    /// The file is complete, and does not have its name.
    Complete,
    /// The file has its name, and the checkpoint is still there.
    Named,
}

/// What happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Turn {
    /// Nothing.
    GoOn,
    /// The process is killed, and another goes on from what was stored.
    Die,
    /// The machine loses its power: what was not synced may be lost, too.
    LosePower,
    /// The handle that is held is dropped, and the job goes on. Only where one is held.
    Drop,
    /// What is being stored or written fails. Only where something is.
    Fail,
}

/// Chooses what happens at each moment.
pub trait Fate {
    /// What happens now.
    fn turn(&mut self, moment: Moment) -> Turn;

    /// A number below `end`, which is not 0: how much of something is lost, say.
    fn pick(&mut self, end: u64) -> u64;

    /// Whether the next request meets trouble before it reaches the service.
    fn is_unreachable(&mut self) -> bool {
        false
    }
}

/// Nothing ever happens, and the moments are counted.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a test's own record")]
pub struct Quiet {
    /// The moments so far.
    pub moments: Vec<Moment>,
}

impl Fate for Quiet {
    fn turn(&mut self, moment: Moment) -> Turn {
        self.moments.push(moment);
        Turn::GoOn
    }

    fn pick(&mut self, _end: u64) -> u64 {
        0
    }
}

/// One thing happens, at one moment.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a test writes it out")]
pub struct Nth {
    /// At which moment, counted from 0.
    pub nth: usize,
    /// What.
    pub turn: Turn,
    /// How much of what can be lost is lost, from 0 (all) to 255 (nothing).
    pub kept: u8,
}

impl Fate for Nth {
    fn turn(&mut self, _moment: Moment) -> Turn {
        let Some(rest) = self.nth.checked_sub(1) else {
            self.nth = usize::MAX;
            return self.turn;
        };
        self.nth = rest;
        Turn::GoOn
    }

    fn pick(&mut self, end: u64) -> u64 {
        u64::from(self.kept) * end.saturating_sub(1) / 255
    }
}
