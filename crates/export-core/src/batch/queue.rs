//! The jobs that wait in one phase.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use super::JobKey;
use super::order::Story;
use crate::job::ExportJob;
use crate::time::Timestamp;

/// A job that waits. Its memory is the job's own and, here, a few words.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) key: JobKey,
    /// Of two with the same rank, the lower one goes first.
    pub(super) arrival: u64,
    pub(super) story: Story,
    pub(super) job: Box<ExportJob>,
}

/// Those that are not due yet, by when they are, and those that are, by who is first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    asleep: BinaryHeap<Reverse<Ranked>>,
    ready: BinaryHeap<Reverse<Ranked>>,
}

#[derive(Debug)]
struct Ranked {
    rank: Timestamp,
    waiting: Waiting,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.asleep.len() + self.ready.len()
    }

    /// Takes in a job that is due at a time.
    pub(super) fn push(&mut self, due: Timestamp, waiting: Waiting) {
        self.asleep.push(Reverse(Ranked { rank: due, waiting }));
    }

    /// Moves those that have become due to those that may go.
    pub(super) fn wake(&mut self, now: Timestamp, rank: impl Fn(&Waiting) -> Timestamp) {
        while self.asleep.peek().is_some_and(|Reverse(first)| first.rank <= now) {
            let Some(Reverse(mut first)) = self.asleep.pop() else { return };
            first.rank = rank(&first.waiting);
            self.ready.push(Reverse(first));
        }
        shrink(&mut self.asleep);
    }

    /// The arrival of the job that goes next; `None` if none is due.
    pub(super) fn first_ready(&self) -> Option<u64> {
        self.ready.peek().map(|Reverse(first)| first.waiting.arrival)
    }

    /// When the next one becomes due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.asleep.peek().map(|Reverse(first)| first.rank)
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let first = self.ready.pop().map(|Reverse(first)| first.waiting);
        shrink(&mut self.ready);
        first
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Waiting> {
        self.asleep.into_iter().chain(self.ready).map(|Reverse(ranked)| ranked.waiting)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.asleep.iter().chain(&self.ready).map(|Reverse(ranked)| &ranked.waiting)
    }
}

/// Gives back the memory of those that have left: a million jobs go from one heap to the next.
fn shrink(heap: &mut BinaryHeap<Reverse<Ranked>>) {
    const SMALL: usize = 64;
    if heap.capacity() > SMALL && heap.len() < heap.capacity() / 4 {
        heap.shrink_to(heap.len() * 2);
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank, self.waiting.arrival).cmp(&(other.rank, other.waiting.arrival))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
