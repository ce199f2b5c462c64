//! Clients that share one pacer, such as processes: each has its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::{ClientId, Pacer, Rate, Rates, RequestClass};
use http::Response;

const CLASS: RequestClass = RequestClass::Operation;

/// How often a client asks that waits for its turn.
const ASK_AGAIN: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_date(2026, 11, 27) + Duration::from_millis(millis)
}

fn pacer(operations: Rate) -> Pacer {
    Pacer::new(Rates::default().with_operations(operations))
}

/// As another process finds it.
fn stored(pacer: &Pacer) -> Pacer {
    serde_json::from_str(&serde_json::to_string(pacer).unwrap()).unwrap()
}

/// Takes a turn and sends a request that is admitted.
fn send(pacer: &mut Pacer, now: Timestamp, client: ClientId) -> Result<(), Timestamp> {
    let mut permit = pacer.take_turn(now, CLASS, client, ASK_AGAIN)?;
    pacer.confirm(now, &mut permit)?;
    pacer.handle_head(now, permit, &Response::new(()));
    Ok(())
}

/// What has happened to clients that each wanted so many turns.
#[derive(Debug, Default)]
struct Turns {
    sent: Vec<Timestamp>,
    longest_wait: Duration,
}

/// Runs clients until each had its turns, a second apart at least. `away` says until when one is frozen.
fn run(
    pacer: &mut Pacer,
    clients: u64,
    turns: u32,
    away: impl Fn(Timestamp, ClientId) -> Option<Timestamp>,
) -> Turns {
    let mut queue: BTreeSet<(Timestamp, ClientId)> = (1..=clients).map(|id| (at(0), id)).collect();
    let mut left: BTreeMap<ClientId, (u32, Timestamp)> =
        (1..=clients).map(|id| (id, (turns, at(0)))).collect();
    let mut result = Turns::default();
    while let Some((now, client)) = queue.pop_first() {
        if let Some(until) = away(now, client) {
            queue.insert((until, client));
            continue;
        }
        *pacer = stored(pacer);
        match send(pacer, now, client) {
            Err(later) => {
                assert!(later > now, "{later} is not after {now}");
                queue.insert((later.min(now + ASK_AGAIN), client));
            }
            Ok(()) => {
                result.sent.push(now);
                let (turns, since) = left.get_mut(&client).unwrap();
                result.longest_wait = result.longest_wait.max(now.since(*since));
                (*turns, *since) = (*turns - 1, now + Duration::from_secs(1));
                if *turns > 0 {
                    queue.insert((*since, client));
                }
            }
        }
    }
    result
}

#[test]
fn forty_clients_share_one_rate_fairly() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let Turns { sent, longest_wait } = run(&mut pacer, 40, 5, |_, _| None);
    let expected: Vec<_> = (0..200).map(|second| at(second * 1_000)).collect();
    assert_eq!(sent, expected);
    assert!(longest_wait <= Duration::from_secs(40), "{longest_wait:?}");
}

#[test]
fn fast_rate_is_used_up_by_several_clients() {
    let mut pacer = pacer(Rate::per_second(50.0));
    let Turns { sent, .. } = run(&mut pacer, 100, 5, |_, _| None);
    let last = sent.last().unwrap().since(at(0));
    // Four are sent at once at the start.
    assert!(last >= Duration::from_millis(9_900) && last <= Duration::from_millis(10_000));
}

/// Those who come later do not wait for the dead, which have missed their turns.
#[test]
fn killed_clients_lose_their_places() {
    let mut pacer = pacer(Rate::per_second(1.0));
    for killed in 1..=40 {
        let _ = pacer.take_turn(at(0), CLASS, killed, ASK_AGAIN);
    }
    assert_eq!(send(&mut pacer, at(1_000), 50), Err(at(39_020)));
    assert!(send(&mut pacer, at(1_019), 50).is_err());
    assert_eq!(send(&mut pacer, at(1_020), 50), Ok(()));
}

/// Each asks once before its turn, when that of one before it may be free.
#[test]
fn turn_of_a_killed_client_is_not_lost() {
    let mut pacer = pacer(Rate::per_second(1.0));
    send(&mut pacer, at(0), 1).unwrap();
    let killed = 2;
    assert_eq!(send(&mut pacer, at(0), killed), Err(at(1_000)));
    assert_eq!(send(&mut pacer, at(0), 3), Err(at(1_020)));
    assert_eq!(send(&mut pacer, at(0), 4), Err(at(2_020)));
    assert_eq!(send(&mut pacer, at(1_000), 4), Err(at(2_020)));
    assert_eq!(send(&mut pacer, at(1_020), 3), Ok(()));
    assert_eq!(send(&mut pacer, at(1_020), 3), Err(at(2_040)));
    assert_eq!(send(&mut pacer, at(2_020), 4), Ok(()));
    assert_eq!(send(&mut pacer, at(2_040), 3), Err(at(3_020)));
}

/// Its machine is busy, or the store far away.
#[test]
fn client_that_always_asks_late_has_its_turns() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let mut asks = BTreeMap::from([(1, at(0)), (2, at(0))]);
    let mut turns = BTreeMap::from([(1, 0), (2, 0)]);
    for _ in 0..200 {
        let (client, now) =
            asks.iter().map(|(client, now)| (*client, *now)).min_by_key(|it| it.1).unwrap();
        let late = Duration::from_millis(if client == 2 { 25 } else { 0 });
        let next = match send(&mut pacer, now, client) {
            Ok(()) => {
                *turns.get_mut(&client).unwrap() += 1;
                now
            }
            Err(later) => later.min(now + ASK_AGAIN),
        };
        asks.insert(client, next.max(now) + late);
    }
    assert!(turns[&2] * 3 >= turns[&1], "{turns:?}");
}

