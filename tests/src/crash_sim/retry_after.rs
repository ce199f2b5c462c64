//! Tracks when the service allows the next request, independently of the core.

use std::time::Duration;

use export_core::{Phase, Timestamp};
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The earliest time of the next request of each phase.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarliestSend {
    submit: Timestamp,
    poll: Timestamp,
    fetch: Timestamp,
}

impl EarliestSend {
    /// All requests are allowed at once.
    pub(super) const fn unrestricted() -> Self {
        Self { submit: Timestamp::EPOCH, poll: Timestamp::EPOCH, fetch: Timestamp::EPOCH }
    }

    /// The earliest time of the next request of this phase.
    pub(super) const fn of(&self, phase: Phase) -> Timestamp {
        match phase {
            Phase::Submit => self.submit,
            Phase::Poll => self.poll,
            _ => self.fetch,
        }
    }

    /// Applies the `Retry-After` of a response to a request of this phase. That of an accepted
    /// submit applies to the poll; that of a successful download applies to nothing.
    pub(super) fn update(&mut self, now: Timestamp, phase: Phase, status: u16, head: &HeaderMap) {
        let Some(wait) = retry_after(head) else { return };
        let until = now + wait;
        match (phase, status) {
            (Phase::Submit, 200..=299) | (Phase::Poll, _) => self.poll = until,
            (Phase::Submit, _) => self.submit = until,
            (Phase::Fetch, 200 | 206) => {}
            _ => self.fetch = until,
        }
    }
}

/// Parses seconds, or a date relative to the `Date` of the response.
fn retry_after(head: &HeaderMap) -> Option<Duration> {
    let text = head.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse::<u32>() {
        return text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| Duration::from_secs(u64::from(seconds)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(head.get(DATE)?.to_str().ok()?).ok()?;
    date.duration_since(now).ok()
}
