//! What befalls all exports of a batch alike: said once when it begins, and once when it is over.

use std::time::Duration;

use crate::show::narrate::Trouble;
use crate::show::record::Happening;
use crate::show::text::{seconds, span};

/// A service that is asked at the edge of its limit objects now and then. It has come to rest when
/// it did not object for this long.
const CALM: Duration = Duration::from_secs(30);

/// An objection that is over sooner, in seconds, is of no interest.
const SHORT: f64 = 1.0;

/// When nothing has gone through for this long, somebody should know.
const LONG: Duration = Duration::from_secs(20);

/// Fewer requests than this, without an answer of any use, may be a matter of chance.
const FEW: u32 = 3;

/// How the service and the network are.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Until when the service wants to be left alone, as was said last; `None` when it is calm.
    held: Option<Duration>,
    outage: Option<Outage>,
}

/// A time in which nothing goes through.
#[derive(Debug)]
struct Outage {
    since: Duration,
    requests: u32,
    told: bool,
}

impl Weather {
    /// Takes in for how many seconds the service wants to be left alone, if it does.
    pub(super) fn held(&mut self, now: Duration, wait: Option<f64>) -> Option<String> {
        match (wait, self.held) {
            (Some(wait), None) if wait < SHORT => None,
            (Some(wait), before) => {
                self.held = Some(now.saturating_add(seconds(wait)));
                let is_new = before.is_none();
                is_new.then(|| format!("throttled, going on in {}", span(seconds(wait))))
            }
            (None, Some(until)) if now >= until.saturating_add(CALM) => {
                self.held = None;
                Some("no longer throttled".into())
            }
            (None, _) => None,
        }
    }

    /// Takes in what came of the request of any export.
    pub(super) fn heard(&mut self, now: Duration, what: &Happening) -> Option<String> {
        let is_answer = matches!(what, Happening::Answered { status, .. } if *status < 500);
        if is_answer {
            let outage = self.outage.take()?;
            return outage.told.then(|| "the service answers again".into());
        }
        let trouble = Trouble::of(what)?;
        let outage = Outage { since: now, requests: 0, told: false };
        let outage = self.outage.get_or_insert(outage);
        outage.requests = outage.requests.saturating_add(1);
        let lasted = now.saturating_sub(outage.since);
        if outage.told || outage.requests < FEW || lasted < LONG {
            return None;
        }
        outage.told = true;
        Some(format!("nothing went through for {}, trying again ({trouble})", span(lasted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn answered(status: u16) -> Happening {
        let (phase, retry_after_seconds, request_id) = ("poll".into(), None, None);
        Happening::Answered { phase, status, retry_after_seconds, request_id }
    }

    #[test]
    fn a_service_that_objects_again_and_again_is_told_of_once() {
        let mut weather = Weather::default();
        assert_eq!(weather.held(at(0), Some(0.4)), None);
        assert_eq!(weather.held(at(1), Some(11.5)).unwrap(), "throttled, going on in 12 s");
        for second in 2..100 {
            let wait = (second % 20 < 5).then_some(4.0);
            assert_eq!(weather.held(at(second), wait), None, "{second}");
        }
        // Held until 88 the last time.
        assert_eq!(weather.held(at(117), None), None);
        assert_eq!(weather.held(at(118), None).unwrap(), "no longer throttled");
        assert_eq!(weather.held(at(119), None), None);
        assert!(weather.held(at(120), Some(2.0)).is_some());
    }

    #[test]
    fn nothing_goes_through_when_no_answer_is_of_use_for_a_while() {
        let mut weather = Weather::default();
        let told = [(0, 503), (10, 503), (19, 503), (25, 502), (40, 503), (41, 200), (42, 200)]
            .map(|(second, status)| weather.heard(at(second), &answered(status)));
        let told: Vec<String> = told.into_iter().flatten().collect();
        let begins = "nothing went through for 25 s, trying again (poll was answered 502)";
        assert_eq!(told, [begins, "the service answers again"]);
    }

    #[test]
    fn what_goes_wrong_with_a_few_exports_is_no_weather() {
        let mut weather = Weather::default();
        for second in 0..100 {
            // Every other one gets an answer, if only that it is refused.
            let status = if second % 2 == 0 { 503 } else { 404 };
            assert_eq!(weather.heard(at(second), &answered(status)), None);
        }
        // Two requests in a minute are not many.
        assert_eq!(weather.heard(at(100), &answered(503)), None);
        assert_eq!(weather.heard(at(160), &answered(503)), None);
        // To be asked to wait is an answer.
        assert_eq!(weather.heard(at(161), &answered(429)), None);
        assert_eq!(weather.heard(at(162), &answered(503)), None);
    }
}
