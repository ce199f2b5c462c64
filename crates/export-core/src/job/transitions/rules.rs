//! The rules that several answers share: try again, wait, ask anew.

use alloc::boxed::Box;
use alloc::string::String;
use core::mem;
use core::time::Duration;

use http::StatusCode;

use crate::api_error::{ApiError, ErrorOrigin};
use crate::dialect::{Head, OperationFacts, Phase};
use crate::error::{AttemptError, Error};
use crate::headers::{self, RetryAfter};
use crate::job::ExportJob;
use crate::job::event::{self, Event};
use crate::job::exchange::DownloadEnd;
use crate::job::schedule::{Why, interval};
use crate::job::state::{Download, Fetching, Polling, State, Submitting};
use crate::origins::Access;
use crate::sunset::{Sunset, SunsetNotice};
use crate::time::Timestamp;

// Trying again.

impl ExportJob {
    /// Nobody knows whether the request arrived. A submit is sent again if that is harmless.
    pub(super) fn perhaps_sent(
        &mut self,
        now: Timestamp,
        last: AttemptError,
        retry_after: Option<Duration>,
    ) {
        if self.phase() == Phase::Submit && !self.may_send_again() {
            let sends = self.sends();
            return self.end(Err(Error::SubmitUnconfirmed { sends, last }));
        }
        self.back_off(now, last, retry_after);
    }

    /// The last submit certainly started nothing.
    pub(super) fn not_accepted(&mut self) {
        if let State::Submitting(submitting) = &mut self.state {
            submitting.sends = submitting.sends.saturating_sub(1);
            self.touch();
        }
    }

    pub(super) fn sends(&self) -> u32 {
        match &self.state {
            State::Submitting(submitting) => submitting.sends,
            _ => 0,
        }
    }

    pub(super) fn may_send_again(&self) -> bool {
        match &self.state {
            State::Submitting(submitting) => {
                self.may_repeat() && submitting.sends < submitting.allowed
            }
            _ => true,
        }
    }

    /// Another failure in a row: wait longer than after the last, or give up.
    pub(super) fn back_off(
        &mut self,
        now: Timestamp,
        trouble: AttemptError,
        retry_after: Option<Duration>,
    ) {
        self.schedule.failures = self.schedule.failures.saturating_add(1);
        if self.schedule.failures > self.config.limits().failures {
            let error = self.gave_up(trouble);
            return self.end(Err(error));
        }
        self.back_off_uncounted(now, retry_after);
    }

    /// 429. While there is a deadline, that bounds it: a crowd is no failure.
    pub(super) fn throttled(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        if self.phase() == Phase::Fetch {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let trouble =
                AttemptError::Response(status, Box::new(ApiError::new(ErrorOrigin::Unknown)));
            return self.back_off(now, trouble, retry_after);
        }
        self.back_off_uncounted(now, retry_after);
    }

    fn back_off_uncounted(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        let own = self.schedule.back_off(self.config.limits(), self.config.jitter());
        // The time between polls that the service asked for outlives a failed one, and so does
        // what an answer asked for that was lost after its head.
        let left = self.schedule.not_before.since(now);
        let own = own.max(left);
        let mut retry_after = retry_after;
        match &mut self.state {
            State::Polling(polling) => {
                polling.via = None;
                let asked = polling.operation.retry_after.unwrap_or_default();
                retry_after = retry_after.max(Some(asked.min(left)).filter(|left| !left.is_zero()));
            }
            State::Fetching(fetching) => fetching.via = None,
            State::Submitting(_) | State::Done(_) => {}
        }
        self.wait(now, own, retry_after, Why::BackOff);
    }

    /// A download broke off. It goes on where it was, as long as each attempt brings it further.
    pub(super) fn attempt_failed(
        &mut self,
        now: Timestamp,
        progressed: bool,
        trouble: AttemptError,
    ) {
        const MOST_IDLE: u32 = 2;
        let most = self.config.limits().downloads;
        let Some(operation) = self.state.operation_mut() else { return };
        let download = operation.download_mut();
        download.idle = if progressed { 0 } else { download.idle + 1 };
        if download.idle >= MOST_IDLE || download.attempts >= most {
            self.schedule.failures = self.schedule.failures.saturating_add(1);
            let error = self.gave_up(trouble);
            return self.end(Err(error));
        }
        if progressed {
            download.asked_again = false;
            self.schedule.forgive();
        }
        self.back_off(now, trouble, None);
    }

