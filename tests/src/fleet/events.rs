//! What will happen, in its order.

use std::collections::BTreeMap;

use export_core::Timestamp;

/// Things that happen at a time; those of one time, in the order in which they were put in.
#[derive(Debug)]
pub(super) struct Events<T> {
    all: BTreeMap<(Timestamp, u64), T>,
    number: u64,
}

impl<T> Events<T> {
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
