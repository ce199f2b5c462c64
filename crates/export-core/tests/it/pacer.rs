//! The pacer against simulated rate limits.

use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::{Pacer, Rate, Rates, RequestClass};
use proptest::prelude::*;

use crate::limiter::{CLASS, Limiter, START, Sent, at, head, saturate, saturate_class, take};

fn pacer(rate: Rate) -> Pacer {
    Pacer::new(Rates::default().with_operations(rate))
}

fn at_once(_: usize) -> (u64, u64) {
    (0, 0)
}

/// Sends at most what the pacer allows to a token bucket, for this time.
fn against(rate: Rate, per_second: u64, burst: u64, seconds: u64) -> Sent {
    let mut limiter = Limiter::new(per_second, burst);
    saturate(&mut pacer(rate), 0, seconds * 1_000, at_once, |now| limiter.answer(now))
}

#[test]
fn known_limit_is_used_up_and_never_exceeded() {
    for (per_second, burst) in [(1, 1), (3, 1), (5, 5), (7, 3), (50, 50), (600, 10)] {
        let rate = Rate::per_second(per_second as f64).with_burst(burst as u32);
        let sent = against(rate, per_second, burst, 600);
        assert_eq!(sent.refused, [], "{per_second}/s");
        // Without slack, rounding up to milliseconds loses a little.
        let expected = burst + per_second * 600;
        let share = sent.at.len() as f64 / expected as f64;
        assert!((0.995..=1.0).contains(&share), "{per_second}/s: {share}");
    }
}

/// The rate reaches the limit after a few 429s, and causes none afterwards.
#[test]
fn unknown_limit_is_found_within_a_few_429s() {
    for (per_second, burst) in
        [(1, 1), (1, 60), (2, 1), (3, 1), (5, 1), (5, 5), (10, 1), (10, 600), (50, 1), (50, 50)]
    {
        let sent = against(Rate::learned(1.0), per_second, burst, 1_000);
        let name = format!("{per_second}/s, {burst} at once");
        assert!(sent.refused.len() <= 9, "{name}: {:?}", sent.refused);
        assert_eq!(sent.refused_after(2_500_000), 0, "{name}");
        let share = sent.admitted_between(600_000, 1_000_000) as f64 / (400 * per_second) as f64;
        assert!(share > 0.95, "{name}: {share}");
    }
}

/// A service that saves up what it allows in a second.
#[test]
fn unknown_limit_is_measured_with_three_429s() {
    for per_second in [1_u64, 2, 3, 5, 7, 10, 20, 50, 100] {
        let sent = against(Rate::learned(1.0), per_second, per_second, 600);
        assert!(sent.refused.len() <= 3, "{per_second}/s: {:?}", sent.refused);
        let share = sent.admitted_between(60_000, 600_000) as f64 / (540 * per_second) as f64;
        assert!(share > 0.96, "{per_second}/s: {share}");
    }
}

#[test]
fn initial_rate_doubles_until_the_first_429() {
    let sent = against(Rate::learned(1.0), 1_000, 1_000, 20);
    assert_eq!(sent.refused, []);
    let count = |from: u64, to: u64| sent.admitted_between(from * 1_000, to * 1_000);
    // Eight requests at 1, 2 and 4 a second, and then a second at each rate.
    assert_eq!((count(0, 8), count(9, 11), count(13, 15)), (8, 4, 8));
    let fast = count(18, 19);
    assert!((64..=80).contains(&fast), "{fast} in a second");
}

/// Without a second 429, the first one says little.
#[test]
fn single_429_at_the_start_costs_a_third_for_half_a_minute() {
    let mut pacer = pacer(Rate::learned(1.0));
    let mut limiter = Limiter::new(20, 20);
    let mut is_first = true;
    let sent = saturate(&mut pacer, 0, 120_000, at_once, |now| {
        if now >= at(10_000) && std::mem::take(&mut is_first) {
            return (429, Some(1));
        }
        limiter.answer(now)
    });
    // It was at 2 a second.
    assert!((30..45).contains(&sent.admitted_between(11_000, 41_000)));
    let share = sent.admitted_between(60_000, 120_000) as f64 / 1_200.0;
    assert!(share > 0.9, "{share}");
}

