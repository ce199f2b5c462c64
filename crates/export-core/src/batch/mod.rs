//! Any number of exports at once, under one pace, without I/O.

mod limits;
mod order;
mod queue;

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use self::order::{Story, Typical};
use self::queue::{Queue, Waiting};
use crate::dialect::Phase;
use crate::job::{Checkpoint, ExportJob, Step, Why};
use crate::pacer::{Pacer, Permit, RequestClass};
use crate::time::Timestamp;

pub use self::limits::BatchLimits;
pub use self::order::Order;

/// What a caller calls a job of a batch: the number of a row, say. The batch never looks at it.
pub type JobKey = u64;

/// Any number of exports under one pace.
///
/// [`step`](Self::step) hands out the job whose turn it is, with a reserved permit for its next
/// request. The driver gets a token, [confirms](Pacer::confirm) the permit, sends that one request
/// and [puts the job back](Self::put_back). A batch is shared behind a lock that is never held over
/// I/O: a task set or a few threads ask it in turn, and each works on jobs of its own.
///
/// ```
/// use export_core::{
///     Batch, BatchStep, Config, DocumentExport, ExportJob, ExportSpec, Pacer, Rates, Region, Step,
///     Timestamp,
/// };
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
/// // Send the request, and return the permit with the head of the answer, if one came.
/// assert!(batch.put_back(now, &mut pacer, turn).is_none());
///
/// // One submit a second: the next job has to wait.
/// let BatchStep::Wait(until) = batch.step(now, &mut pacer) else { panic!("it is too early") };
/// assert_eq!(until.since(now).as_secs(), 1);
/// # Ok::<(), export_core::SpecError>(())
/// ```
///
/// # Which job is next
///
/// A file that can be loaded is loaded; else an operation is polled that is due by its own
/// schedule and comes first in the [`Order`]; else another export is submitted. Each of the three
/// has a rate of its own, so that none of them takes another's turn, and within each, what is
/// ready is handed out in turn: under [`Order::Unheard`] a job that is due waits for no more turns
/// of its phase than there are other jobs in it.
///
/// A download from another origin, by a signed URL, needs no permit and does not wait for one:
/// while the download rate holds the oldest download back, a younger one from another origin may
/// pass it.
///
/// # What is stored
///
/// A batch is a set of checkpoints and a [`BatchState`]: store each job's checkpoint as ever, and
/// the state with them. To go on, make [`Batch::resumed`] and [`add`](Self::add) the jobs that
/// were resumed from their checkpoints.
#[derive(Debug, Default)]
pub struct Batch {
    state: BatchState,
    submits: Queue,
    polls: Queue,
    downloads: Queue,
    /// Downloads from other origins, which the pacer does not count.
    unpaced: Queue,
    /// Numbers the jobs as they come, so that equals go in turn.
    arrivals: u64,
    /// Jobs that are handed out, by the phase in which they were.
    out: Out,
}

#[derive(Clone, Copy, Debug, Default)]
struct Out {
    submits: usize,
    polls: usize,
    downloads: usize,
}

/// The settings of a batch, and what it has learnt: all of it that is not in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchState {
    #[serde(default)]
    limits: BatchLimits,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    typical: Typical,
}

impl BatchState {
    /// The same with these limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with this order.
    #[must_use]
    pub const fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }
}

/// What a batch wants next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver handles each of these")]
pub enum BatchStep {
    /// This job may do its next step now.
    Turn(Turn),
    /// Nothing is to be done before this time, unless a job is put back or added until then.
    Wait(Timestamp),
    /// Nothing is to be done before a job is put back.
    Busy,
    /// No job is left.
    Done,
}

/// A job whose turn it is, with the reserved permit for its next request.
///
/// It has to be put back. One that is lost counts as under way for as long as the batch lives;
/// its checkpoint is where to go on from.
#[derive(Debug)]
#[must_use = "the batch waits for the job to be put back"]
pub struct Turn {
    waiting: Waiting,
    phase: Phase,
    permit: Option<Permit>,
}

