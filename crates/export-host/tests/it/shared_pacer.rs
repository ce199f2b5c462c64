use std::sync::Arc;
use std::time::Duration;

use export_core::Timestamp;
use export_core::batch::Turns as _;
use export_core::pacer::{Pacer, Rate, Rates, RequestClass};
use export_host::{PacedRequest, SharedPacer};
use http::Response;

const POLL: Option<RequestClass> = Some(RequestClass::Operation);

const START: Timestamp = Timestamp::from_date(2026, 3, 1);

fn second(number: u64) -> Timestamp {
    START + Duration::from_secs(number)
}

/// When the turn of another is free, if it does not ask for it.
fn soon_after(number: u64) -> Timestamp {
    second(number) + Duration::from_millis(20)
}

fn pacer() -> Arc<SharedPacer> {
    let rates = Rates::default().with_operations(Rate::per_second(1.0));
    Arc::new(SharedPacer::new(Pacer::new(rates)))
}

fn requests<const N: usize>(pacer: &Arc<SharedPacer>) -> [PacedRequest; N] {
    std::array::from_fn(|_| PacedRequest::new(Arc::clone(pacer)))
}

#[test]
fn requests_go_in_the_order_of_their_reservations() {
    let mut requests = requests::<4>(&pacer());
    let answers = requests.each_mut().map(|request| request.confirm(START, POLL));
    assert_eq!(answers, [Ok(()), Err(second(1)), Err(soon_after(1)), Err(soon_after(2))]);
    // Asking again too early changes nothing.
    assert_eq!(requests[2].confirm(START, POLL), Err(soon_after(1)));
    assert_eq!(requests[1].confirm(second(1), POLL), Ok(()));
    assert_eq!(requests[2].confirm(soon_after(1), POLL), Err(second(2)));
    assert_eq!(requests[2].confirm(second(2), POLL), Ok(()));
}

#[test]
fn a_dropped_request_releases_its_permit() {
    let pacer = pacer();
    let [mut one, mut two, mut three] = requests(&pacer);
    for request in [&mut one, &mut two, &mut three] {
        let _ = request.confirm(START, POLL);
    }
    drop(three);
    let [mut four] = requests(&pacer);
    assert_eq!(four.confirm(START, POLL), Err(soon_after(1)));
}

#[test]
fn a_429_holds_back_the_other_requests() {
    let pacer = pacer();
    let [mut one, mut two] = requests(&pacer);
    assert_eq!(one.confirm(START, POLL), Ok(()));
    assert_eq!(two.confirm(START, POLL), Err(second(1)));
    let busy = Response::builder().status(429).header("retry-after", "9").body(()).unwrap();
    one.handle_head(START, &busy);
    assert!(two.confirm(second(1), POLL).unwrap_err() >= second(9));
    assert_eq!(pacer.held_for(second(1)), Some(Duration::from_secs(8)));
}

#[test]
fn a_request_to_another_origin_gives_its_permit_back() {
    let pacer = pacer();
    let [mut one, mut two] = requests(&pacer);
    let permit = pacer.turns().try_reserve(START, RequestClass::Operation).unwrap();
    one.hold(Some(permit));
    assert_eq!(one.confirm(START, None), Ok(()));
    one.handle_head(START, &Response::builder().status(429).body(()).unwrap());
    assert_eq!(two.confirm(START, POLL), Ok(()));
}

#[test]
fn a_permit_serves_one_request_of_its_class() {
    let [mut one, mut two] = requests(&pacer());
    assert_eq!(one.confirm(START, Some(RequestClass::Submit)), Ok(()));
    // That one was not answered.
    assert_eq!(one.confirm(START, POLL), Ok(()));
    assert_eq!(one.confirm(START, POLL), Err(second(1)));
    assert_eq!(two.confirm(START, POLL), Err(soon_after(1)));
    // It gives up its turn.
    assert_eq!(one.confirm(START, Some(RequestClass::Download)), Ok(()));
    assert_eq!(two.confirm(second(1), POLL), Ok(()));
}

#[test]
fn the_longest_hold_of_any_class_is_reported() {
    let pacer = pacer();
    assert_eq!(pacer.held_for(START), None);
    for (class, wait) in [(RequestClass::Operation, 12), (RequestClass::Submit, 20)] {
        let [mut request] = requests(&pacer);
        request.confirm(START, Some(class)).unwrap();
        let busy = Response::builder().status(429).header("retry-after", wait).body(()).unwrap();
        request.handle_head(START, &busy);
        assert_eq!(pacer.held_for(START), Some(Duration::from_secs(wait)));
    }
}