#[test]
fn too_high_rate_is_lowered_to_the_limit() {
    for (known, per_second, burst) in [(5.0, 4, 4), (5.0, 4, 1), (50.0, 10, 10), (2.0, 1, 1)] {
        let sent = against(Rate::per_second(known), per_second, burst, 3_500);
        let name = format!("known {known}, allowed {per_second}");
        assert!(sent.refused.len() <= 9, "{name}: {:?}", sent.refused);
        assert_eq!(sent.refused_after(2_500_000), 0, "{name}");
        let share = sent.admitted_between(600_000, 1_000_000) as f64 / (400 * per_second) as f64;
        assert!(share > 0.95, "{name}: {share}");
    }
}

#[test]
fn refused_rate_is_retried_after_1_2_4_hours() {
    let sent = against(Rate::learned(1.0), 5, 5, 40_000);
    let hours: Vec<u64> =
        sent.refused.iter().map(|time| time.since(START).as_secs() / 3_600).collect();
    let mut tried = hours.clone();
    tried.dedup();
    assert!(tried.len() <= 5 && hours.len() <= 16, "{hours:?}");
    assert!(hours.iter().any(|hour| *hour > 0), "it is tried: {hours:?}");
}

#[test]
fn raised_limit_is_used_eventually() {
    let mut pacer = pacer(Rate::learned(1.0));
    let mut limiter = Limiter::new(2, 2);
    saturate(&mut pacer, 0, 1_000_000, at_once, |now| limiter.answer(now));
    assert!(pacer.per_second(CLASS).unwrap() < 2.1);
    limiter.per_second = 4;
    saturate(&mut pacer, 1_000_000, 200_000_000, at_once, |now| limiter.answer(now));
    assert!(pacer.per_second(CLASS).unwrap() > 2.3, "{:?}", pacer.per_second(CLASS));
}

/// During an outage only probes are sent.
#[test]
fn outage_leaves_the_rate_unchanged() {
    let mut pacer = pacer(Rate::per_second(50.0));
    let before = pacer.per_second(CLASS);
    let outage = at(10_000)..at(130_000);
    let sent = saturate(
        &mut pacer,
        0,
        300_000,
        |_| (40, 40),
        |now| {
            if outage.contains(&now) { (429, Some(1)) } else { (200, None) }
        },
    );
    // Those under way when it began, and one every four seconds, of 6,000 that were due.
    assert!(sent.refused.len() <= 40, "{:?}", sent.refused.len());
    assert_eq!(pacer.per_second(CLASS), before);
    let after = sent.admitted_between(200_000, 300_000);
    assert!(after >= 4_990, "{after} of 5,000");
}

/// The same if the first 429 of the outage was taken for a limit, since another one came shortly
/// before it.
#[test]
fn outage_takes_back_its_first_cut() {
    let mut pacer = pacer(Rate::per_second(5.0));
    let outage = at(12_000)..at(60_000);
    saturate(&mut pacer, 0, 11_990, at_once, |now| {
        if (at(10_000)..at(10_190)).contains(&now) { (429, Some(1)) } else { (200, None) }
    });
    saturate(&mut pacer, 12_000, 12_900, at_once, |_| (429, Some(1)));
    let lowered = pacer.per_second(CLASS).unwrap();
    assert!(lowered < 4.0, "{lowered}");
    saturate(&mut pacer, 13_000, 90_000, at_once, |now| {
        if outage.contains(&now) { (429, Some(1)) } else { (200, None) }
    });
    assert_eq!(pacer.per_second(CLASS), Some(5.0));
}

