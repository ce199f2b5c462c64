//! Runs any number of exports under one pacer, without I/O.

mod limits;
mod outage;
mod queue;

use alloc::boxed::Box;
use core::time::Duration;

use self::outage::{OutageDetector, Tried};
use self::queue::{Queue, Waiting};
use crate::job::{Checkpoint, ExportJob, Step, Why};
use crate::pacer::{Pacer, PerClass, Permit, RequestClass};
use crate::phase::Phase;
use crate::time::Timestamp;

pub use self::limits::BatchLimits;

/// A caller's name for a job of a batch, such as the number of a row. The batch only returns it.
pub type JobKey = u64;

/// Any number of exports under one [`Pacer`].
///
/// [`step`](Self::step) hands out the job whose turn it is, with a reserved permit for its next
/// request. The driver gets a token, [confirms](Pacer::confirm) the permit, sends that one request
/// and [puts the job back](Self::put_back). To drive several jobs at once, in tasks or threads,
/// share the batch behind a lock, and do not hold the lock during I/O.
///
/// ```
/// use export_core::batch::{Batch, BatchStep};
/// use export_core::driver::Step;
/// use export_core::pacer::{Pacer, Rates};
/// use export_core::workiva::{DocumentExport, ExportSpec, Region};
/// use export_core::{Config, ExportJob, Timestamp};
///
/// let config = Config::for_region(Region::Us);
/// let now = Timestamp::from_date(2026, 3, 1);
/// let mut pacer = Pacer::new(Rates::default());
/// let mut batch = Batch::default();
/// for key in 0..3 {
///     let spec = ExportSpec::document(format!("d{key}"), DocumentExport::pdf());
///     batch.add(now, key, ExportJob::new(spec, &config)?);
/// }
///
/// let BatchStep::Turn(mut turn) = batch.step(now, &mut pacer) else { panic!("one is due") };
/// let mut permit = turn.take_permit().expect("a submit counts");
/// assert!(matches!(turn.job().step(now), Step::Transmit(_)));
/// // Get a token here. Then:
/// assert_eq!(pacer.confirm(now, &mut permit), Ok(()));
/// // Send the request, and return the permit with the head of the response, if one came.
/// assert!(batch.put_back(now, &mut pacer, turn).is_none());
///
/// // One submit a second: the next job has to wait.
/// let BatchStep::Wait(until) = batch.step(now, &mut pacer) else { panic!("it is too early") };
/// assert_eq!(until.since(now).as_secs(), 1);
/// # Ok::<(), export_core::workiva::SpecError>(())
/// ```
///
/// # Which job is next
///
/// A download that may start; otherwise, of the operations that are due by their own schedules, a
/// poll of the one whose last poll is the longest ago; otherwise a submit. Each phase has its own
/// rate, so that none delays another. Within a phase no job starves: one that is due waits for at
/// most as many turns of its phase as there are other jobs in it.
///
/// No other order of polls is better if the time that exports take is unknown. Of jobs that were
/// submitted together, the one whose last poll is the longest ago is the most likely to have
/// completed since, for any distribution: if `F(t)` is the share that takes at most `t`, the chance
/// is `1 - (1 - F(now)) / (1 - F(last))`, which only falls with `last`. If the time that an export
/// still takes does not depend on its age, that holds for jobs of any age.
///
/// A download from another origin, by a signed URL, needs no permit and does not wait for one:
/// while the download rate holds back the oldest download, a later one from another origin may
/// overtake it.
///
/// # While the service does not respond
///
/// After three requests of a class in a row that got no response, or one of 500 and more or of a
/// gateway, the other requests of that class are paused: one at a time is sent as a probe, after 1,
/// 2, 4 and up to 30 s, or as long as `Retry-After` says (at most 5 minutes). The first response of
/// the service ends the pause.
///
/// A job that waits meanwhile sends nothing, and if it was not submitted before, its time does not
/// run. But once the pause has lasted as long as its own limits allow it to fail
/// ([`Limits::job_timeout`](crate::Limits::job_timeout), or
/// [`Limits::max_failures`](crate::Limits::max_failures) and 20 requests), it ends with
/// [`Error::GaveUp`](crate::Error::GaveUp), and can be resumed.
///
/// # What is stored
///
/// Store the checkpoint of each job as for a single job. To continue, create a batch, and
/// [`add`](Self::add) the jobs that were resumed from their checkpoints.
#[derive(Debug, Default)]
pub struct Batch {
    limits: BatchLimits,
    queues: PerClass<Queue>,
    /// Downloads from other origins, which the pacer does not count.
    unpaced: Queue,
    /// The arrival number of the last job: jobs with the same rank are handed out in this order.
    arrivals: u64,
    /// The number of jobs that are handed out, by the class of the phase that they were in.
    handed_out: PerClass<usize>,
    outage: OutageDetector,
}

