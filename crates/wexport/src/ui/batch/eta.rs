//! Estimates the remaining time of a batch from the rate at which its exports have ended recently.
//!
//! Exports do not end evenly, as indicatif's estimate assumes. If eight of them are in flight and
//! each takes five minutes, eight end within seconds, and then none for five minutes. The number of
//! ends in the last minute would be wrong by a factor of ten, in either direction. Therefore:
//!
//! - **Ends are counted in generations.** A generation is the highest number of exports that were
//!   in flight: after this many ends, each of them was replaced once. The rate is that of the last
//!   whole generations, over at least [`MIN_RECENT_ENDS`] ends and [`MIN_TIME`].
//! - **The rate is measured from one end to another**, and the time since the last end is
//!   subtracted from the estimate. Between two waves of ends, the estimate counts down.
//! - **At the start there is no estimate** until a generation has followed the first end: the time
//!   to the first end does not show how many exports the service runs at once. If all exports were
//!   submitted, no other generation follows, and [`MIN_ENDS`] ends are enough.
//! - **In a stall there is no estimate**: if no export has ended for twice the longest gap in the
//!   measured time, the measured rate is obsolete.
//!
//! Skipped exports do not count: the service does nothing for them.

use std::time::Duration;

use export_hyper::Timestamp;

/// The number of ends that a rate is measured over, if there are as many.
const MIN_RECENT_ENDS: u64 = 20;

/// The number of ends that a rate needs.
const MIN_ENDS: u64 = 5;

/// The time that a rate needs: exports that end within a moment may have been ready before.
const MIN_TIME: Duration = Duration::from_secs(5);

/// A stall is at least this much longer than twice the longest gap.
const STALL_MARGIN: Duration = Duration::from_secs(10);

/// The most samples that are kept, for batches of any size.
const MAX_SAMPLES: usize = 128;

/// Records when exports ended.
#[derive(Clone, Debug, Default)]
pub(in crate::ui) struct EtaEstimator {
    /// Some of the ends, from the first, at least `spacing` apart.
    samples: Vec<Sample>,
    spacing: Duration,
    /// The last end, which may not be one of the samples.
    last: Option<Sample>,
    /// The longest time without an end since the last of the samples.
    gap: Duration,
    /// The highest number of exports that were in flight.
    generation: u64,
}

/// The end of an export.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    /// The number of exports that had ended, this one included.
    ended: u64,
    /// The longest time without an end since the sample before.
    gap: Duration,
}

impl EtaEstimator {
    /// Records the end of an export.
    pub(in crate::ui) fn end(&mut self, now: Timestamp) {
        let Some(last) = self.last else {
            let first = Sample { at: now, ended: 1, gap: Duration::ZERO };
            self.samples.push(first);
            self.last = Some(first);
            return;
        };
        self.gap = self.gap.max(now.since(last.at));
        let end = Sample { at: now, ended: last.ended + 1, gap: self.gap };
        self.last = Some(end);
        match self.samples.last_mut() {
            Some(sample) if sample.at == now => *sample = Sample { gap: sample.gap, ..end },
            Some(sample) if now.since(sample.at) < self.spacing => {}
            _ => {
                self.samples.push(end);
                self.gap = Duration::ZERO;
            }
        }
        if self.samples.len() == MAX_SAMPLES {
            self.thin_out(now);
        }
    }

    /// Records the number of exports in flight.
    pub(in crate::ui) fn in_flight(&mut self, count: u64) {
        self.generation = self.generation.max(count);
    }

    /// The time that `rest` exports will take, `to_submit` of which are not in flight yet; `None` if
    /// there is no estimate.
    pub(in crate::ui) fn left(
        &self,
        now: Timestamp,
        rest: u64,
        to_submit: u64,
    ) -> Option<Duration> {
        let last = self.last?;
        let ends = self.ends_to_measure(last.ended - 1, to_submit)?;
        let is_before = |sample: &Sample| {
            sample.ended + ends <= last.ended && last.at.since(sample.at) >= MIN_TIME
        };
        let from = self.samples.iter().rposition(is_before).unwrap_or_default();
        let first = self.samples.get(from)?;
        let (time, count) = (last.at.since(first.at), last.ended - first.ended);
        if time < MIN_TIME || count < MIN_ENDS {
            return None;
        }
        let since_last = now.since(last.at);
        let gaps = self.samples.iter().skip(from + 1).map(|sample| sample.gap);
        let longest = gaps.max().unwrap_or_default().max(self.gap);
        if since_last > longest * 2 + STALL_MARGIN {
            return None;
        }
        let left = Duration::try_from_secs_f64(time.as_secs_f64() * rest as f64 / count as f64);
        left.ok()?.checked_sub(since_last).filter(|left| !left.is_zero())
    }

    /// The number of recent ends to measure, of the `available` ones after the first.
    fn ends_to_measure(&self, available: u64, to_submit: u64) -> Option<u64> {
        let generation = self.generation.max(1);
        let enough = generation * MIN_RECENT_ENDS.div_ceil(generation);
        match available / generation {
            _ if available >= enough => Some(enough),
            0 if to_submit == 0 => Some(available),
            0 => None,
            generations => Some(generations * generation),
        }
    }