/// One in front was told when to ask, and sleeps until then.
#[test]
fn rate_that_has_risen_is_used_by_those_behind() {
    let mut pacer = pacer(Rate::per_second(1.0));
    send(&mut pacer, at(0), 1).unwrap();
    for (sleeper, told) in [(2, 1_000), (3, 1_020), (4, 2_020)] {
        let turn = pacer.take_turn(at(0), CLASS, sleeper, Duration::from_secs(10));
        assert_eq!(turn.unwrap_err(), at(told));
    }
    pacer.adopt(at(0), Rates::default().with_operations(Rate::per_second(10.0)));
    assert_eq!(send(&mut pacer, at(1_000), 2), Ok(()));
    assert_eq!(send(&mut pacer, at(1_020), 3), Err(at(1_100)));
    assert_eq!(send(&mut pacer, at(1_100), 3), Ok(()));
    assert_eq!(send(&mut pacer, at(1_100), 5), Err(at(1_300)));
    assert_eq!(send(&mut pacer, at(1_300), 5), Ok(()));
}

/// Those that are frozen at the head of the line delay the others by few turns, and have theirs later.
#[test]
fn frozen_clients_do_not_stop_the_others() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let is_frozen = |now: Timestamp, client| client <= 10 && now >= at(9_500) && now < at(60_000);
    let Turns { sent, longest_wait } =
        run(&mut pacer, 40, 5, |now, client| is_frozen(now, client).then(|| at(60_000)));
    let last = sent.last().unwrap().since(at(0)).as_secs();
    assert!(last <= 199 + 6, "{last}");
    assert!(sent.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_secs(1)));
    // Including that of the frozen ones.
    assert!(longest_wait <= Duration::from_secs(95), "{longest_wait:?}");
}

#[test]
fn one_429_holds_back_all_clients_in_their_order() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let mut permit = pacer.take_turn(at(0), CLASS, 1, ASK_AGAIN).unwrap();
    pacer.confirm(at(0), &mut permit).unwrap();
    assert_eq!(send(&mut pacer, at(0), 2), Err(at(1_000)));
    assert_eq!(send(&mut pacer, at(0), 3), Err(at(1_020)));
    let busy = Response::builder().status(429).header("retry-after", "5").body(()).unwrap();
    pacer.handle_head(at(500), permit, &busy);
    assert!(send(&mut pacer, at(1_000), 2).unwrap_err() >= at(5_500));
    assert!(send(&mut pacer, at(1_000), 3).unwrap_err() >= at(5_520));
    let mut pacer = stored(&pacer);
    for second in 2..=5 {
        for client in [3, 2] {
            assert!(send(&mut pacer, at(second * 1_000), client).is_err());
        }
    }
    assert!(send(&mut pacer, at(5_500), 3).is_err());
    assert_eq!(send(&mut pacer, at(5_500), 2), Ok(()));
}

/// Its token came late: another client has used the rate.
#[test]
fn client_that_cannot_confirm_keeps_its_turn() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let mut late = pacer.take_turn(at(0), CLASS, 1, ASK_AGAIN).unwrap();
    assert_eq!(send(&mut pacer, at(1_000), 2), Ok(()));
    assert_eq!(send(&mut pacer, at(1_100), 3), Err(at(2_000)));
    assert_eq!(pacer.confirm(at(1_500), &mut late), Err(at(2_000)));
    late.keep_turn();
    pacer.release(late);
    assert_eq!(send(&mut pacer, at(2_000), 3), Err(at(2_020)));
    assert_eq!(send(&mut pacer, at(2_000), 1), Ok(()));
}

#[test]
fn client_that_leaves_gives_up_its_place() {
    let mut pacer = pacer(Rate::per_second(1.0));
    send(&mut pacer, at(0), 1).unwrap();
    assert_eq!(send(&mut pacer, at(0), 2), Err(at(1_000)));
    assert_eq!(send(&mut pacer, at(0), 3), Err(at(1_020)));
    pacer.leave(CLASS, 2);
    assert_eq!(send(&mut pacer, at(1_000), 3), Ok(()));
}

#[test]
fn known_limit_applies_to_those_that_know_none() {
    let rate = |pacer: &Pacer| pacer.per_second(CLASS);
    let known = |limit| Rates::default().with_operations(Rate::per_second(limit));
    let mut pacer = Pacer::new(known(5.0));
    send(&mut pacer, at(0), 1).unwrap();
    pacer.adopt(at(59_000), Rates::default());
    assert_eq!(rate(&pacer), Some(5.0));
    pacer.adopt(at(59_000), known(2.0));
    assert_eq!(rate(&pacer), Some(2.0));
    // It was for the commands of that time.
    pacer.adopt(at(61_000), Rates::default());
    assert_eq!(rate(&pacer), Some(1.0));
}

#[test]
fn limit_that_was_learned_is_kept() {
    let mut pacer = Pacer::default();
    for second in 0..30 {
        send(&mut pacer, at(second * 1_000), 1).unwrap();
    }
    let learned = pacer.clone();
    assert!(learned.per_second(CLASS) > Some(1.0), "{learned:?}");
    pacer.adopt(at(86_400_000), Rates::default());
    assert_eq!(pacer, learned);
}