/// What a batch wants next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum BatchStep {
    /// This job may take its next step now.
    Turn(Turn),
    /// Call [`Batch::step`] again at this time, or when a job is put back or added.
    Wait(Timestamp),
    /// Call [`Batch::step`] again when a job is put back or added.
    Busy,
    /// No job is left.
    Done,
}

/// What gives a batch the permits for its requests: a [`Pacer`], or one that other clients share.
pub trait Turns {
    /// Reserves a permit for a request that may be sent now.
    ///
    /// # Errors
    ///
    /// Fails with the time at which to try again; nothing is reserved.
    fn try_reserve(&mut self, now: Timestamp, class: RequestClass) -> Result<Permit, Timestamp>;

    /// Returns a permit whose request was not sent.
    fn release(&mut self, permit: Permit);

    /// When a request that is reserved now may be sent.
    fn earliest(&self, now: Timestamp, class: RequestClass) -> Timestamp;

    /// How many requests of a class can be sent in this time, at most.
    fn fits(&self, class: RequestClass, time: Duration) -> usize;
}

impl Turns for Pacer {
    fn try_reserve(&mut self, now: Timestamp, class: RequestClass) -> Result<Permit, Timestamp> {
        Self::try_reserve(self, now, class)
    }

    fn release(&mut self, permit: Permit) {
        Self::release(self, permit);
    }

    fn earliest(&self, now: Timestamp, class: RequestClass) -> Timestamp {
        Self::earliest(self, now, class)
    }

    fn fits(&self, class: RequestClass, time: Duration) -> usize {
        Self::fits(self, class, time)
    }
}

/// A job whose turn it is, with the reserved permit for its next request.
///
/// It has to be [put back](Batch::put_back). One that is dropped counts as under way for the life
/// of the batch; its export can be resumed from its checkpoint.
#[derive(Debug)]
#[must_use = "the batch waits for the job to be put back"]
pub struct Turn {
    waiting: Waiting,
    phase: Phase,
    permit: Option<Permit>,
    /// The request that it is handed out for, if the pacer counts it.
    tried: Option<Tried>,
}

impl Turn {
    /// The caller's name for the job.
    #[must_use]
    pub const fn key(&self) -> JobKey {
        self.waiting.key
    }

    /// The phase for which the job was handed out.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The job.
    pub fn job(&mut self) -> &mut ExportJob {
        &mut self.waiting.job
    }

    /// The permit for one request; `None` if the request goes to another origin and needs none.
    ///
    /// It is reserved: [confirm](Pacer::confirm) it right before the request is sent. If that
    /// fails, release it and [postpone](crate::driver::Transmit::postpone) the request. One that is left
    /// here is released when the job is put back.
    pub fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }
}

/// A job that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The caller's name for it.
    pub key: JobKey,
    /// The job; its next step returns the outcome.
    pub job: Box<ExportJob>,
}

/// The number of jobs in each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Not accepted yet.
    pub to_submit: usize,
    /// Accepted, and not known to be completed.
    pub open: usize,
    /// Completed, and not downloaded.
    pub to_download: usize,
    /// All of these that are handed out.
    pub under_way: usize,
}

impl Batch {
    /// A batch without jobs.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a new or a resumed job.
    pub fn add(&mut self, now: Timestamp, key: JobKey, job: impl Into<Box<ExportJob>>) {
        let job = job.into();
        let (due, polled) = (job.next_due(now), job.accepted_at().unwrap_or(now).min(now));
        let arrival = self.next_arrival();
        self.queue(job.request_class()).push(due, Waiting { key, arrival, polled, job });
    }

