//! How much of a batch may be under way at once.

use core::time::Duration;

use crate::settings::settings;

settings! {
    /// How many jobs of a batch may be under way, for each phase.
    ///
    /// ```
    /// use export_core::batch::BatchLimits;
    ///
    /// let few = BatchLimits::default().with_max_open(100);
    /// assert_eq!(few.max_downloads, 8);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BatchLimits {
        /// The number of submit requests under way. **8** by default.
        max_submits (with_max_submits): usize = 8,
        /// The number of polls under way. **32** by default.
        max_polls (with_max_polls): usize = 32,
        /// The number of downloads under way. **8** by default.
        max_downloads (with_max_downloads): usize = 8,
        /// The number of exports that were accepted and are not completed. **Unlimited** by default.
        max_open (with_max_open): usize = usize::MAX,
        /// The time in which each of these can be polled once, which bounds their number as well.
        /// **30 min** by default.
        ///
        /// It keeps a batch of any size within the budgets of its jobs: an export that was accepted
        /// is polled within that time, half of the hour that a job may take
        /// ([`Limits::job_timeout`](crate::Limits::job_timeout)), and a killed process leaves no more
        /// exports behind than that. A shorter time would slow the batch down: with fewer open
        /// exports than can be polled while one export takes, polls find none that is completed.
        max_poll_round (with_max_poll_round): Duration = Duration::from_secs(1_800),
    }
}