    /// Nothing of what the sink holds can be kept.
    pub(super) fn forget_download(&mut self) {
        if let Some(operation) = self.state.operation_mut() {
            let download = operation.download_mut();
            let Download { highest, attempts, idle, asked_again, .. } = *download;
            *download = Download { highest, attempts, idle, asked_again, ..Download::NONE };
        }
    }

    /// Forgets a part that ended in good order and is not as long as it said: it may be anything.
    /// A whole that is too short is a beginning of the file, which its first bytes vouch for.
    pub(super) fn distrust(&mut self, ended: &DownloadEnd) -> bool {
        let is_odd = ended.is_short && ended.status == StatusCode::PARTIAL_CONTENT;
        if let (true, Some(operation)) = (is_odd, self.state.operation_mut()) {
            let download = operation.download_mut();
            download.reached = download.reached.min(ended.offset);
            download.durable = download.durable.min(ended.offset);
            download.highest = ended.highest;
            self.touch();
        }
        is_odd
    }

    /// The file is another one than before.
    pub(super) fn start_over(
        &mut self,
        now: Timestamp,
        status: StatusCode,
        retry_after: Option<Duration>,
    ) {
        self.forget_download();
        let reason = ApiError::new(ErrorOrigin::Service)
            .with_message(Some("the file has changed since its first part was sent"));
        self.back_off(now, AttemptError::Response(status, Box::new(reason)), retry_after);
    }

    /// The URL of the artifact may have expired: the operation knows a fresh one.
    pub(super) fn ask_for_fresh_url(
        &mut self,
        now: Timestamp,
        trouble: AttemptError,
        retry_after: Option<Duration>,
    ) {
        let grace = self.config.limits().grace;
        match self.state.operation_mut() {
            Some(operation) if !operation.download().asked_again => {
                operation.download_mut().asked_again = true;
                let next_poll = operation.next_poll;
                self.replace(|state| match state {
                    State::Fetching(Fetching { operation, .. }) => {
                        State::Polling(Polling { operation, via: None })
                    }
                    other => other,
                });
                // The export is completed, so its deadline is over; this is one more question.
                if let Some(budget) = &mut self.schedule.budget {
                    budget.deadline = budget.deadline.max(next_poll.max(now) + grace);
                }
                self.wait(now, next_poll.since(now), retry_after, Why::Pace);
            }
            _ => self.end_with(trouble),
        }
    }
}

// Waiting.

impl ExportJob {
    /// The wait before the next poll: what the service asks for, and never less than is polite.
    pub(super) fn wait_for_poll(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        let own = self.own_interval(now);
        let asked = match &mut self.state {
            State::Polling(polling) => {
                polling.via = None;
                let operation = &mut polling.operation;
                operation.retry_after = retry_after.or(operation.retry_after);
                operation.retry_after
            }
            _ => retry_after,
        };
        self.wait(now, own, asked, Why::Pace);
    }

    /// The wait before a poll if the service asks for none.
    pub(super) fn own_interval(&self, now: Timestamp) -> Duration {
        let accepted = self.state.operation().and_then(|operation| operation.accepted);
        let started = self.schedule.budget.map(|budget| budget.started);
        let age = now.since(accepted.or(started).unwrap_or(now));
        interval(self.config.pace(), age, self.config.limits())
    }

    /// Waits for the longer of the two. A wait that the service asks for and that would outlast
    /// the budget ends the job at once; a wait of our own is cut to the budget's end.
    pub(super) fn wait(
        &mut self,
        now: Timestamp,
        own: Duration,
        retry_after: Option<Duration>,
        why: Why,
    ) {
        let (wait, why) = match retry_after {
            Some(asked) if asked >= own => (asked, Why::RetryAfter),
            _ => (own, why),
        };
        self.schedule.set(now, wait, why);
        self.touch();
        let end = self.end_of_time(now);
        if self.schedule.not_before > end {
            match retry_after.map(|asked| now + asked) {
                Some(allowed) if allowed > end => return self.out_of_time(Some(allowed)),
                _ if now >= end => return self.out_of_time(None),
                _ => self.schedule.cut_to(now, end),
            }
        }
        let until = self.schedule.not_before;
        if until > now {
            self.events.push(Event::Waiting { at: now, until, why });
        }
    }

    /// Waits for other requests of the client. Nothing is written down: whoever resumes the job
    /// asks anew.
    pub(in crate::job) fn postponed(&mut self, now: Timestamp, until: Timestamp) {
        let wait = until.since(now);
        if let (State::Submitting(_), Some(budget)) = (&self.state, &mut self.schedule.budget) {
            budget.deadline = budget.deadline + wait;
        }
        let end = self.end_of_time(now);
        if until > end && now >= end {
            return self.out_of_time(Some(until));
        }
        self.schedule.set(now, wait, Why::Turn);
        if until > end {
            self.schedule.cut_to(now, end);
        }
        // A moment is not worth telling of.
        const MOMENT: Duration = Duration::from_millis(100);
        if wait >= MOMENT {
            let until = self.schedule.not_before;
            self.events.push(Event::Waiting { at: now, until, why: Why::Turn });
        }
    }

