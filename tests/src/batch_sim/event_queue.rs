//! A queue of timed events.

use std::collections::BTreeMap;

use export_core::Timestamp;

/// Events sorted by time. Events of the same time are in insertion order.
#[derive(Debug)]
pub(super) struct EventQueue<T> {
    all: BTreeMap<(Timestamp, u64), T>,
    number: u64,
}

impl<T> EventQueue<T> {
    pub(super) const fn new() -> Self {
        Self { all: BTreeMap::new(), number: 0 }
    }

    pub(super) fn push(&mut self, at: Timestamp, what: T) {
        self.number += 1;
        self.all.insert((at, self.number), what);
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.all.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, T)> {
        self.all.pop_first().map(|((at, _), what)| (at, what))
    }
}