    const fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Returns what to do at `now`.
    pub fn step(&mut self, now: Timestamp, pacer: &mut dyn Turns) -> BatchStep {
        let mut until: Option<Timestamp> = None;
        let phases = match self.outage.is_paused() {
            // A submit is the last choice for a probe: some must not be sent twice.
            true => [Phase::Poll, Phase::Fetch, Phase::Submit],
            false => [Phase::Fetch, Phase::Poll, Phase::Submit],
        };
        for phase in phases {
            match self.step_in(phase, now, pacer) {
                Ok(turn) => return BatchStep::Turn(turn),
                Err(later) => until = earlier(until, later),
            }
        }
        match until {
            Some(until) => BatchStep::Wait(until),
            None if self.is_empty() => BatchStep::Done,
            None => BatchStep::Busy,
        }
    }

    /// Hands out the next job of a phase. Fails with the time at which to try again; with `None` if
    /// that depends on other jobs.
    fn step_in(
        &mut self,
        phase: Phase,
        now: Timestamp,
        pacer: &mut dyn Turns,
    ) -> Result<Turn, Option<Timestamp>> {
        let class = RequestClass::from(phase);
        let is_full = self.is_full(phase, pacer);
        self.queue(Some(class)).wake(now, |waiting| match phase {
            Phase::Poll | Phase::Cancel => waiting.polled,
            // By arrival.
            Phase::Submit | Phase::Fetch => Timestamp::EPOCH,
        });
        let (mut unpaced, mut unpaced_due) = (None, None);
        if phase == Phase::Fetch {
            self.unpaced.wake(now, |_| Timestamp::EPOCH);
            (unpaced, unpaced_due) = (self.unpaced.first_ready(), self.unpaced.next_due());
        }
        if self.ends_first(class, now, pacer) {
            // Its next step returns the outcome.
            return self.hand_out(now, phase, Some(class), None, false);
        }
        if is_full {
            return Err(None);
        }
        let queue = self.queue(Some(class));
        let (paced, paced_due) = (queue.first_ready(), queue.next_due());
        let Some(first) = paced.into_iter().chain(unpaced).min() else {
            return Err(earlier(paced_due, unpaced_due));
        };
        if unpaced == Some(first) {
            return self.hand_out(now, phase, None, None, false);
        }
        let probe_at = self.outage.paused_until(class).filter(|_| !self.is_single());
        let permit = match probe_at {
            Some(later) if later > now => Err(later),
            _ => pacer.try_reserve(now, class),
        };
        match permit {
            Ok(permit) => {
                if probe_at.is_some() {
                    self.outage.start_probe(now, class);
                }
                self.hand_out(now, phase, Some(class), Some(permit), probe_at.is_some())
            }
            Err(_) if unpaced.is_some() => self.hand_out(now, phase, None, None, false),
            Err(later) => Err(earlier(Some(later), unpaced_due)),
        }
    }

    /// Ends the first ready job of a class if the service does not respond, or a single one if it
    /// cannot have its turn in time. Returns whether it has ended.
    fn ends_first(&mut self, class: RequestClass, now: Timestamp, pacer: &dyn Turns) -> bool {
        let is_paused = self.outage.paused_until(class).is_some();
        let is_single = self.is_single();
        if !is_paused && !is_single {
            return false;
        }
        let (outage, turn_at) = (&self.outage, pacer.earliest(now, class));
        self.queues.of_mut(class).with_first_ready(|job| {
            is_paused && outage.ends(now, job) || is_single && job.ends_before_turn(now, turn_at)
        })
    }

    /// Hands out the first ready job of a [queue](Self::queue).
    fn hand_out(
        &mut self,
        now: Timestamp,
        phase: Phase,
        queue: Option<RequestClass>,
        permit: Option<Permit>,
        is_probe: bool,
    ) -> Result<Turn, Option<Timestamp>> {
        let Some(waiting) = self.queue(queue).pop() else { return Err(None) };
        *self.handed_out.of_mut(phase.into()) += 1;
        let tried =
            permit.as_ref().map(|permit| Tried { class: permit.class(), at: now, is_probe });
        Ok(Turn { waiting, phase, permit, tried })
    }