/// Two requests are under way, and the answer to one has a far longer `Retry-After`.
#[test]
fn admitted_request_does_not_end_a_hold() {
    for rate in [Rate::per_second(10.0).with_burst(2), Rate::unlimited()] {
        let mut pacer = pacer(rate);
        let first = take(&mut pacer, START, CLASS).unwrap();
        let second = take(&mut pacer, START, CLASS).unwrap();
        pacer.handle_head(at(10), first, &head(429, Some(1)));
        let third = take(&mut pacer, at(1_010), CLASS).unwrap();
        let mut fourth = pacer.reserve(at(1_010), CLASS);
        pacer.handle_head(at(1_020), second, &head(429, Some(30)));
        pacer.handle_head(at(1_030), third, &head(200, None));
        assert!(pacer.confirm(at(5_000), &mut fourth).unwrap_err() >= at(31_020));
        assert!(take(&mut pacer, at(5_000), CLASS).unwrap_err() >= at(31_020));
    }
}

/// 429s that no rate avoids.
#[test]
fn random_429s_do_not_lower_the_rate_for_good() {
    let mut pacer = pacer(Rate::per_second(20.0));
    let mut random = 1_u64;
    saturate(&mut pacer, 0, 2_000_000, at_once, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if random >> 33 & 127 == 0 { (429, Some(1)) } else { (200, None) }
    });
    assert!(pacer.per_second(CLASS).unwrap() > 15.0, "{:?}", pacer.per_second(CLASS));
}

#[test]
fn one_429_delays_all_reservations() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let mut permits: Vec<_> = (0..10).map(|_| pacer.reserve(START, CLASS)).collect();
    let times: Vec<_> = permits.iter().map(|permit| permit.at().since(START).as_secs()).collect();
    assert_eq!(times, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    let mut first = permits.remove(0);
    pacer.confirm(START, &mut first).unwrap();
    pacer.handle_head(START, first, &head(429, Some(7)));
    assert_eq!(pacer.held_until(START, CLASS), Some(at(7_000)));
    let later: Vec<_> = permits
        .iter_mut()
        .map(|permit| pacer.confirm(permit.at(), permit).unwrap_err().since(START).as_secs())
        .collect();
    // In the same order, one by one.
    assert_eq!(later, [8, 9, 10, 11, 12, 13, 14, 15, 16]);

    // Other classes have their own limit.
    assert_eq!(pacer.earliest(START, RequestClass::Download), START);
}

#[test]
fn late_answer_delays_the_next_request() {
    let mut pacer = pacer(Rate::per_second(1.0));
    for second in (0..40).step_by(2) {
        let permit = take(&mut pacer, at(second * 1_000), CLASS).unwrap();
        pacer.handle_head(at(second * 1_000 + 50), permit, &head(200, None));
    }
    // The service may have counted this one 300 ms later than usual.
    let permit = take(&mut pacer, at(40_000), CLASS).unwrap();
    pacer.handle_head(at(40_350), permit, &head(200, None));
    let next = pacer.earliest(at(40_350), CLASS);
    assert!((at(41_300)..=at(41_316)).contains(&next), "{next}");
}

/// A checkpoint was stored first, which may take no time before the next request.
#[test]
fn next_request_is_due_after_the_last_was_sent() {
    let mut pacer = pacer(Rate::per_second(1.0));
    for second in (0..40).step_by(2) {
        let mut permit = take(&mut pacer, at(second * 1_000), CLASS).unwrap();
        permit.sent_at(at(second * 1_000 + 100));
        pacer.handle_head(at(second * 1_000 + 150), permit, &head(200, None));
    }
    assert_eq!(pacer.earliest(at(38_150), CLASS), at(39_100));
}