impl Turn {
    /// What the caller calls the job.
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
    /// It is reserved: [confirm](Pacer::confirm) it right before the request is sent. If that fails,
    /// release it and [postpone](crate::Transmit::postpone) the request. One that is left here is
    /// released when the job is put back.
    pub fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }
}

/// A job that is over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// What the caller calls it.
    pub key: JobKey,
    /// The job; stepping it gives the outcome.
    pub job: Box<ExportJob>,
}

/// How many jobs are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Not accepted yet.
    pub to_submit: usize,
    /// Accepted, and not known to be completed.
    pub open: usize,
    /// Completed, and their file is not here yet.
    pub to_download: usize,
    /// Handed out, of all of these.
    pub under_way: usize,
}

impl Batch {
    /// A batch without jobs.
    #[must_use]
    pub fn new(limits: BatchLimits, order: Order) -> Self {
        Self::resumed(BatchState::default().with_limits(limits).with_order(order))
    }

    /// Goes on with a batch whose state was stored.
    #[must_use]
    pub fn resumed(state: BatchState) -> Self {
        Self { state, ..Self::default() }
    }

    /// What is to be stored beside the checkpoints.
    #[must_use]
    pub const fn state(&self) -> BatchState {
        self.state
    }

    /// Takes in a job: a new one, or one that was resumed.
    pub fn add(&mut self, now: Timestamp, key: JobKey, job: impl Into<Box<ExportJob>>) {
        let job = job.into();
        let (due, since) = (job.next_due(now), job.accepted_at().unwrap_or(now).min(now));
        let story = Story { since, heard: since };
        let arrival = self.next_arrival();
        self.queue(job.request_class()).push(due, Waiting { key, arrival, story, job });
    }

