//! All jobs of a fleet in one batch, under one pacer.

use std::time::Duration;

use export_core::{
    Batch, BatchLimits, BatchStep, Limits, Order, Pacer, Permit, Phase, Step, Timestamp, Turn,
};
use fastrand::Rng;
use http::Response;

use super::events::Events;
use super::exchange::{Exchanged, exchange};
use super::flight::{Flight, Log};
use super::service::{Service, config, job, token};
use super::{Fleet, Knows, MOST_REQUESTS};

enum Event {
    /// A request comes to the service; it was sent at this time.
    Arrives(Timestamp, Turn, Option<Permit>),
    /// Its answer comes back.
    IsBack(Turn, Option<Permit>, Option<Response<()>>),
}

/// Flies a fleet, and gives the pacer as it is in the evening.
pub(super) fn fly(fleet: &Fleet, knows: Knows, order: Order) -> (Flight, Pacer) {
    match knows {
        Knows::TheLimit | Knows::Nothing => fly_with(fleet, fleet.pacer(knows), order),
        Knows::SinceYesterday => {
            let (_, pacer) = fly_with(fleet, fleet.pacer(Knows::Nothing), order);
            let stored = serde_json::to_string(&pacer).expect("it is plain data");
            let pacer: Pacer = serde_json::from_str(&stored).expect("it was just written");
            let tonight = fleet.start + Duration::from_secs(30 * 86_400);
            let fleet = Fleet { start: tonight, ..fleet.clone() };
            fly_with(&fleet, pacer.resumed(tonight), order)
        }
    }
}

fn fly_with(fleet: &Fleet, mut pacer: Pacer, order: Order) -> (Flight, Pacer) {
    let limits = BatchLimits { open: fleet.open, ..BatchLimits::default() };
    let mut batch = Batch::new(limits, order);
    let config = config(Limits::default().job);
    let token = token();
    let mut service = Service::new(fleet);
    let mut random = Rng::with_seed(fleet.seed);
    let mut log = Log::new(fleet);
    for number in 0..fleet.exports {
        batch.add(fleet.start, number as u64, job(number, &config));
    }

    let mut now = fleet.start;
    let mut events = Events::new();
    while service.tally.requests < MOST_REQUESTS {
        if events.next_at().is_some_and(|at| at <= now) {
            match events.pop() {
                Some((_, Event::Arrives(sent, mut turn, permit))) => {
                    match exchange(turn.job(), sent, now, &token, &mut service) {
                        Exchanged::Nothing => events.push(now, Event::IsBack(turn, permit, None)),
                        Exchanged::Heard(at, head) => {
                            let at = at + way(fleet, &mut random);
                            events.push(at, Event::IsBack(turn, permit, head));
                        }
                    }
                }
                Some((_, Event::IsBack(turn, permit, head))) => {
                    hear(&mut pacer, now, permit, head);
                    put_back(&mut batch, now, &mut pacer, turn, &mut log);
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
                events.push(now + way(fleet, &mut random), Event::Arrives(now, turn, permit));
            }
            BatchStep::Wait(until) => now = events.next_at().map_or(until, |at| at.min(until)),
            BatchStep::Busy => match events.next_at() {
                Some(at) => now = at,
                None => break,
            },
            BatchStep::Done => break,
        }
    }
    (log.close(fleet, &service), pacer)
}

fn hear(pacer: &mut Pacer, now: Timestamp, permit: Option<Permit>, head: Option<Response<()>>) {
    if let (Some(permit), Some(head)) = (permit, head) {
        pacer.handle_head(now, permit, &head);
    }
}

fn put_back(batch: &mut Batch, now: Timestamp, pacer: &mut Pacer, mut turn: Turn, log: &mut Log) {
    if turn.phase() == Phase::Poll && turn.job().phase() == Phase::Fetch {
        log.found(now, turn.job());
    }
    if let Some(mut ended) = batch.put_back(now, pacer, turn) {
        let has_file = matches!(ended.job.step(now), Step::Done(Ok(_)));
        log.over(now, has_file);
    }
}

/// How long something is on its way.
fn way(fleet: &Fleet, random: &mut Rng) -> Duration {
    let (least, most) = (fleet.latency.start.as_millis(), fleet.latency.end.as_millis());
    if most <= least {
        return fleet.latency.start;
    }
    Duration::from_millis(random.u64(least as u64..most as u64))
}