/// The reason for the above: evenly spaced requests whose latency varies.
#[test]
fn varying_latency_causes_no_429() {
    let mut limiter = Limiter::new(1, 1);
    let mut random = 7_u64;
    let sent = saturate(
        &mut pacer(Rate::per_second(1.0)),
        0,
        600_000,
        |_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let delay = if random >> 60 == 0 { (random >> 33) % 600 } else { (random >> 33) % 4 };
            (20 + delay, 20 + (random >> 43) % 4)
        },
        |now| limiter.answer(now),
    );
    assert_eq!(sent.refused, []);
    assert!(sent.at.len() > 550, "{}", sent.at.len());
}

#[test]
fn unused_permit_goes_to_the_next_request() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let permit = pacer.try_reserve(START, CLASS).unwrap();
    assert_eq!(pacer.try_reserve(START, CLASS).unwrap_err(), at(1_000));
    pacer.release(permit);
    let permit = take(&mut pacer, START, CLASS).unwrap();
    // It was confirmed: the service may have counted its request.
    pacer.release(permit);
    assert_eq!(take(&mut pacer, START, CLASS).unwrap_err(), at(1_000));

    let reserved = pacer.reserve(START, CLASS);
    assert_eq!(reserved.at(), at(1_000));
    pacer.release(reserved);
    assert_eq!(pacer.earliest(START, CLASS), at(1_000));
}

#[test]
fn lost_permit_wastes_one_slot() {
    let mut pacer = pacer(Rate::per_second(1.0));
    drop(pacer.reserve(START, CLASS));
    drop(take(&mut pacer, at(1_000), CLASS).unwrap());
    drop(take(&mut pacer, at(2_000), CLASS).unwrap());
    assert!(take(&mut pacer, at(3_000), CLASS).is_ok());
}

#[test]
fn server_errors_do_not_change_the_rate() {
    let mut pacer = pacer(Rate::learned(1.0));
    let before = pacer.clone();
    for second in 0..200 {
        let permit = take(&mut pacer, at(second * 1_000), CLASS).unwrap();
        pacer.handle_head(at(second * 1_000), permit, &head(503, None));
    }
    assert_eq!(pacer.per_second(CLASS), before.per_second(CLASS));
}

#[test]
fn learnt_rate_survives_a_restart() {
    let mut limiter = Limiter::new(5, 5);
    let mut pacer = pacer(Rate::learned(1.0));
    saturate(&mut pacer, 0, 1_000_000, at_once, |now| limiter.answer(now));
    let learned = pacer.per_second(CLASS).unwrap();
    assert!((4.7..=5.0).contains(&learned), "{learned}");

    let stored = serde_json::to_string(&pacer).unwrap();
    assert!(stored.len() < 4_096, "{} bytes", stored.len());
    let back: Pacer = serde_json::from_str(&stored).unwrap();
    assert_eq!(back.per_second(CLASS), Some(learned));
    // With the clock set back by a day, requests are held for an hour at most.
    let yesterday = Timestamp::from_millis(START.as_millis() - 86_400_000);
    let held = back.clone().resumed(yesterday).earliest(yesterday, CLASS).since(yesterday);
    assert!(held <= Duration::from_secs(3_600), "{held:?}");
    let mut back = back.resumed(at(4_000_000));
    let mut limiter = Limiter::new(5, 5);
    let sent = saturate(&mut back, 4_000_000, 4_300_000, at_once, |now| limiter.answer(now));
    let share = sent.admitted_between(4_000_000, 4_300_000) as f64 / 1_500.0;
    assert!(sent.refused.len() <= 4 && share > 0.93, "{:?} {share}", sent.refused);
}

/// The last 429 of the other process is in the future then; later ones must not be ignored.
#[test]
fn clock_set_back_does_not_stop_learning() {
    let mut pacer = pacer(Rate::per_second(5.0));
    let tomorrow = 86_400_000;
    saturate(&mut pacer, tomorrow, tomorrow + 20_000, at_once, |now| {
        if now < at(tomorrow + 100) { (429, Some(1)) } else { (200, None) }
    });
    let mut limiter = Limiter::new(2, 2);
    let mut pacer = pacer.resumed(START);
    saturate(&mut pacer, 0, 8_000_000, at_once, |now| limiter.answer(now));
    assert!(pacer.per_second(CLASS).unwrap() < 2.2, "{:?}", pacer.per_second(CLASS));
}

