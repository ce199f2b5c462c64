//! When the service allows the next request, read from its answers without the machine's help.

use std::time::Duration;

use export_core::{Phase, Timestamp};
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The earliest time of the next request, for each kind of request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    submit: Timestamp,
    poll: Timestamp,
    fetch: Timestamp,
}

impl Pace {
    /// Everything is allowed.
    pub(super) const fn free() -> Self {
        Self { submit: Timestamp::EPOCH, poll: Timestamp::EPOCH, fetch: Timestamp::EPOCH }
    }

    pub(super) const fn allows(&self, phase: Phase) -> Timestamp {
        match phase {
            Phase::Submit => self.submit,
            Phase::Poll => self.poll,
            _ => self.fetch,
        }
    }

    /// An answer to a request of this phase was heard. What a 202 asks for is meant for the poll;
    /// at the file itself there is nothing to come back for.
    pub(super) fn heard(&mut self, now: Timestamp, phase: Phase, status: u16, head: &HeaderMap) {
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

/// Seconds, or a date that is as far away as the answer's own `Date` says.
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