    const fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Says what to do at `now`.
    pub fn step(&mut self, now: Timestamp, pacer: &mut Pacer) -> BatchStep {
        let mut until: Option<Timestamp> = None;
        for phase in [Phase::Fetch, Phase::Poll, Phase::Submit] {
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

    /// The next job of a phase, or when there is one; nothing if that depends on other jobs.
    fn step_in(
        &mut self,
        phase: Phase,
        now: Timestamp,
        pacer: &mut Pacer,
    ) -> Result<Turn, Option<Timestamp>> {
        let BatchState { order, typical, .. } = self.state;
        let class = RequestClass::from(phase);
        let may_more = self.may_more(phase, pacer);
        self.queue(Some(class)).wake(now, |waiting| match phase {
            Phase::Poll => order.rank(waiting.story, typical.get()),
            // In the order in which they came.
            Phase::Submit | Phase::Fetch => Timestamp::EPOCH,
        });
        let (mut unpaced, mut unpaced_due) = (None, None);
        if phase == Phase::Fetch {
            self.unpaced.wake(now, |_| Timestamp::EPOCH);
            (unpaced, unpaced_due) = (self.unpaced.first_ready(), self.unpaced.next_due());
        }
        if !may_more {
            return Err(None);
        }
        let queue = self.queue(Some(class));
        let permit = match (queue.first_ready(), unpaced) {
            (None, None) => return Err(earlier(queue.next_due(), unpaced_due)),
            (Some(paced), other) if other.is_none_or(|unpaced| paced < unpaced) => {
                match pacer.try_reserve(now, class) {
                    Ok(permit) => Some(permit),
                    Err(later) if other.is_none() => {
                        return Err(earlier(Some(later), unpaced_due));
                    }
                    Err(_) => None,
                }
            }
            _ => None,
        };
        let queue = self.queue(permit.as_ref().map(Permit::class));
        let Some(waiting) = queue.pop() else { return Err(None) };
        *self.out(phase) += 1;
        Ok(Turn { waiting, phase, permit })
    }

    /// Whether one more job of this phase may be handed out.
    fn may_more(&self, phase: Phase, pacer: &Pacer) -> bool {
        let Self { out, state: BatchState { limits, .. }, .. } = self;
        match phase {
            Phase::Submit => {
                let ahead = pacer.fits(RequestClass::Operation, limits.ahead).max(1);
                let open = self.polls.len() + out.polls + out.submits;
                out.submits < limits.submits && open < limits.open.max(1).min(ahead)
            }
            Phase::Poll => out.polls < limits.polls,
            Phase::Fetch => out.downloads < limits.downloads,
        }
    }

    /// Takes back a job that was handed out, after it did its step. It is given back for good if
    /// it is over.
    #[must_use = "a job that is over is not kept"]
    pub fn put_back(&mut self, now: Timestamp, pacer: &mut Pacer, turn: Turn) -> Option<Ended> {
        let Turn { mut waiting, phase: was, permit } = turn;
        if let Some(permit) = permit {
            pacer.release(permit);
        }
        *self.out(was) -= 1;
        let (due, is_postponed) = match waiting.job.step(now) {
            Step::Done(_) => return Some(Ended { key: waiting.key, job: waiting.job }),
            Step::Wait(wait) => (wait.until, wait.why == Why::Turn),
            Step::Transmit(_) => (now, false),
        };
        // A postponed job has sent nothing: it keeps its place.
        if !is_postponed {
            waiting.arrival = self.next_arrival();
            match (was, waiting.job.phase()) {
                (Phase::Submit, Phase::Poll) => waiting.story = Story { since: now, heard: now },
                (Phase::Poll, Phase::Fetch) => {
                    self.state.typical.learn(now.since(waiting.story.since));
                }
                _ => waiting.story.heard = now,
            }
        }
        self.queue(waiting.job.request_class()).push(due, waiting);
        None
    }

    /// Gives back the jobs that are not accepted yet, but for those that are handed out: no more
    /// is asked for, and what was accepted comes to its end.
    ///
    /// Whether one of them was sent, and no answer came, is in its checkpoint.
    pub fn withdraw(&mut self) -> impl Iterator<Item = (JobKey, Box<ExportJob>)> {
        let submits = core::mem::take(&mut self.submits);
        submits.into_iter().map(|Waiting { key, job, .. }| (key, job))
    }

    /// Gives back all jobs that are not handed out.
    pub fn drain(&mut self) -> impl Iterator<Item = (JobKey, Box<ExportJob>)> {
        let others = [&mut self.polls, &mut self.downloads, &mut self.unpaced];
        let others = others.map(core::mem::take).into_iter().flat_map(Queue::into_iter);
        self.withdraw().chain(others.map(|Waiting { key, job, .. }| (key, job)))
    }

    /// The jobs that are not handed out, as they are now.
    pub fn checkpoints(&self) -> impl Iterator<Item = (JobKey, Checkpoint)> {
        let queues = [&self.submits, &self.polls, &self.downloads, &self.unpaced];
        let waiting = queues.into_iter().flat_map(Queue::iter);
        waiting.map(|waiting| (waiting.key, waiting.job.checkpoint()))
    }

    /// How many jobs are where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Self { out, .. } = self;
        Counts {
            to_submit: self.submits.len() + out.submits,
            open: self.polls.len() + out.polls,
            to_download: self.downloads.len() + self.unpaced.len() + out.downloads,
            under_way: out.submits + out.polls + out.downloads,
        }
    }

    /// Whether no job is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts() == Counts::default()
    }

    /// The queue of the jobs whose next request is of a class; `None` for those that need no permit.
    const fn queue(&mut self, class: Option<RequestClass>) -> &mut Queue {
        match class {
            Some(RequestClass::Submit) => &mut self.submits,
            Some(RequestClass::Operation) => &mut self.polls,
            Some(RequestClass::Download) => &mut self.downloads,
            None => &mut self.unpaced,
        }
    }

    const fn out(&mut self, phase: Phase) -> &mut usize {
        match phase {
            Phase::Submit => &mut self.out.submits,
            Phase::Poll => &mut self.out.polls,
            Phase::Fetch => &mut self.out.downloads,
        }
    }
}

/// The earlier of two times, where there are two.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
