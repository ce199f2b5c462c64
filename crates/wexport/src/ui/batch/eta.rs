//! How long a batch will take, judged by how fast its exports came to their end of late.
//!
//! The ends of a batch do not come evenly. With eight exports in flight that take five minutes each,
//! eight files come within seconds, and then none for five minutes. Whoever divides the files of
//! the last minute by a minute is wrong by a factor of ten in either direction. So:
//!
//! - **Ends are counted in generations.** A generation is as many exports as were in flight at
//!   most: when so many have ended, each place in flight was given away once. The pace is that of
//!   the last whole generations, of at least [`ENDS`] ends and [`LEAST_TIME`] together.
//! - **It is measured from an end to an end**, and what has passed since the last one is taken off
//!   the time that is left. Between two waves the time counts down, as it should.
//! - **At the start there is none**, until a generation has followed the first end: how long the
//!   service took for the first file says nothing of how many it makes at once. Once nothing is
//!   left to submit there is no other generation to wait for: then a few ends have to do.
//! - **In a stall there is none.** When nothing has ended for twice as long as ever in what was
//!   measured, the pace is that of another time.
//!
//! Exports that were skipped are left out: the service had no part in them.

use std::time::Duration;

/// A pace over fewer ends is too rough, where more are to be had.
const ENDS: u64 = 20;

/// A pace over fewer ends than this is none.
const LEAST_ENDS: u64 = 5;

/// Nor is one over less time: what comes within a moment was ready before.
const LEAST_TIME: Duration = Duration::from_secs(5);

/// A stall that is shorter is of no interest.
const SHORT: Duration = Duration::from_secs(10);

/// How much is remembered, whatever the size of the batch.
const MOST_POINTS: usize = 128;

/// When exports ended.
#[derive(Clone, Debug, Default)]
pub(in crate::ui) struct EtaEstimator {
    /// Some of the ends, the first one first, at least `spacing` apart.
    points: Vec<End>,
    spacing: Duration,
    last: Option<End>,
    /// The longest time without an end since the youngest point.
    gap: Duration,
    generation: u64,
}

/// The end of an export.
#[derive(Clone, Copy, Debug)]
struct End {
    at: Duration,
    /// How many there were with it.
    count: u64,
    /// The longest time without an end since the point before.
    gap: Duration,
}

impl EtaEstimator {
    /// An export ended.
    pub(in crate::ui) fn end(&mut self, now: Duration) {
        let Some(last) = self.last else {
            let first = End { at: now, count: 1, gap: Duration::ZERO };
            self.points.push(first);
            self.last = Some(first);
            return;
        };
        self.gap = self.gap.max(now.saturating_sub(last.at));
        let end = End { at: now, count: last.count + 1, gap: self.gap };
        self.last = Some(end);
        match self.points.last_mut() {
            Some(point) if point.at == now => *point = End { gap: point.gap, ..end },
            Some(point) if now.saturating_sub(point.at) < self.spacing => {}
            _ => {
                self.points.push(end);
                self.gap = Duration::ZERO;
            }
        }
        if self.points.len() == MOST_POINTS {
            self.thin_out(now);
        }
    }

    /// So many are in flight.
    pub(in crate::ui) fn in_flight(&mut self, count: u64) {
        self.generation = self.generation.max(count);
    }

    /// How long the rest will take, `to_submit` of which are not in flight yet; `None` if nobody
    /// can tell.
    pub(in crate::ui) fn left(&self, now: Duration, rest: u64, to_submit: u64) -> Option<Duration> {
        let last = self.last?;
        let ends = self.ends_to_measure(last.count - 1, to_submit)?;
        let is_before = |point: &End| {
            point.count + ends <= last.count && last.at.saturating_sub(point.at) >= LEAST_TIME
        };
        let from = self.points.iter().rposition(is_before).unwrap_or_default();
        let first = self.points.get(from)?;
        let (time, count) = (last.at.saturating_sub(first.at), last.count - first.count);
        if time < LEAST_TIME || count < LEAST_ENDS {
            return None;
        }
        let since_last = now.saturating_sub(last.at);
        let gaps = self.points.iter().skip(from + 1).map(|point| point.gap);
        let longest = gaps.max().unwrap_or_default().max(self.gap);
        if since_last > longest * 2 + SHORT {
            return None;
        }
        let left = Duration::try_from_secs_f64(time.as_secs_f64() * rest as f64 / count as f64);
        left.ok()?.checked_sub(since_last).filter(|left| !left.is_zero())
    }

