//! The pacer that the jobs of a client share.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use export_hyper::{BatchLimits, Event, Pacer, Rate, Rates};
use export_sim::{Config, Endpoint, Fault, Moment, Nth, RetryAfter, Rule, Scenario, Server};
use test_servers::spec;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::in_memory::{self, Disk};
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
#[tokio::test]
async fn jobs_of_a_client_share_one_rate() {
    let server = simulated(Config::default().with_operations_rate(4.0)).await;
    let rates = Rates::unlimited().with_operations(Rate::per_second(4.0));
    let client = builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let export = client.export(spec());
        running.spawn(async move { export.bytes(1 << 20).await.map(drop) });
    }
    for ended in running.join_all().await {
        ended.unwrap();
    }
    assert_eq!(polls(&server), (8, 0));
    let tokens = server.requests();
    assert_eq!(tokens.iter().filter(|it| it.endpoint() == Endpoint::Token).count(), 1);
}

/// Eight jobs have had their turn, and all of them wait for the same token.
#[tokio::test(start_paused = true)]
async fn late_token_does_not_release_a_burst() {
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_secs(20)) };
    let rule = Rule::new(Endpoint::Token, stall).on(Nth::Only(1));
    let config = unlimited().with_scenario(Scenario::default().with_rule(rule));
    let server = in_memory::start(config).await;
    let rates = Rates::unlimited().with_submits(Rate::per_second(1.0));
    let client = in_memory::builder(&server).pacer(Pacer::new(rates)).build().unwrap();
    let mut exports = client.exports(BatchLimits::default(), |_| ready(Ok(Disk::default())));
    for key in 0..8 {
        exports.add(key, client.export(spec())).unwrap();
    }
    while let Some(finished) = exports.next().await {
        finished.outcome.unwrap();
    }
    let requests = server.requests();
    let of = |endpoint| requests.iter().filter(move |it| it.endpoint() == endpoint);
    let token = of(Endpoint::Token).next().unwrap().at();
    let submits: Vec<_> = of(Endpoint::Submit).map(|it| it.at().since(token).as_secs()).collect();
    assert_eq!(submits, [20, 21, 22, 23, 24, 25, 26, 27]);
}

#[tokio::test]
async fn one_429_holds_back_the_other_jobs() {
    let busy = Fault::status_with_retry_after(429, RetryAfter::Seconds(1));
    let rule = Rule::new(Endpoint::Operation, busy).on(Nth::Only(1));
    let config = unlimited().with_scenario(Scenario::default().with_rule(rule));
    let server = simulated(config).await;
    let refused = Arc::new(Notify::new());
    let notify = Arc::clone(&refused);
    let client = builder(&server)
        .on_event(move |event| {
            if matches!(event, Event::Response { status, .. } if *status == 429) {
                notify.notify_one();
            }
        })
        .build()
        .unwrap();
    let mut running = JoinSet::new();
    let first = client.attach("first");
    running.spawn(async move { first.status().await.map(drop) });
    tokio::time::timeout(Duration::from_secs(10), refused.notified()).await.unwrap();
    // Ignores the outcome: there is no such operation.
    let _ = client.attach("second").status().await;
    let requests = server.requests();
    let polls: Vec<_> = requests.iter().filter(|it| it.endpoint() == Endpoint::Operation).collect();
    assert!(polls[1].at().since(polls[0].at()) >= Duration::from_secs(1), "{polls:?}");
}
