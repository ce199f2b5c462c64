//! The pacer that the jobs of a client share.

use std::io;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use export_sim::{Config, Endpoint, Fault, Moment, Nth, RetryAfter, Rule, Scenario, Server};
use export_ureq::{BatchLimits, Event, Pacer, Rate, Rates, WriteSink};
use test_servers::spec;

use crate::simulated::{builder, simulated, unlimited};

/// The number of polls, and how many of them were answered 429.
fn polls(server: &Server) -> (usize, usize) {
    let requests = server.requests();
    let polls = || requests.iter().filter(|it| it.endpoint() == Endpoint::Operation);
    let refused = polls().filter(|it| it.status().is_some_and(|status| status == 429));
    (polls().count(), refused.count())
}

/// The service admits four polls a second, and so four at once at first. All eight become due at
/// the same time.
#[test]
fn jobs_of_a_client_share_one_rate() {
    let server = simulated(Config::default().with_operations_rate(4.0));
    let rates = Rates::unlimited().with_operations(Rate::per_second(4.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.export(spec()).bytes(1 << 20).unwrap());
        }
    });
    assert_eq!(polls(&server), (8, 0));
    let tokens = server.requests();
    assert_eq!(tokens.iter().filter(|it| it.endpoint() == Endpoint::Token).count(), 1);
}

/// Eight jobs have had their turn, and all of them wait for the same token.
#[test]
fn late_token_does_not_release_a_burst() {
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_secs(1)) };
    let rule = Rule::new(Endpoint::Token, stall).on(Nth::Only(1));
    let config = unlimited().with_scenario(Scenario::default().with_rule(rule));
    let server = simulated(config);
    let rates = Rates::unlimited().with_submits(Rate::per_second(10.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let open = |_| Ok(WriteSink::new(io::sink()));
    let mut exports = client.exports(BatchLimits::default(), open);
    for key in 0..8 {
        exports.add(key, client.export(spec())).unwrap();
    }
    let outcomes: Vec<_> = exports.map(|finished| finished.outcome).collect();
    assert!(outcomes.len() == 8 && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let requests = server.requests();
    let submits: Vec<_> = requests.iter().filter(|it| it.endpoint() == Endpoint::Submit).collect();
    let took = submits[7].at().since(submits[0].at());
    assert!(took >= Duration::from_millis(650), "{took:?}");
}

#[test]
fn one_429_holds_back_the_other_jobs() {
    let busy = Fault::status_with_retry_after(429, RetryAfter::Seconds(1));
    let rule = Rule::new(Endpoint::Operation, busy).on(Nth::Only(1));
    let config = unlimited().with_scenario(Scenario::default().with_rule(rule));
    let server = simulated(config);
    let (refused, receiver) = mpsc::channel();
    let refused = Mutex::new(refused);
    let client = builder(&server)
        .on_event(move |event| {
            if matches!(event, Event::Response { status, .. } if *status == 429) {
                let _ = refused.lock().unwrap().send(());
            }
        })
        .build()
        .unwrap();
    thread::scope(|scope| {
        // Ignores the outcomes: there are no such operations.
        scope.spawn(|| client.attach("first").status().is_ok());
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        let _ = client.attach("second").status();
    });
    let requests = server.requests();
    let polls: Vec<_> = requests.iter().filter(|it| it.endpoint() == Endpoint::Operation).collect();
    assert!(polls[1].at().since(polls[0].at()) >= Duration::from_secs(1), "{polls:?}");
}
