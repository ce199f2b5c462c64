//! Throttling and outages of the service: reported once when they begin, and once when they end.

use std::time::Duration;

use export_hyper::Timestamp;

use crate::event::Event;
use crate::text::{duration, seconds};
use crate::ui::messages::RequestFailure;

/// Throttling has ended when there was no 429 for this long: at the limit of the service, a few of
/// them are normal.
const THROTTLING_END: Duration = Duration::from_secs(30);

/// The shortest wait after a 429 that is reported, in **seconds**.
const MIN_REPORTED_WAIT: f64 = 1.0;

/// An outage is reported when no request has succeeded for this long.
const MIN_OUTAGE: Duration = Duration::from_secs(20);

/// The number of failed requests in a row that are reported as an outage.
const MIN_FAILURES: u32 = 3;

/// Tracks whether the service throttles, and whether it is reachable.
#[derive(Debug, Default)]
pub(super) struct OutageTracker {
    /// Until when requests are held back, while the service throttles.
    held: Option<Timestamp>,
    outage: Option<Outage>,
}

/// A period in which no request succeeds.
#[derive(Debug)]
struct Outage {
    since: Timestamp,
    requests: u32,
    is_reported: bool,
}

impl OutageTracker {
    /// Records for how many **seconds** requests are held back. Returns a message.
    pub(super) fn held(&mut self, now: Timestamp, wait: Option<f64>) -> Option<String> {
        match (wait, self.held) {
            (Some(wait), None) if wait < MIN_REPORTED_WAIT => None,
            (Some(wait), before) => {
                self.held = Some(now + seconds(wait));
                let is_new = before.is_none();
                is_new.then(|| format!("throttled for {}", duration(seconds(wait))))
            }
            (None, Some(until)) if now >= until + THROTTLING_END => {
                self.held = None;
                Some("no longer throttled".into())
            }
            (None, _) => None,
        }
    }

    /// Records the result of a request of any export. Returns a message.
    pub(super) fn response(&mut self, now: Timestamp, event: &Event) -> Option<String> {
        let is_response = matches!(event, Event::Response { status, .. } if *status < 500);
        if is_response {
            let outage = self.outage.take()?;
            return outage.is_reported.then(|| "the service responds again".into());
        }
        let failure = RequestFailure::new(event)?;
        let outage = Outage { since: now, requests: 0, is_reported: false };
        let outage = self.outage.get_or_insert(outage);
        outage.requests = outage.requests.saturating_add(1);
        let lasted = now.since(outage.since);
        if outage.is_reported || outage.requests < MIN_FAILURES || lasted < MIN_OUTAGE {
            return None;
        }
        outage.is_reported = true;
        Some(format!("no request succeeded for {}, retrying ({failure})", duration(lasted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1000 * seconds)
    }

    fn response(status: u16) -> Event {
        let (phase, retry_after_seconds, request_id) = ("poll".into(), None, None);
        Event::Response { phase, status, retry_after_seconds, request_id }
    }

    #[test]
    fn throttling_is_reported_once() {
        let mut tracker = OutageTracker::default();
        assert_eq!(tracker.held(at(0), Some(0.4)), None);
        assert_eq!(tracker.held(at(1), Some(11.5)).unwrap(), "throttled for 12 s");
        for second in 2..100 {
            let wait = (second % 20 < 5).then_some(4.0);
            assert_eq!(tracker.held(at(second), wait), None, "{second}");
        }
        // The last wait ends at 88 s.
        assert_eq!(tracker.held(at(117), None), None);
        assert_eq!(tracker.held(at(118), None).unwrap(), "no longer throttled");
        assert_eq!(tracker.held(at(119), None), None);
        assert!(tracker.held(at(120), Some(2.0)).is_some());
    }

    #[test]
    fn outages_are_reported_with_their_end() {
        let mut tracker = OutageTracker::default();
        let messages = [(0, 503), (10, 503), (19, 503), (25, 502), (40, 503), (41, 200), (42, 200)]
            .map(|(second, status)| tracker.response(at(second), &response(status)));
        let messages: Vec<String> = messages.into_iter().flatten().collect();
        let begins = "no request succeeded for 25 s, retrying (poll failed with 502)";
        assert_eq!(messages, [begins, "the service responds again"]);
    }

    #[test]
    fn single_failures_are_not_an_outage() {
        let mut tracker = OutageTracker::default();
        for second in 0..100 {
            // Every other request gets a response, even if it is a refusal.
            let status = if second % 2 == 0 { 503 } else { 404 };
            assert_eq!(tracker.response(at(second), &response(status)), None);
        }
        // Two failures in a minute are too few.
        assert_eq!(tracker.response(at(100), &response(503)), None);
        assert_eq!(tracker.response(at(160), &response(503)), None);
        // A 429 is a response.
        assert_eq!(tracker.response(at(161), &response(429)), None);
        assert_eq!(tracker.response(at(162), &response(503)), None);
    }
}
