//! When to retry and how long to wait: the rules that many responses and failures share.

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::error::{AttemptError, Error};
use crate::job::event::Event;
use crate::job::exchange::DownloadEnd;
use crate::job::schedule::{Why, interval};
use crate::job::state::{Download, Polling, State};
use crate::job::{Contact, ExportJob};
use crate::phase::Phase;
use crate::time::Timestamp;

// Retries.

impl ExportJob {
    /// Retries a request that may have arrived. A submit is sent again only if a second export would
    /// do no harm.
    pub(super) fn retry_unconfirmed(
        &mut self,
        now: Timestamp,
        last: AttemptError,
        retry_after: Option<Duration>,
    ) {
        if self.phase() == Phase::Submit && !self.may_send_again() {
            return self.end_unconfirmed(last);
        }
        let least = self.spread_of_submits(now);
        self.back_off_at_least(now, least, last, retry_after);
    }

    /// The least wait before a submit that was sent more than once: the last ones are spread over the time
    /// that is left, so that an outage does not take all of them.
    fn spread_of_submits(&self, now: Timestamp) -> Duration {
        match &self.state {
            State::Submitting(submitting) if submitting.sends > 1 => {
                const CAPS: u32 = 8;
                let doublings = (submitting.sends - 2).min(24);
                let longest = self.config.limits().backoff_cap.saturating_mul(CAPS << doublings);
                let left = self.wait_limit(now).since(now);
                let halvings = submitting.allowed.saturating_sub(submitting.sends).min(31);
                longest.min(left / (1 << halvings))
            }
            _ => Duration::ZERO,
        }
    }

    /// Ends a job whose submit may have arrived, and is not sent again. If a second export would do no
    /// harm, only the number of requests is exhausted, and the job can be resumed.
    pub(super) fn end_unconfirmed(&mut self, last: AttemptError) {
        let sends = self.sends();
        let error = if self.may_repeat() {
            self.schedule.failures = self.schedule.failures.saturating_add(1);
            self.gave_up(last)
        } else {
            Error::SubmitUnconfirmed { sends, last }
        };
        self.end(Err(error));
    }

    /// Takes the last submit out of the count of those that may have arrived: it certainly started no
    /// export.
    pub(super) fn uncount_send(&mut self) {
        if let State::Submitting(submitting) = &mut self.state {
            submitting.sends = submitting.sends.saturating_sub(1);
            self.bump_revision();
        }
    }

    pub(super) fn sends(&self) -> u32 {
        match &self.state {
            State::Submitting(submitting) => submitting.sends,
            _ => 0,
        }
    }

    /// Whether the service has accepted an export of this job, instead of being asked about an
    /// operation that was started elsewhere.
    pub(super) fn is_accepted(&self) -> bool {
        self.state.operation().is_some_and(|operation| operation.accepted.is_some())
    }

    pub(super) fn may_send_again(&self) -> bool {
        match &self.state {
            State::Submitting(submitting) => {
                self.may_repeat() && submitting.sends < submitting.allowed
            }
            _ => true,
        }
    }

    /// Counts a failure, and backs off or gives up.
    pub(super) fn back_off(
        &mut self,
        now: Timestamp,
        error: AttemptError,
        retry_after: Option<Duration>,
    ) {
        self.back_off_at_least(now, Duration::ZERO, error, retry_after);
    }

    fn back_off_at_least(
        &mut self,
        now: Timestamp,
        least: Duration,
        error: AttemptError,
        retry_after: Option<Duration>,
    ) {
        self.contact = Contact::of_failure(&error).or_else(|| self.contact.take());
        self.schedule.failures = self.schedule.failures.saturating_add(1);
        let is_allowed = self.schedule.failures <= self.config.limits().max_failures;
        if !is_allowed || self.has_failed_too_long(now) {
            let error = self.gave_up(error);
            return self.end(Err(error));
        }
        self.back_off_uncounted(now, least, retry_after);
    }

    /// Whether the time for an outage is over: that until the deadline, or for a download, which has none,
    /// the same time since its last byte.
    fn has_failed_too_long(&mut self, now: Timestamp) -> bool {
        if self.phase() != Phase::Fetch {
            return now >= self.wait_limit(now);
        }
        let longest = self.config.limits().job_timeout;
        let Some(operation) = self.state.operation_mut() else { return false };
        let since = *operation.download_mut().failing_since.get_or_insert(now);
        now.since(since) >= longest
    }

    /// Backs off after a 429. It does not count as a failure as long as the deadline bounds the job.
    pub(super) fn back_off_after_429(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        if self.phase() == Phase::Fetch {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let reason = ApiError::new(ErrorOrigin::Unknown);
            let error = AttemptError::Response(status, Box::new(reason));
            return self.back_off(now, error, retry_after);
        }
        self.back_off_uncounted(now, Duration::ZERO, retry_after);
    }

