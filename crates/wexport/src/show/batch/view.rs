//! What there is to show of a batch. Records and the time go in; `line.rs` makes a line of it.

use std::time::Duration;

use crate::show::record::{BatchStart, Totals};
use crate::show::text::seconds;

/// A batch as it is now. Times are those of a clock that only goes forward.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) began: Duration,
    pub(super) totals: Totals,
    /// Until when the service wants to be left alone.
    held_until: Option<Duration>,
    /// When all is expected to be over.
    over_at: Option<Duration>,
}

impl View {
    pub(super) fn new(now: Duration, start: &BatchStart) -> Self {
        let BatchStart { exports, over, left, .. } = *start;
        let totals = Totals { exports, over, to_submit: left, ..Totals::default() };
        Self { began: now, totals, held_until: None, over_at: None }
    }

    /// Takes in how the batch stands.
    pub(super) fn take(&mut self, now: Duration, totals: &Totals) {
        let at = |wait: Option<f64>| wait.map(|wait| now.saturating_add(seconds(wait)));
        self.held_until = at(totals.held_seconds);
        self.over_at = at(totals.seconds_left);
        self.totals = totals.clone();
    }

    /// How long the service still wants to be left alone, if it does.
    pub(super) fn held(&self, now: Duration) -> Option<Duration> {
        rest(self.held_until, now)
    }

    /// How long it will take from here, if anybody can tell.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        rest(self.over_at, now)
    }
}

fn rest(until: Option<Duration>, now: Duration) -> Option<Duration> {
    until?.checked_sub(now).filter(|rest| !rest.is_zero())
}