    /// Whether there is one job, which waits for no other.
    fn is_single(&self) -> bool {
        let Counts { to_submit, open, to_download, .. } = self.counts();
        to_submit + open + to_download == 1
    }

    /// Whether the limits allow no more jobs of this phase to be handed out.
    fn is_full(&self, phase: Phase, pacer: &dyn Turns) -> bool {
        let Self { handed_out, limits, .. } = self;
        match phase {
            Phase::Submit => {
                let ahead = pacer.fits(RequestClass::Operation, limits.max_poll_round).max(1);
                let open = self.queues.operations.len() + handed_out.operations + handed_out.submit;
                handed_out.submit >= limits.max_submits || open >= limits.max_open.max(1).min(ahead)
            }
            Phase::Poll | Phase::Cancel => handed_out.operations >= limits.max_polls,
            Phase::Fetch => handed_out.download >= limits.max_downloads,
        }
    }

    /// Puts back a job that was handed out, after its step. Returns it if it has ended.
    #[must_use = "a job that has ended is not kept"]
    pub fn put_back(&mut self, now: Timestamp, pacer: &mut dyn Turns, turn: Turn) -> Option<Ended> {
        let Turn { mut waiting, phase: was, permit, tried } = turn;
        if let Some(permit) = permit {
            pacer.release(permit);
        }
        *self.handed_out.of_mut(was.into()) -= 1;
        let wait = match waiting.job.step(now) {
            Step::Wait(wait) => Some(wait),
            _ => None,
        };
        if let (Some(tried), Some(contact)) = (tried, waiting.job.take_contact()) {
            let asked = wait.filter(|wait| wait.why == Why::RetryAfter).map(|wait| wait.until);
            self.outage.record(now, tried, contact, asked);
        }
        if waiting.job.has_ended() {
            return Some(Ended { key: waiting.key, job: waiting.job });
        }
        let due = wait.map_or(now, |wait| wait.until);
        let is_postponed = wait.is_some_and(|wait| wait.why == Why::Turn);
        // A postponed job has sent no request and keeps its place.
        if !is_postponed {
            waiting.arrival = self.next_arrival();
            waiting.polled = now;
        }
        self.queue(waiting.job.request_class()).push(due, waiting);
        None
    }

    /// Removes and returns the jobs that are not accepted yet, except those that are handed out. No
    /// more exports are submitted; those that were accepted continue.
    ///
    /// A job whose submit was sent and not answered says so in its checkpoint.
    pub fn withdraw(&mut self) -> impl Iterator<Item = (JobKey, Box<ExportJob>)> {
        let submits = core::mem::take(&mut self.queues.submit);
        submits.into_iter().map(|Waiting { key, job, .. }| (key, job))
    }

    /// Removes and returns all jobs that are not handed out.
    pub fn drain(&mut self) -> impl Iterator<Item = (JobKey, Box<ExportJob>)> {
        let PerClass { operations, download, .. } = &mut self.queues;
        let others = [operations, download, &mut self.unpaced];
        let others = others.map(core::mem::take).into_iter().flat_map(Queue::into_iter);
        self.withdraw().chain(others.map(|Waiting { key, job, .. }| (key, job)))
    }

    /// The checkpoints of the jobs that are not handed out.
    pub fn checkpoints(&self) -> impl Iterator<Item = (JobKey, Checkpoint)> {
        let queues = self.queues.all().into_iter().chain([&self.unpaced]);
        let waiting = queues.flat_map(Queue::iter);
        waiting.map(|waiting| (waiting.key, waiting.job.checkpoint()))
    }

    /// The number of jobs in each phase.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Self { queues, unpaced, handed_out, .. } = self;
        Counts {
            to_submit: queues.submit.len() + handed_out.submit,
            open: queues.operations.len() + handed_out.operations,
            to_download: queues.download.len() + unpaced.len() + handed_out.download,
            under_way: handed_out.all().into_iter().sum(),
        }
    }

    /// Whether no job is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts() == Counts::default()
    }

    /// The queue of the jobs whose next request is of a class; `None` for those that need no
    /// permit.
    const fn queue(&mut self, class: Option<RequestClass>) -> &mut Queue {
        match class {
            Some(class) => self.queues.of_mut(class),
            None => &mut self.unpaced,
        }
    }
}

/// The earlier of two times, where there are two.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
