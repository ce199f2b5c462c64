use std::sync::Arc;
use std::time::Duration;

use export_core::{Pacer, Rate, Rates, RequestClass, Timestamp};
use export_host::{Place, Turns};
use http::Response;

const CLASS: RequestClass = RequestClass::Operation;

const START: Timestamp = Timestamp::from_date(2026, 3, 1);

fn second(number: u64) -> Timestamp {
    START + Duration::from_secs(number)
}

fn turns() -> Arc<Turns> {
    let rates = Rates { operations: Rate::per_second(1.0), ..Rates::default() };
    Arc::new(Turns::new(Pacer::new(rates)))
}

#[test]
fn jobs_take_turns_in_the_order_in_which_they_asked() {
    let turns = turns();
    let mut places: Vec<Place> = (0..4).map(|_| Place::new(Arc::clone(&turns))).collect();
    let answers: Vec<_> = places.iter_mut().map(|place| place.ask(START, CLASS)).collect();
    assert_eq!(answers, [Ok(()), Err(second(1)), Err(second(2)), Err(second(3))]);
    // Whoever asks again too early keeps the place.
    assert_eq!(places[2].ask(START, CLASS), Err(second(2)));
    assert_eq!(places[1].ask(second(1), CLASS), Ok(()));
    assert_eq!(places[2].ask(second(2), CLASS), Ok(()));
}

#[test]
fn a_job_that_goes_away_while_it_waits_makes_room() {
    let turns = turns();
    let mut places: Vec<Place> = (0..3).map(|_| Place::new(Arc::clone(&turns))).collect();
    for place in &mut places {
        let _ = place.ask(START, CLASS);
    }
    drop(places.remove(2));
    assert_eq!(Place::new(turns).ask(START, CLASS), Err(second(2)));
}

#[test]
fn a_429_to_one_job_holds_back_the_others() {
    let turns = turns();
    let mut one = Place::new(Arc::clone(&turns));
    let mut two = Place::new(Arc::clone(&turns));
    assert_eq!(one.ask(START, CLASS), Ok(()));
    assert_eq!(two.ask(START, CLASS), Err(second(1)));
    let busy = Response::builder().status(429).header("retry-after", "9").body(()).unwrap();
    one.handle_head(START, &busy);
    assert!(two.ask(second(1), CLASS).unwrap_err() >= second(9));
    assert_eq!(turns.pacer().held_until(second(1), CLASS), Some(second(9)));
}