#[test]
fn long_retry_after_holds_for_an_hour() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let permit = take(&mut pacer, START, CLASS).unwrap();
    pacer.handle_head(START, permit, &head(429, Some(u64::MAX / 1_000)));
    assert_eq!(pacer.earliest(START, CLASS), at(3_600_000));
}

#[test]
fn invalid_rates_are_clamped() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300, 1e300] {
        for rate in [Rate::per_second(rate), Rate::learned(rate), Rate::per_minute(rate)] {
            for rate in [rate, rate.with_burst(0), rate.with_burst(u32::MAX)] {
                let mut pacer = pacer(rate);
                for time in [0, 1, u64::MAX / 2, u64::MAX] {
                    let now = Timestamp::from_millis(time);
                    for status in [200, 429] {
                        let mut permit = pacer.reserve(now, CLASS);
                        if pacer.confirm(now, &mut permit).is_ok() {
                            pacer.handle_head(now, permit, &head(status, Some(1)));
                        } else {
                            pacer.release(permit);
                        }
                    }
                    assert!(pacer.earliest(now, CLASS) >= now);
                }
                assert!(!rate.to_string().is_empty());
            }
        }
    }
    assert_eq!(Rate::per_second(f64::NAN), Rate::per_second(1.0 / 600.0));
}

/// A call of the pacer, or time that passes.
#[derive(Clone, Copy, Debug)]
enum Call {
    Pass(u16),
    Take,
    Reserve,
    TryReserve,
    Confirm,
    Answer(u16, Option<u64>),
    Lose,
    Release,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..3_000_u16).prop_map(Call::Pass),
        Just(Call::Take),
        Just(Call::Reserve),
        Just(Call::TryReserve),
        Just(Call::Confirm),
        (prop_oneof![Just(200_u16), Just(429), Just(503)], proptest::option::of(0..20_u64))
            .prop_map(|(status, retry_after)| Call::Answer(status, retry_after)),
        Just(Call::Lose),
        Just(Call::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In any sequence of calls, no request is sent during a hold or above the known rate, and the
    /// time to try again is never in the past.
    #[test]
    fn random_calls_never_exceed_the_limit(
        calls in proptest::collection::vec(call(), 0..200),
        per_second in 1..20_u32,
        burst in 1..5_u32,
    ) {
        let rate = Rate::per_second(f64::from(per_second)).with_burst(burst);
        let mut pacer = pacer(rate);
        let mut now = START;
        let (mut held, mut reserved, mut sent) = (START, Vec::new(), Vec::new());
        let mut times: Vec<Timestamp> = Vec::new();
        for call in calls {
            match call {
                Call::Pass(millis) => now = now + Duration::from_millis(u64::from(millis)),
                Call::Take => match take(&mut pacer, now, CLASS) {
                    Ok(permit) => {
                        prop_assert!(now >= held, "{now} is before {held}");
                        times.push(now);
                        sent.push(permit);
                    }
                    Err(later) => prop_assert!(later > now),
                },
                Call::Reserve => reserved.push(pacer.reserve(now, CLASS)),
                Call::Confirm => if let Some(mut permit) = reserved.pop() {
                    match pacer.confirm(now, &mut permit) {
                        Ok(()) => {
                            prop_assert!(now >= held, "{now} is before {held}");
                            times.push(now);
                            sent.push(permit);
                        }
                        Err(later) => {
                            prop_assert!(later > now);
                            reserved.push(permit);
                        }
                    }
                },
                Call::Answer(status, retry_after) => if let Some(permit) = sent.pop() {
                    pacer.handle_head(now, permit, &head(status, retry_after));
                    if let (429, Some(seconds)) = (status, retry_after) {
                        held = held.max(now + Duration::from_secs(seconds));
                    }
                },
                Call::Lose => drop(sent.pop()),
                Call::TryReserve => match pacer.try_reserve(now, CLASS) {
                    Ok(permit) => reserved.push(permit),
                    Err(later) => prop_assert!(later > now),
                },
                Call::Release => if let Some(permit) = reserved.pop().or_else(|| sent.pop()) {
                    pacer.release(permit);
                },
            }
            prop_assert!(pacer.earliest(now, CLASS) >= now.max(held));
        }
        for (index, from) in times.iter().enumerate() {
            for (count, to) in times[index..].iter().enumerate() {
                let earned = to.since(*from).as_secs_f64() * f64::from(per_second);
                prop_assert!(count as f64 <= earned + f64::from(burst) + 1e-6);
            }
        }
    }
}

