//! A pacer against services that count.

use std::time::Duration;

use export_core::{Pacer, Rate, Rates, RequestClass, Timestamp};
use proptest::prelude::*;

use crate::limiter::{CLASS, Limiter, START, Sent, at, head, saturate};

fn pacer(rate: Rate) -> Pacer {
    Pacer::new(Rates { operations: rate, ..Rates::default() })
}

fn at_once(_: usize) -> (u64, u64) {
    (0, 0)
}

/// Against a limit of so many a second, with so many at once, for so many seconds.
fn against(rate: Rate, per_second: u64, burst: u64, seconds: u64) -> Sent {
    let mut limiter = Limiter::new(per_second, burst);
    saturate(&mut pacer(rate), 0, seconds * 1_000, at_once, |now| limiter.answer(now))
}

#[test]
fn explore() {
    for (r, b) in [
        (1, 1),
        (1, 60),
        (2, 1),
        (3, 1),
        (5, 1),
        (5, 5),
        (10, 1),
        (10, 600),
        (50, 1),
        (50, 50),
        (100, 100),
        (500, 500),
    ] {
        let sent = against(Rate::learnt(1.0), r, b, 1000);
        let when: Vec<u64> =
            sent.refused.iter().map(|t| t.since(START).as_millis() as u64).collect();
        println!(
            "{r}/s burst {b}: {} sent, refused {:?} {}; 600..1000 s: {:.3} of the limit",
            sent.at.len(),
            &when[..when.len().min(12)],
            when.len(),
            sent.admitted_between(600_000, 1_000_000) as f64 / (400.0 * r as f64)
        );
    }
    for (told, r, b) in
        [(5.0, 4, 4), (5.0, 4, 1), (50.0, 10, 10), (1.0, 1, 1), (5.0, 5, 5), (50.0, 50, 50)]
    {
        let sent = against(Rate::per_second(told), r, b, 1000);
        let when: Vec<u64> =
            sent.refused.iter().map(|t| t.since(START).as_millis() as u64).collect();
        println!(
            "told {told}, is {r}/s burst {b}: {} sent, refused {:?} {}; 600..1000 s: {:.3} of the limit",
            sent.at.len(),
            &when[..when.len().min(12)],
            when.len(),
            sent.admitted_between(600_000, 1_000_000) as f64 / (400.0 * r as f64)
        );
    }
}

#[test]
fn trace() {
    let mut limiter = Limiter::new(10, 600);
    let mut pacer = pacer(Rate::learnt(1.0));
    let sent = saturate(&mut pacer, 0, 78_900, at_once, |now| {
        let a = limiter.answer(now);
        if now > at(77_400) {
            println!("{} {a:?}", now.since(START).as_millis());
        }
        a
    });
    println!("{pacer:?} {}", sent.at.len());
}