    /// How many ends to look back, of those after the first.
    fn ends_to_measure(&self, seen: u64, to_submit: u64) -> Option<u64> {
        let generation = self.generation.max(1);
        let enough = generation * ENDS.div_ceil(generation);
        match seen / generation {
            _ if seen >= enough => Some(enough),
            0 if to_submit == 0 => Some(seen),
            0 => None,
            generations => Some(generations * generation),
        }
    }

    /// Leaves half of the points or fewer, spread evenly over the run.
    fn thin_out(&mut self, now: Duration) {
        let began = self.points.first().map_or(now, |first| first.at);
        self.spacing = now.saturating_sub(began) / (MOST_POINTS as u32 / 2 - 1);
        let (mut kept, mut gap) = (None, Duration::ZERO);
        self.points.retain_mut(|point| {
            gap = gap.max(point.gap);
            let is_far = |at| point.at.saturating_sub(at) >= self.spacing;
            let stays = kept.is_none_or(is_far);
            if stays {
                kept = Some(point.at);
                point.gap = std::mem::take(&mut gap);
            }
            stays
        });
        // Those behind the last one that stays.
        self.gap = self.gap.max(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// What is said of a batch whose exports end at these times, in whole seconds.
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
    fn at_an_even_pace_the_time_left_is_what_it_will_be() {
        let mut run = Run::new(1000, 60);
        for second in 1..=500 {
            run.end(60.0 + f64::from(second));
            let left = run.left(60.0 + f64::from(second));
            // Nobody can tell before a generation has followed the first end.
            assert_eq!(left.is_some(), second > 60, "{second}: {left:?}");
            if let Some(left) = left {
                assert!(left.abs_diff(1000 - second as u64) <= 1, "{second}: {left}");
            }
        }
    }

    #[test]
    fn where_ends_come_in_waves_the_time_left_counts_down_between_them() {
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
    fn once_all_are_in_flight_a_few_ends_have_to_do() {
        let mut run = Run::new(40, 40);
        for second in 1..=20 {
            run.end(60.0 + f64::from(second) * 2.0);
            let left = run.left(60.0 + f64::from(second) * 2.0);
            assert_eq!(left, (second > 5).then_some(2 * (40 - second as u64)), "{second}");
        }
    }

    #[test]
    fn ends_in_quick_succession_are_measured_over_some_seconds() {
        let mut run = Run::new(1000, 1);
        for tenth in 0..300 {
            let now = f64::from(tenth) / 10.0;
            run.end(now);
            let wanted = (tenth >= 50).then_some(run.rest / 10);
            assert_eq!(run.left(now), wanted, "{now}");
        }
    }

    #[test]
    fn a_stall_has_no_end_that_anybody_could_tell() {
        let mut run = Run::new(1000, 10);
        for second in 1..=100 {
            run.end(f64::from(second));
        }
        assert_eq!(run.left(105.0), Some(895));
        assert_eq!(run.left(112.0), Some(888));
        assert_eq!(run.left(113.0), None);
        // It goes on, half as fast: the time without an end is among what is measured.
        run.end(200.0);
        for second in 1..=40 {
            run.end(200.0 + 2.0 * f64::from(second));
        }
        assert_eq!(run.left(280.0), Some(2 * (1000 - 141)));
    }

    #[test]
    fn what_takes_longer_than_was_said_has_no_time_left_rather_than_a_wrong_one() {
        let mut run = Run::new(21, 21);
        for second in 1..=20 {
            run.end(f64::from(second));
        }
        assert_eq!(run.left(20.5), Some(0));
        assert_eq!(run.left(21.5), None);
    }

    #[test]
    fn any_number_of_ends_takes_little_memory_and_the_pace_is_that_of_late() {
        let mut run = Run::new(2_000_000, 100);
        for end in 0..1_000_000_u32 {
            // At first ten a second; after some hours, fifty.
            let slow = f64::from(end.min(200_000)) / 10.0;
            run.end(slow + f64::from(end.saturating_sub(200_000)) / 50.0);
            assert!(run.eta.points.len() < MOST_POINTS);
        }
        let left = run.left(20_000.0 + 16_000.0).unwrap();
        assert!(left.abs_diff(1_000_000 / 50) < 300, "{left}");
        let gap = run.eta.points.iter().map(|point| point.gap).max().unwrap();
        assert!(gap < at(0.2), "{gap:?}");
    }

    #[test]
    fn many_ends_at_one_moment_say_nothing_of_the_next() {
        let mut run = Run::new(1000, 8);
        for _ in 0..500 {
            run.end(3.0);
        }
        assert_eq!(run.left(3.0), None);
        assert_eq!(run.left(10.0), None);
        assert_eq!(run.eta.points.len(), 1);
    }
}