    /// Until when the job may wait for the next request. A download has no deadline, only an end to
    /// what a single wait may be.
    pub(super) fn end_of_time(&self, now: Timestamp) -> Timestamp {
        match (&self.state, self.schedule.budget) {
            (State::Fetching(_), _) | (_, None) => now + self.config.limits().job,
            (_, Some(budget)) => budget.deadline,
        }
    }

    /// Until when something that a request needs is worth waiting for.
    pub(in crate::job) fn patience(&self) -> Timestamp {
        let attempt = self.schedule.not_before + self.config.limits().attempt;
        self.schedule.budget.map_or(attempt, |budget| budget.deadline.max(attempt))
    }

    pub(super) fn is_within_grace(&self, now: Timestamp) -> bool {
        let accepted = self.state.operation().and_then(|operation| operation.accepted);
        accepted.is_some_and(|accepted| now.since(accepted) < self.config.limits().grace)
    }

    /// Whether the next request goes to an origin that may have the token.
    pub(super) fn is_trusted(&self) -> bool {
        self.state.target().is_none_or(|target| target.access() == Access::Trusted)
    }
}

// Noticing.

impl ExportJob {
    /// Tells of a head, and reads what any answer may say.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        head: &Head<'_>,
        phase: Phase,
    ) -> (StatusCode, Option<Duration>) {
        let (status, retry_after) = (head.status(), RetryAfter::of(now, head.headers()));
        let request_id = event::short(head.headers().get("x-request-id"));
        let wait = retry_after.wait();
        self.events.push(Event::Answered { at: now, phase, status, retry_after: wait, request_id });
        if retry_after == RetryAfter::Malformed {
            let what = "a Retry-After that is neither seconds nor a date";
            self.events.push(Event::Ignored { at: now, what });
        }
        let announced = headers::sunset(head.headers()).filter(|_| phase == Phase::Submit);
        if announced.is_some() && announced != self.sunset {
            self.sunset = announced;
            self.announce_sunset(now);
        }
        // RFC 9745. What it says of the past matters less than an end that is known.
        let is_deprecated = head.headers().contains_key("deprecation") && phase == Phase::Submit;
        if is_deprecated && self.sunset_notice(now).is_none() {
            self.events.push(Event::Deprecated { at: now });
        }
        (status, wait)
    }

    pub(super) fn learn(&mut self, now: Timestamp, news: &OperationFacts<'_>) {
        let Some(operation) = self.state.operation_mut() else { return };
        operation.is_known = true;
        if operation.facts.learn(news) {
            if let Some(status) = operation.facts.status.as_deref().map(String::from) {
                self.events.push(Event::Status { at: now, status });
            }
        }
    }

    pub(super) fn announce_sunset(&mut self, now: Timestamp) {
        if let (State::Submitting(_), Some(notice)) = (&self.state, self.sunset_notice(now)) {
            self.events.push(Event::Sunset { at: now, notice });
        }
    }

    /// The announced end of the endpoint; the service's own header beats what the dialect knows.
    pub(in crate::job) fn sunset_notice(&self, now: Timestamp) -> Option<SunsetNotice> {
        let sunset = match (self.dialect.sunset(), self.sunset) {
            (Some(known), Some(date)) => Sunset { sunset: date, ..known },
            (Some(known), None) => known,
            (None, Some(date)) => Sunset::new(
                "the endpoint in use",
                Timestamp::EPOCH,
                date,
                "what the service's documentation names instead",
            ),
            (None, None) => return None,
        };
        Some(SunsetNotice { sunset, days_left: sunset.days_left(now) })
    }

    pub(super) fn is_switched_off(&self, now: Timestamp) -> bool {
        self.sunset_notice(now).is_some_and(|notice| notice.days_left <= 0)
    }
}

// Moving on.

impl ExportJob {
    /// A resume would act differently from here on.
    pub(super) const fn touch(&mut self) {
        self.revision += 1;
    }

    /// Moves from one state to the next by value.
    pub(super) fn replace(&mut self, next: impl FnOnce(State) -> State) {
        let nothing = State::Submitting(Submitting { sends: 0, allowed: 0 });
        self.state = next(mem::replace(&mut self.state, nothing));
    }
}