    /// Keeps at most half of the samples, spread evenly over the run.
    fn thin_out(&mut self, now: Timestamp) {
        let began = self.samples.first().map_or(now, |first| first.at);
        self.spacing = now.since(began) / (MAX_SAMPLES as u32 / 2 - 1);
        let (mut kept, mut gap) = (None, Duration::ZERO);
        self.samples.retain_mut(|sample| {
            gap = gap.max(sample.gap);
            let is_far = |at| sample.at.since(at) >= self.spacing;
            let is_kept = kept.is_none_or(is_far);
            if is_kept {
                kept = Some(sample.at);
                sample.gap = std::mem::take(&mut gap);
            }
            is_kept
        });
        // The gaps of the samples that were removed after the last one that is kept.
        self.gap = self.gap.max(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs_f64(seconds)
    }

    /// The estimator of a batch. Times are in seconds.
    struct Run {
        eta: EtaEstimator,
        rest: u64,
        in_flight: u64,
    }

    impl Run {
        fn new(rest: u64, in_flight: u64) -> Self {
            let mut eta = EtaEstimator::default();
            eta.in_flight(in_flight);
            Self { eta, rest, in_flight }
        }

        fn end(&mut self, seconds: f64) {
            self.eta.end(at(seconds));
            self.rest -= 1;
        }

        fn left(&self, seconds: f64) -> Option<u64> {
            let to_submit = self.rest.saturating_sub(self.in_flight);
            self.eta.left(at(seconds), self.rest, to_submit).map(|left| left.as_secs())
        }
    }

    #[test]
    fn an_even_rate_is_estimated_exactly() {
        let mut run = Run::new(1000, 60);
        for second in 1..=500 {
            run.end(60.0 + f64::from(second));
            let left = run.left(60.0 + f64::from(second));
            // There is no estimate before a generation has followed the first end.
            assert_eq!(left.is_some(), second > 60, "{second}: {left:?}");
            if let Some(left) = left {
                assert!(left.abs_diff(1000 - second as u64) <= 1, "{second}: {left}");
            }
        }
    }

    #[test]
    fn the_estimate_counts_down_between_waves() {
        // Eight in flight, five minutes each: five waves.
        let mut run = Run::new(40, 8);
        for wave in 1..=4 {
            for export in 0..8 {
                run.end(f64::from(wave) * 300.0 + f64::from(export) * 0.2);
            }
            for since in [2.0, 150.0, 298.0] {
                let now = f64::from(wave) * 300.0 + since;
                let wanted = (wave > 1).then_some((1500.0 - now) as u64);
                let left = run.left(now);
                assert_eq!(left.is_some(), wanted.is_some(), "{now}: {left:?}");
                let off = left.unwrap_or_default().abs_diff(wanted.unwrap_or_default());
                assert!(off <= 5, "{now}: {left:?}, {wanted:?}");
            }
        }
    }

    #[test]
    fn a_few_ends_suffice_if_all_are_in_flight() {
        let mut run = Run::new(40, 40);
        for second in 1..=20 {
            run.end(60.0 + f64::from(second) * 2.0);
            let left = run.left(60.0 + f64::from(second) * 2.0);
            assert_eq!(left, (second > 5).then_some(2 * (40 - second as u64)), "{second}");
        }
    }

    #[test]
    fn quick_ends_are_measured_over_some_seconds() {
        let mut run = Run::new(1000, 1);
        for tenth in 0..300 {
            let now = f64::from(tenth) / 10.0;
            run.end(now);
            let wanted = (tenth >= 50).then_some(run.rest / 10);
            assert_eq!(run.left(now), wanted, "{now}");
        }
    }

    #[test]
    fn a_stall_has_no_estimate() {
        let mut run = Run::new(1000, 10);
        for second in 1..=100 {
            run.end(f64::from(second));
        }
        assert_eq!(run.left(105.0), Some(895));
        assert_eq!(run.left(112.0), Some(888));
        assert_eq!(run.left(113.0), None);
        // The batch resumes at half the rate: the stall is part of the measured time.
        run.end(200.0);
        for second in 1..=40 {
            run.end(200.0 + 2.0 * f64::from(second));
        }
        assert_eq!(run.left(280.0), Some(2 * (1000 - 141)));
    }

    #[test]
    fn an_estimate_that_was_exceeded_is_dropped() {
        let mut run = Run::new(21, 21);
        for second in 1..=20 {
            run.end(f64::from(second));
        }
        assert_eq!(run.left(20.5), Some(0));
        assert_eq!(run.left(21.5), None);
    }

    #[test]
    fn memory_is_bounded_and_the_rate_is_recent() {
        let mut run = Run::new(2_000_000, 100);
        for end in 0..1_000_000_u32 {
            // Ten a second for some hours, then fifty.
            let slow = f64::from(end.min(200_000)) / 10.0;
            run.end(slow + f64::from(end.saturating_sub(200_000)) / 50.0);
            assert!(run.eta.samples.len() < MAX_SAMPLES);
        }
        let left = run.left(20_000.0 + 16_000.0).unwrap();
        assert!(left.abs_diff(1_000_000 / 50) < 300, "{left}");
        let gap = run.eta.samples.iter().map(|sample| sample.gap).max().unwrap();
        assert!(gap < Duration::from_millis(200), "{gap:?}");
    }

    #[test]
    fn simultaneous_ends_have_no_rate() {
        let mut run = Run::new(1000, 8);
        for _ in 0..500 {
            run.end(3.0);
        }
        assert_eq!(run.left(3.0), None);
        assert_eq!(run.left(10.0), None);
        assert_eq!(run.eta.samples.len(), 1);
    }
}
