//! Pauses a batch while the service does not respond.

use alloc::boxed::Box;
use core::time::Duration;

use crate::error::AttemptError;
use crate::job::{Contact, ExportJob};
use crate::pacer::{PerClass, RequestClass};
use crate::time::Timestamp;

/// The requests of one class that fail in a row before its other requests are paused.
const MIN_FAILURES: u32 = 3;

/// The wait before the first probe; doubled after each probe that fails, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long a `Retry-After` puts off a probe at most: it is meant for one of many jobs.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How long to wait for the result of a probe before another one is sent.
const PROBE_TIME: Duration = Duration::from_secs(120);

/// What is known of the service by the results of a batch's requests.
///
/// Each class of requests is paused by itself, since a service may fail at submits alone. In all
/// paused classes together, one request at a time is sent as a probe, by another job each time: a
/// job may have a reason of its own to fail.
#[derive(Debug, Default)]
pub(super) struct OutageDetector {
    failures: PerClass<Failures>,
    pause: Option<Pause>,
}

/// The requests of a class that have failed in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    /// When the job of the first one was handed out.
    since: Timestamp,
}

#[derive(Debug)]
struct Pause {
    since: Timestamp,
    probe_at: Timestamp,
    wait: Duration,
    failures: u32,
    last: Box<AttemptError>,
}

/// The request of a job that was handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    pub(super) class: RequestClass,
    pub(super) at: Timestamp,
    pub(super) is_probe: bool,
}

impl Failures {
    const fn is_outage(&self) -> bool {
        self.count >= MIN_FAILURES
    }
}

impl OutageDetector {
    /// When the next probe may be sent; `None` if the class is not paused.
    pub(super) fn paused_until(&self, class: RequestClass) -> Option<Timestamp> {
        let pause = self.pause.as_ref()?;
        self.failures.of(class).is_outage().then_some(pause.probe_at)
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// A job of a paused class is handed out.
    pub(super) fn start_probe(&mut self, now: Timestamp, class: RequestClass) {
        if let Some(pause) = &mut self.pause {
            // Whether a download succeeds is known at its end, which may be far off.
            let patience = if class == RequestClass::Download { pause.wait } else { PROBE_TIME };
            pause.probe_at = now + patience;
        }
    }

    /// Ends a job of a paused class that has waited for as long as its limits allow, as if it had
    /// sent each probe itself. Returns whether it has ended.
    pub(super) fn ends(&self, now: Timestamp, job: &mut ExportJob) -> bool {
        let Some(pause) = &self.pause else { return false };
        job.ends_in_outage(now.since(pause.since), pause.failures, &pause.last)
    }

    /// The result of a request. `retry_at` is when the service allows the job's next request.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        tried: Tried,
        contact: Contact,
        retry_at: Option<Timestamp>,
    ) {
        let failures = self.failures.of_mut(tried.class);
        match contact {
            Contact::Responded => {
                let was_outage = failures.is_outage();
                *failures = Failures::default();
                self.resume(now, was_outage);
            }
            Contact::Failed(last) => {
                if failures.count == 0 {
                    failures.since = tried.at;
                }
                failures.count = failures.count.saturating_add(1);
                let (since, is_outage) = (failures.since, failures.is_outage());
                let probe_at = |wait: Duration| {
                    let asked = retry_at.map(|at| at.min(now + LONGEST_RETRY_AFTER));
                    asked.unwrap_or(now).max(now + wait)
                };
                match &mut self.pause {
                    None if is_outage => {
                        let (failures, wait) = (MIN_FAILURES, FIRST_WAIT);
                        let probe_at = probe_at(wait);
                        self.pause = Some(Pause { since, probe_at, wait, failures, last });
                    }
                    Some(pause) if tried.is_probe => {
                        pause.wait = (pause.wait * 2).min(LONGEST_WAIT);
                        pause.probe_at = probe_at(pause.wait);
                        pause.failures = pause.failures.saturating_add(1);
                        pause.last = last;
                    }
                    // It was sent before the pause, or belongs to a class that is not paused.
                    _ => {}
                }
            }
        }
    }

    /// Ends the pause with that of the last class. Others are probed at once.
    fn resume(&mut self, now: Timestamp, was_outage: bool) {
        if self.failures.all().into_iter().all(|failures| !failures.is_outage()) {
            self.pause = None;
        } else if let Some(pause) = self.pause.as_mut().filter(|_| was_outage) {
            (pause.probe_at, pause.wait) = (now, FIRST_WAIT);
        }
    }
}
