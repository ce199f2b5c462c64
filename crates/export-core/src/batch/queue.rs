//! A priority queue of the jobs that wait in one phase.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use super::JobKey;
use crate::job::ExportJob;
use crate::time::Timestamp;

/// A job that waits. Beside the job itself it takes a few words.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) key: JobKey,
    /// Of two jobs with the same rank, the one with the lower number goes first.
    pub(super) arrival: u64,
    /// When its operation was last polled; at first, when it was accepted.
    pub(super) polled: Timestamp,
    pub(super) job: Box<ExportJob>,
}

/// Jobs that are not due yet, by due time, and jobs that are ready, by rank.
#[derive(Debug, Default)]
pub(super) struct Queue {
    not_due: BinaryHeap<Reverse<Ranked>>,
    ready: BinaryHeap<Reverse<Ranked>>,
}

#[derive(Debug)]
struct Ranked {
    rank: Timestamp,
    waiting: Waiting,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.not_due.len() + self.ready.len()
    }

    pub(super) fn push(&mut self, due: Timestamp, waiting: Waiting) {
        self.not_due.push(Reverse(Ranked { rank: due, waiting }));
    }

    /// Makes the jobs ready that have become due, and ranks them.
    pub(super) fn wake(&mut self, now: Timestamp, rank: impl Fn(&Waiting) -> Timestamp) {
        while self.not_due.peek().is_some_and(|Reverse(first)| first.rank <= now) {
            let Some(Reverse(mut first)) = self.not_due.pop() else { return };
            first.rank = rank(&first.waiting);
            self.ready.push(Reverse(first));
        }
        shrink(&mut self.not_due);
    }

    /// The arrival number of the first ready job; `None` if no job is ready.
    pub(super) fn first_ready(&self) -> Option<u64> {
        self.ready.peek().map(|Reverse(first)| first.waiting.arrival)
    }

    /// Calls `f` with the first ready job; returns false if no job is ready.
    pub(super) fn with_first_ready(&mut self, f: impl FnOnce(&mut ExportJob) -> bool) -> bool {
        self.ready.peek_mut().is_some_and(|mut first| f(&mut first.0.waiting.job))
    }

    /// When the next job becomes due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.not_due.peek().map(|Reverse(first)| first.rank)
    }

    /// Removes the first ready job.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let first = self.ready.pop().map(|Reverse(first)| first.waiting);
        shrink(&mut self.ready);
        first
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Waiting> {
        self.not_due.into_iter().chain(self.ready).map(|Reverse(ranked)| ranked.waiting)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.not_due.iter().chain(&self.ready).map(|Reverse(ranked)| &ranked.waiting)
    }
}

/// Frees unused memory: a million jobs move from one heap to the next.
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