    pub(super) fn back_off_uncounted(
        &mut self,
        now: Timestamp,
        least: Duration,
        retry_after: Option<Duration>,
    ) {
        let back_off = self.schedule.back_off(self.config.limits(), self.config.jitter());
        // A wait that is still running goes on: the interval that the service asked for before the
        // failed poll, or the `Retry-After` of a response whose body was lost.
        let left = self.schedule.not_before.since(now);
        let back_off = back_off.max(left).max(least);
        let mut retry_after = retry_after;
        match &mut self.state {
            State::Polling(polling) | State::Cancelling(polling) => {
                polling.via = None;
                let asked = polling.operation.retry_after.unwrap_or_default();
                retry_after = retry_after.max(Some(asked.min(left)).filter(|left| !left.is_zero()));
            }
            State::Fetching(fetching) => fetching.via = None,
            State::Submitting(_) | State::Inline(_) | State::Complete(_) | State::Done(_) => {}
        }
        self.wait(now, back_off, retry_after, Why::BackOff);
    }

    /// Retries a download that broke off. Two attempts in a row without a new byte end the job.
    pub(super) fn retry_download(&mut self, now: Timestamp, progressed: bool, error: AttemptError) {
        const MAX_IDLE: u32 = 2;
        let most = self.config.limits().max_downloads;
        let Some(operation) = self.state.operation_mut() else { return };
        let download = operation.download_mut();
        download.idle = if progressed { 0 } else { download.idle + 1 };
        if download.idle >= MAX_IDLE || download.attempts >= most {
            self.schedule.failures = self.schedule.failures.saturating_add(1);
            let error = self.gave_up(error);
            return self.end(Err(error));
        }
        if progressed {
            download.repolled = false;
            download.failing_since = None;
            self.schedule.reset_failures();
        }
        self.back_off(now, error, None);
    }

    /// Discards the bytes in the sink, but keeps the count of attempts.
    pub(super) fn discard_download(&mut self) {
        if let Some(operation) = self.state.operation_mut() {
            let download = operation.download_mut();
            let whole = mem::replace(&mut *download, Download::NONE);
            let Download { highest, highest_before, attempts, idle, repolled, .. } = whole;
            let failing_since = whole.failing_since;
            *download = Download {
                highest,
                highest_before,
                failing_since,
                attempts,
                idle,
                repolled,
                ..Download::NONE
            };
        }
    }

    /// Discards the bytes of a 206 that ended cleanly and is shorter than its range: they may be
    /// anything. A 200 that is too short is kept, since its first bytes identify the format. Returns
    /// whether the bytes were discarded.
    pub(super) fn discard_short_part(&mut self, end: &DownloadEnd) -> bool {
        let is_inconsistent = end.is_short && end.status == StatusCode::PARTIAL_CONTENT;
        if let (true, Some(operation)) = (is_inconsistent, self.state.operation_mut()) {
            let download = operation.download_mut();
            download.reached = download.reached.min(end.offset);
            download.durable = download.durable.min(end.offset);
            download.highest = end.highest;
            self.bump_revision();
        }
        is_inconsistent
    }

    /// Starts the download again, because the file has changed.
    pub(super) fn restart_download(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        retry_after: Option<Duration>,
    ) {
        self.discard_download();
        let reason = ApiError::new(ErrorOrigin::Service)
            .with_message(Some("the file has changed since its first part was sent"));
        self.back_off(now, AttemptError::Response(status, Box::new(reason)), retry_after);
    }

    /// Polls the operation for a fresh URL of the artifact, because the old one may have expired.
    /// Does so once, and again after progress.
    pub(super) fn repoll_for_url(
        &mut self,
        now: Timestamp,
        error: AttemptError,
        retry_after: Option<Duration>,
    ) {
        let grace = self.config.limits().grace_period;
        match self.state.operation_mut() {
            Some(operation) if operation.is_pollable && !operation.download().repolled => {
                operation.download_mut().repolled = true;
                let next_poll = operation.next_poll;
                self.move_operation(|operation| State::Polling(Polling { operation, via: None }));
                // The export is completed, and its deadline may have passed: allow one more poll.
                if let Some(budget) = &mut self.schedule.budget {
                    let one_more = budget.deadline.max(next_poll.max(now) + grace);
                    budget.deadline = one_more.min(budget.end);
                }
                self.wait(now, next_poll.since(now), retry_after, Why::Pace);
            }
            _ => self.end_with(error),
        }
    }
}

// Waits.

impl ExportJob {
    /// Waits for the next poll: as long as the service asks, and at least for the poll interval.
    pub(super) fn wait_for_poll(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        let interval = self.poll_interval(now);
        let asked = match &mut self.state {
            State::Polling(polling) => {
                polling.via = None;
                let operation = &mut polling.operation;
                operation.retry_after = retry_after.or(operation.retry_after);
                operation.retry_after
            }
            _ => retry_after,
        };
        self.wait(now, interval, asked, Why::Pace);
    }