/// The first request after a hold is alone until it is answered: the service saves up meanwhile.
/// That must not look like a pause of the client, after which no 429 says anything about the rate.
#[test]
fn limit_is_measured_despite_latency() {
    let mut limiter = Limiter::new(5, 5);
    let mut pacer = pacer(Rate::learned(1.0));
    let sent = saturate(&mut pacer, 0, 300_000, |_| (100, 100), |now| limiter.answer(now));
    assert!(sent.refused.len() <= 7, "{:?}", sent.refused);
    let rate = pacer.per_second(CLASS).unwrap();
    assert!((4.7..5.1).contains(&rate), "{rate}");
}

/// The pacer that the previous version has stored.
#[test]
fn pacer_of_earlier_version_is_loaded() {
    let lane = serde_json::json!({
        "rate": { "interval": 1_000_000, "burst": null, "is_learned": true },
        "learning": {
            "pace": { "interval": 203_784, "refused": 195_000, "doubtful_at": 1_772_327_000_000_u64,
                "confirmed": 0 },
            "before": null, "proven": 207_000, "good": 203_784, "is_even": false, "ignored": 0,
            "surprises": 0, "tolerated": 1, "steady": 12, "changed": 1_772_323_300_000_u64,
            "refused_at": 1_772_323_290_000_u64,
            "count": { "admitted": 60, "since": 1_772_323_290_000_u64 },
            "recent": { "start": 0, "admitted": 0, "before": 0 }, "longest": 110, "streak": 0,
        },
        "next": 1_772_323_600_000_000_u64,
        "held_until": 1_772_323_291_000_u64,
    });
    let stored =
        serde_json::json!({ "submit": lane.clone(), "operations": lane.clone(), "download": lane });
    let pacer: Pacer = serde_json::from_value(stored).unwrap();
    assert_eq!(pacer.per_second(CLASS), Some(4.91));
}

/// Because another client now uses the same token, for example.
#[test]
fn lowered_limit_is_noticed_at_once() {
    let mut pacer = pacer(Rate::per_second(5.0));
    let mut limiter = Limiter::new(5, 5);
    saturate(&mut pacer, 0, 600_000, at_once, |now| limiter.answer(now));
    let mut limiter = Limiter::new(2, 2);
    let sent = saturate(&mut pacer, 600_000, 1_600_000, at_once, |now| limiter.answer(now));
    assert!(sent.refused.len() <= 6, "{:?}", sent.refused);
    let share = sent.admitted_between(1_000_000, 1_600_000) as f64 / 1_200.0;
    assert!(share > 0.95, "{share}");
}

/// Ten requests had their turn, and then all of them waited for one token.
#[test]
fn late_permits_are_confirmed_at_the_rate() {
    let mut pacer = pacer(Rate::per_second(10.0));
    let permits = (0..10).map(|n| (at(930), n, pacer.try_reserve(at(n * 100), CLASS).unwrap()));
    let mut waiting: Vec<_> = permits.collect();
    let mut sent = Vec::new();
    while !waiting.is_empty() {
        waiting.sort_unstable_by_key(|(at, number, _)| (*at, *number));
        let (now, number, mut permit) = waiting.remove(0);
        match pacer.confirm(now, &mut permit) {
            Ok(()) => sent.push(now),
            Err(later) => waiting.push((later, number, permit)),
        }
    }
    assert_eq!(sent, (0..10).map(|n| at(930 + n * 100)).collect::<Vec<_>>());
    assert_eq!(pacer.earliest(at(930), CLASS), at(1_930));
}

