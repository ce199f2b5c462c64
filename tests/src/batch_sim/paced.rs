//! Runs all jobs in one batch with one pacer.

use std::time::Duration;

use export_core::batch::{Batch, BatchLimits, BatchStep, Turn};
use export_core::driver::Step;
use export_core::pacer::{Pacer, Permit};
use export_core::{Limits, Phase, Timestamp};
use fastrand::Rng;
use http::Response;

use super::event_queue::EventQueue;
use super::exchange::{Exchanged, exchange};
use super::report::{BatchReport, ReportBuilder};
use super::service::{Service, config, job, token};
use super::{BatchSim, LimitKnowledge, MAX_REQUESTS};

enum Event {
    /// A request that was sent at this time arrives at the service.
    Request(Timestamp, Turn, Option<Permit>),
    /// A response arrives at the client. The head is `None` if the request failed.
    Response(Turn, Option<Permit>, Option<Response<()>>),
}

/// Runs the simulation, and returns the pacer in its final state.
pub(super) fn run(sim: &BatchSim, knowledge: LimitKnowledge) -> (BatchReport, Pacer) {
    match knowledge {
        LimitKnowledge::Known | LimitKnowledge::Unknown => run_with(sim, sim.pacer(knowledge)),
        LimitKnowledge::LearnedEarlier => {
            let (_, pacer) = run_with(sim, sim.pacer(LimitKnowledge::Unknown));
            let stored = serde_json::to_string(&pacer).expect("a pacer is plain data");
            let pacer: Pacer = serde_json::from_str(&stored).expect("it was just written");
            let start = sim.start + Duration::from_secs(30 * 86_400);
            let sim = BatchSim { start, ..sim.clone() };
            run_with(&sim, pacer.resumed(start))
        }
    }
}

fn run_with(sim: &BatchSim, mut pacer: Pacer) -> (BatchReport, Pacer) {
    let limits = BatchLimits::default().with_max_open(sim.max_open);
    let mut batch = Batch::new(limits);
    let config = config(Limits::default().job_timeout);
    let token = token();
    let mut service = Service::new(sim);
    let mut random = Rng::with_seed(sim.seed);
    let mut report = ReportBuilder::new(sim);
    for number in 0..sim.exports {
        batch.add(sim.start, number as u64, job(number, &config));
    }

    let mut now = sim.start;
    let mut queue = EventQueue::new();
    while service.counters.requests < MAX_REQUESTS {
        if queue.next_at().is_some_and(|at| at <= now) {
            match queue.pop() {
                Some((_, Event::Request(sent, mut turn, permit))) => {
                    match exchange(turn.job(), sent, now, &token, &mut service) {
                        Exchanged::Nothing => queue.push(now, Event::Response(turn, permit, None)),
                        Exchanged::Response(at, head) => {
                            let at = at + latency(sim, &mut random);
                            queue.push(at, Event::Response(turn, permit, head));
                        }
                    }
                }
                Some((_, Event::Response(turn, permit, head))) => {
                    report_to_pacer(&mut pacer, now, permit, head);
                    put_back(&mut batch, now, &mut pacer, turn, &mut report);
                }
                None => {}
            }
            continue;
        }
        match batch.step(now, &mut pacer) {
            BatchStep::Turn(mut turn) => {
                let mut permit = turn.take_permit();
                if let Some(permit) = &mut permit {
                    pacer.confirm(now, permit).expect("it was reserved for now");
                }
                queue.push(now + latency(sim, &mut random), Event::Request(now, turn, permit));
            }
            BatchStep::Wait(until) => now = queue.next_at().map_or(until, |at| at.min(until)),
            BatchStep::Busy => match queue.next_at() {
                Some(at) => now = at,
                None => break,
            },
            BatchStep::Done => break,
        }
    }
    (report.finish(sim, &service), pacer)
}

fn report_to_pacer(
    pacer: &mut Pacer,
    now: Timestamp,
    permit: Option<Permit>,
    head: Option<Response<()>>,
) {
    if let (Some(permit), Some(head)) = (permit, head) {
        pacer.handle_head(now, permit, &head);
    }
}

fn put_back(
    batch: &mut Batch,
    now: Timestamp,
    pacer: &mut Pacer,
    mut turn: Turn,
    report: &mut ReportBuilder,
) {
    if turn.phase() == Phase::Poll && turn.job().phase() == Phase::Fetch {
        report.completion_found(now, turn.job());
    }
    if let Some(mut ended) = batch.put_back(now, pacer, turn) {
        let has_file = matches!(ended.job.step(now), Step::Done(Ok(_)));
        report.export_ended(now, has_file);
    }
}

/// A random one-way latency.
fn latency(sim: &BatchSim, random: &mut Rng) -> Duration {
    let (min, max) = (sim.latency.start.as_millis(), sim.latency.end.as_millis());
    if max <= min {
        return sim.latency.start;
    }
    Duration::from_millis(random.u64(min as u64..max as u64))
}
