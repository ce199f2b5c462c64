//! Mistakes of a driver that the job can notice.

use core::time::Duration;

use crate::time::Timestamp;

/// How often a request may be handed out before it is sent, postponed or declined. A driver may look at
/// a request and come back for it, such as one that gets a token first; one that does nothing else has
/// to wait in between.
pub(super) const FREE_LOOKS: u16 = 100;

/// That wait.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Compares the time that passes for the driver with that of the service's `Date` headers.
///
/// Each waiting job has it, so that its times are in whole seconds, and 0 before the first one.
#[derive(Debug, Default)]
pub(super) struct ClockCheck {
    now: u32,
    date: u32,
    differed: u8,
}

impl ClockCheck {
    /// The resolution of `Date` is a second, and a clock may be set once: only a factor that is found
    /// again and again is a mistake.
    const FACTOR: u32 = 10;
    const SLACK: Duration = Duration::from_secs(10);
    const TIMES: u8 = 3;

    /// Returns the time that has passed for the driver, and for the service, if they differ by a
    /// factor. Tells that once.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        date: Timestamp,
    ) -> Option<(Duration, Duration)> {
        let seconds = |time: Timestamp| u32::try_from(time.as_millis() / 1_000).unwrap_or(u32::MAX);
        let (now, date) = (seconds(now), seconds(date));
        if (self.now, self.date) == (0, 0) {
            (self.now, self.date) = (now, date);
        }
        let passed = |from: u32, to: u32| Duration::from_secs(to.saturating_sub(from).into());
        let (here, there) = (passed(self.now, now), passed(self.date, date));
        if here.max(there) < 2 * Self::SLACK {
            return None;
        }
        let (less, more) = (here.min(there), here.max(there));
        let differs = more > less.saturating_mul(Self::FACTOR).saturating_add(Self::SLACK);
        (self.now, self.date) = (now, date);
        self.differed = match (differs, self.differed) {
            (true, count) => count.saturating_add(1),
            // It was told already.
            (false, count) if count >= Self::TIMES => count,
            (false, _) => 0,
        };
        (differs && self.differed == Self::TIMES).then_some((here, there))
    }
}

/// Whether a time looks like a number of seconds that was taken for one of milliseconds: it is after
/// the first days of 1970, where clocks of tests begin, and long before this crate existed.
pub(super) fn counts_seconds(now: Timestamp) -> bool {
    (1_000_000_000..100_000_000_000).contains(&now.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(30);

    fn told(steps: impl IntoIterator<Item = (Duration, Duration)>) -> usize {
        let mut check = ClockCheck::default();
        let (mut now, mut date) = (Timestamp::EPOCH, Timestamp::EPOCH);
        let observed = steps.into_iter().filter(|(here, there)| {
            (now, date) = (now + *here, date + *there);
            check.observe(now, date).is_some()
        });
        observed.count()
    }

    #[test]
    fn same_pace_is_not_told() {
        assert_eq!(told([(STEP, STEP); 20]), 0);
        assert_eq!(told([(STEP, STEP / 2); 20]), 0, "a cache may repeat a date");
    }

    #[test]
    fn clock_that_is_set_once_is_not_told() {
        let day = Duration::from_secs(86_400);
        let mut steps = [(STEP, STEP); 20];
        (steps[5].0, steps[9].1) = (day, day);
        assert_eq!(told(steps), 0);
    }

    #[test]
    fn clock_of_another_unit_is_told_once() {
        assert_eq!(told([(STEP / 1_000, STEP); 20]), 1);
    }

    #[test]
    fn waits_that_did_not_happen_are_told_once() {
        assert_eq!(told([(Duration::from_secs(1), Duration::from_millis(1)); 200]), 1);
    }

    #[test]
    fn seconds_are_not_milliseconds() {
        for (year, seconds) in [(1970, false), (2026, false)] {
            assert_eq!(counts_seconds(Timestamp::from_date(year, 1, 1)), seconds, "{year}");
        }
        let today = Timestamp::from_date(2026, 11, 27);
        assert!(counts_seconds(Timestamp::from_millis(today.as_millis() / 1_000)));
        assert!(!counts_seconds(Timestamp::EPOCH + Duration::from_secs(86_400)));
    }
}