/// The same in a batch, which releases what it cannot send yet.
#[test]
fn late_permits_that_are_released_leave_no_gap() {
    let mut pacer = pacer(Rate::per_second(1.0));
    let mut permits: Vec<_> =
        (0..32).map(|n| pacer.try_reserve(at(n * 1_000), CLASS).unwrap()).collect();
    let mut first = permits.remove(0);
    assert_eq!(pacer.confirm(at(31_500), &mut first), Ok(()));
    for mut permit in permits {
        assert_eq!(pacer.confirm(at(31_500), &mut permit), Err(at(32_500)));
        pacer.release(permit);
    }
    for n in 0..31 {
        assert_eq!(
            take(&mut pacer, at(31_501 + n * 1_000), CLASS).unwrap_err(),
            at(32_500 + n * 1_000)
        );
        assert!(take(&mut pacer, at(32_500 + n * 1_000), CLASS).is_ok());
    }
}

#[test]
fn without_a_limit_a_permit_is_never_late() {
    let mut pacer = pacer(Rate::unlimited());
    let mut permit = pacer.try_reserve(START, CLASS).unwrap();
    assert_eq!(pacer.confirm(at(3_600_000), &mut permit), Ok(()));
}

#[test]
fn downloads_start_without_a_limit() {
    let mut pacer = Pacer::default();
    for _ in 0..10_000 {
        let permit = take(&mut pacer, START, RequestClass::Download).unwrap();
        pacer.handle_head(START, permit, &head(200, None));
    }
    assert_eq!(pacer.per_second(RequestClass::Download), None);
}

/// By default polls start slowly and downloads without a limit. Both find one that the service
/// does not name, with at most eight requests at once.
#[test]
fn limit_without_hints_is_found() {
    for class in [RequestClass::Operation, RequestClass::Download] {
        for (per_second, burst, most_refused) in [
            (1, 1, 24),
            (1, 60, 24),
            (2, 2, 24),
            (5, 5, 24),
            (10, 1, 24),
            (10, 10, 24),
            // Of more than ten thousand requests, and of far more.
            (10, 600, 150),
            (50, 50, 200),
            (100, 100, 200),
        ] {
            let mut limiter = Limiter::new(per_second, burst);
            let mut pacer = Pacer::default();
            let answer = |now| (limiter.answer(now).0, None);
            let sent = saturate_class(class, 8, &mut pacer, 0..1_000_000, |_| (20, 20), answer);
            let name = format!("{class:?}, {per_second}/s, {burst} at once");
            assert!(sent.refused.len() <= most_refused, "{name}: {}", sent.refused.len());
            let admitted = sent.admitted_between(600_000, 1_000_000);
            let share = admitted as f64 / (400 * per_second) as f64;
            assert!(share > 0.9, "{name}: {share}");
        }
    }
}

/// A 429 to everything: an outage, and no reason to go on without a limit after it.
#[test]
fn outage_of_downloads_is_not_stormed() {
    let class = RequestClass::Download;
    let mut pacer = Pacer::default();
    let outage = at(1_000)..at(121_000);
    let sent = saturate_class(
        class,
        8,
        &mut pacer,
        0..300_000,
        |_| (20, 20),
        |now| {
            if outage.contains(&now) { (429, None) } else { (200, None) }
        },
    );
    assert!(sent.refused.len() <= 20, "{:?}", sent.refused.len());
    assert!(sent.admitted_between(200_000, 300_000) > 5_000);
}