    /// The shortest wait before a poll, apart from what the service asks for.
    pub(super) fn poll_interval(&self, now: Timestamp) -> Duration {
        let accepted = self.state.operation().and_then(|operation| operation.accepted);
        let started = self.schedule.budget.map(|budget| budget.started);
        let age = now.since(accepted.or(started).unwrap_or(now));
        interval(self.config.pace(), age, self.config.limits())
    }

    /// Waits for the longer of `least` and `retry_after`.
    ///
    /// If `retry_after` ends after the deadline, the job ends at once. A longer `least` is shortened
    /// to the deadline.
    pub(super) fn wait(
        &mut self,
        now: Timestamp,
        least: Duration,
        retry_after: Option<Duration>,
        why: Why,
    ) {
        let (wait, why) = match retry_after {
            Some(asked) if asked >= least => (asked, Why::RetryAfter),
            _ => (least, why),
        };
        self.schedule.set(now, wait, why);
        self.bump_revision();
        let limit = self.wait_limit(now);
        if self.schedule.not_before > limit {
            match retry_after.map(|asked| now + asked) {
                Some(allowed) if allowed > limit => return self.end_at_deadline(Some(allowed)),
                _ if now >= limit => return self.end_at_deadline(None),
                _ => self.schedule.shorten_to(now, limit),
            }
        }
        let until = self.schedule.not_before;
        if until > now {
            self.events.push(Event::Waiting { at: now, until, why });
        }
    }

    /// The job waits until `turn_at`, for the rate of the client and for no other job. Ends it if its
    /// turn comes after its deadline. Returns whether it has ended.
    pub(crate) fn ends_before_turn(&mut self, now: Timestamp, turn_at: Timestamp) -> bool {
        self.on_step(now);
        if !self.has_ended() && turn_at > now && turn_at > self.wait_limit(now) {
            self.end_at_deadline(Some(turn_at));
        }
        self.has_ended()
    }

    /// Other jobs of a batch have found that the service does not respond. Ends a job whose limits
    /// would have ended it by now, had it sent their requests itself. Returns whether it has ended.
    pub(crate) fn ends_in_outage(
        &mut self,
        lasted: Duration,
        failures: u32,
        last: &AttemptError,
    ) -> bool {
        // Fewer may be those of jobs that fail by themselves.
        const MIN_FAILURES: u32 = 20;
        let limits = self.config.limits();
        let most = limits.max_failures.max(MIN_FAILURES - 1);
        let ends = lasted >= limits.job_timeout || failures > most;
        if ends {
            self.schedule.failures = self.schedule.failures.max(failures);
            let error = self.gave_up(last.clone());
            self.end(Err(error));
        }
        ends
    }

    /// Waits for other requests of the client. The revision does not change: a resumed job asks its
    /// own client's pacer. The time of a job that has sent nothing yet does not run meanwhile.
    pub(in crate::job) fn on_postponed(&mut self, now: Timestamp, until: Timestamp) {
        self.looks = 0;
        let wait = until.since(now);
        let is_first = self.schedule.back_offs == 0;
        if let (State::Submitting(_), Some(budget), true) =
            (&self.state, &mut self.schedule.budget, is_first)
        {
            budget.deadline = budget.deadline + wait;
            budget.end = budget.end + wait;
        }
        let limit = self.wait_limit(now);
        if until > limit && now >= limit {
            return self.end_at_deadline(Some(until));
        }
        self.schedule.set(now, wait, Why::Turn);
        if until > limit {
            self.schedule.shorten_to(now, limit);
        }
        // Shorter waits are not worth an event.
        const MIN_EVENT: Duration = Duration::from_millis(100);
        if wait >= MIN_EVENT {
            let until = self.schedule.not_before;
            self.events.push(Event::Waiting { at: now, until, why: Why::Turn });
        }
    }

    /// The latest end of a wait that starts now. A download has no deadline, only a longest wait.
    pub(super) fn wait_limit(&self, now: Timestamp) -> Timestamp {
        match (&self.state, self.schedule.budget) {
            (_, None) => now + self.config.limits().job_timeout,
            (State::Fetching(_) | State::Inline(_) | State::Complete(_), Some(budget)) => {
                (now + self.config.limits().job_timeout).min(budget.end)
            }
            (_, Some(budget)) => budget.deadline,
        }
    }

    /// When the job has to be done.
    pub(in crate::job) fn end_of_budget(&self, now: Timestamp) -> Timestamp {
        let unstarted = || now + self.config.limits().max_time;
        self.schedule.budget.map_or_else(unstarted, |budget| budget.end)
    }

    /// When to stop waiting for a token.
    pub(in crate::job) fn token_deadline(&self) -> Timestamp {
        let attempt = self.schedule.not_before + self.config.limits().request_timeout;
        self.schedule.budget.map_or(attempt, |budget| budget.deadline.max(attempt))
    }

    /// Whether the operation was accepted so recently that it may not be visible yet.
    pub(super) fn is_within_grace(&self, now: Timestamp) -> bool {
        let accepted = self.state.operation().and_then(|operation| operation.accepted);
        accepted.is_some_and(|accepted| now.since(accepted) < self.config.limits().grace_period)
    }
}
