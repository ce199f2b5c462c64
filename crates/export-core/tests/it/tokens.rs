//! One source of tokens for any number of jobs.

use std::fmt::Write as _;
use std::time::Duration;

use export_core::{
    Config, Error, ExportJob, Failure, FailureKind, Limits, Region, Step, Ticket, Timestamp, Token,
    TokenId, TokenNeed, TokenSource, TokenStep,
};
use http::Response;
use insta::assert_snapshot;

use crate::world::start;

fn source() -> TokenSource {
    TokenSource::client_credentials("id", "s3cret", &Config::for_region(Region::Us))
}

fn after(seconds: u64) -> Timestamp {
    start() + Duration::from_secs(seconds)
}

fn ask(source: &mut TokenSource, now: Timestamp, need: TokenNeed) -> Ticket {
    match source.step(now, need) {
        TokenStep::Transmit(_, ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn ready(source: &mut TokenSource, now: Timestamp, need: TokenNeed) -> TokenId {
    match source.step(now, need) {
        TokenStep::Ready(token) => token.id(),
        other => panic!("{other:?}"),
    }
}

fn give(source: &mut TokenSource, now: Timestamp, ticket: Ticket, expires_in: &str) {
    let body = format!(r#"{{"access_token":"t","token_type":"Bearer"{expires_in}}}"#);
    answer(source, now, ticket, 200, &body);
}

fn answer(source: &mut TokenSource, now: Timestamp, ticket: Ticket, status: u16, body: &str) {
    let head = Response::builder().status(status).body(()).unwrap();
    source.handle_response(now, ticket, &head, body.as_bytes());
}

fn issued(expires_in: &str) -> (TokenSource, TokenId) {
    let mut source = source();
    let ticket = ask(&mut source, start(), TokenNeed::any());
    give(&mut source, start(), ticket, expires_in);
    let id = ready(&mut source, start(), TokenNeed::any());
    (source, id)
}

#[test]
fn a_hundred_refusals_at_once_are_one_request() {
    let (mut source, old) = issued(r#","expires_in":3600"#);
    let now = after(1_000);
    let ticket = ask(&mut source, now, TokenNeed::other_than(old));
    for _ in 0..99 {
        let step = source.step(now, TokenNeed::other_than(old));
        assert!(matches!(step, TokenStep::Wait(_)), "{step:?}");
    }
    give(&mut source, now, ticket, "");
    let fresh = ready(&mut source, now, TokenNeed::other_than(old));
    assert_ne!(fresh, old);
    for _ in 0..99 {
        assert_eq!(ready(&mut source, now, TokenNeed::other_than(old)), fresh);
    }
}

#[test]
fn what_a_token_is_good_for_is_told_as_it_was_said() {
    let grant = |said: &str| {
        let (source, _) = issued(said);
        let grant = source.token_info().unwrap();
        (grant.lifetime.map(|lifetime| lifetime.as_secs()), grant.scope.clone())
    };
    let scope = Some("file:read graph:read".into());
    assert_eq!(grant(r#","expires_in":599,"scope":"file:read graph:read""#), (Some(599), scope));
    assert_eq!(grant(r#","expires_in":0"#), (None, None));
    assert_eq!(grant(r#","scope":"a\u001b[2J""#), (None, Some("a [2J".into())));
    assert_eq!(source().token_info(), None);
}

#[test]
fn a_page_in_place_of_a_token_is_called_that() {
    let mut source = source();
    let ticket = ask(&mut source, start(), TokenNeed::any());
    answer(&mut source, start(), ticket, 302, "");
    let TokenStep::Failed(failure) = source.step(start(), TokenNeed::any()) else { panic!() };
    let mut job = ExportJob::attach("op1", &Config::for_region(Region::Us)).unwrap();
    let Step::Transmit(transmit) = job.step(start()) else { panic!() };
    transmit.decline(start(), failure);
    let Step::Done(Err(error)) = job.step(start()) else { panic!() };
    assert!(matches!(error, Error::Gateway { .. }), "{error:?}");
}

#[test]
fn a_failure_is_shared_and_not_repeated() {
    let mut source = source();
    let ticket = ask(&mut source, start(), TokenNeed::any());
    answer(&mut source, start(), ticket, 401, r#"{"error":"invalid_client"}"#);
    for _ in 0..100 {
        assert!(matches!(source.step(after(1), TokenNeed::any()), TokenStep::Failed(_)));
    }
    let _ = ask(&mut source, after(61), TokenNeed::any());
}

#[test]
fn a_token_that_is_refused_at_once_is_not_replaced() {
    let (mut source, id) = issued(r#","expires_in":3600"#);
    let refused = TokenNeed::other_than(id);
    match source.step(after(29), refused) {
        TokenStep::Failed(failure) => assert_eq!(failure.kind(), FailureKind::Unauthorized),
        other => panic!("{other:?}"),
    }
    let (mut source, id) = issued(r#","expires_in":3600"#);
    let _ = ask(&mut source, after(30), TokenNeed::other_than(id));
}

#[test]
fn a_late_refusal_of_an_old_token_does_not_spend_the_new_one() {
    let (mut source, old) = issued("");
    let ticket = ask(&mut source, after(100), TokenNeed::other_than(old));
    give(&mut source, after(100), ticket, "");
    let fresh = ready(&mut source, after(101), TokenNeed::other_than(old));
    assert_eq!(ready(&mut source, after(102), TokenNeed::other_than(old)), fresh);
}

#[test]
fn no_lifetime_makes_every_request_ask_for_a_token() {
    let mut log = String::new();
    for expires_in in [
        "",
        ",\"expires_in\":0",
        ",\"expires_in\":1",
        ",\"expires_in\":45",
        ",\"expires_in\":90",
        ",\"expires_in\":599",
        ",\"expires_in\":3600",
        ",\"expires_in\":18446744073709551615",
        ",\"expires_in\":-1",
        ",\"expires_in\":\"600\"",
    ] {
        let (mut source, _) = issued(expires_in);
        let used = (0..).find(|seconds| {
            matches!(source.step(after(*seconds), TokenNeed::any()), TokenStep::Transmit(..))
        });
        let _ = writeln!(log, "{expires_in:<40} used for {} s", used.unwrap());
    }
    assert_snapshot!(log);
}

#[test]
fn a_token_is_replaced_before_it_ends() {
    let (mut source, id) = issued(r#","expires_in":599"#);
    assert_eq!(ready(&mut source, after(538), TokenNeed::any()), id);
    let _ = ask(&mut source, after(539), TokenNeed::any());
}

#[test]
fn a_ticket_that_is_lost_holds_nobody_up_for_ever() {
    let mut source = source();
    let lost = ask(&mut source, start(), TokenNeed::any());
    match source.step(after(1), TokenNeed::any()) {
        TokenStep::Wait(until) => assert_eq!(until, lost.give_up_at()),
        other => panic!("{other:?}"),
    }
    let ticket = ask(&mut source, lost.give_up_at(), TokenNeed::any());
    give(&mut source, after(31), lost, "");
    assert!(matches!(source.step(after(31), TokenNeed::any()), TokenStep::Wait(_)), "it was late");
    give(&mut source, after(32), ticket, "");
    ready(&mut source, after(32), TokenNeed::any());
}

#[test]
fn a_ticket_that_is_abandoned_is_no_failure() {
    let mut source = source();
    let mut now = start();
    for _ in 0..50 {
        let ticket = ask(&mut source, now, TokenNeed::any());
        source.abandon(now, ticket);
        match source.step(now, TokenNeed::any()) {
            TokenStep::Wait(until) => assert_eq!(until.since(now), Duration::from_secs(1)),
            other => panic!("{other:?}"),
        }
        now = now + Duration::from_secs(1);
    }
}

#[test]
fn a_fixed_token_is_all_there_is() {
    let mut source = TokenSource::fixed(Token::fixed("t").unwrap());
    let id = ready(&mut source, start(), TokenNeed::any());
    let step = source.step(start(), TokenNeed::other_than(id));
    assert!(matches!(step, TokenStep::Failed(_)), "{step:?}");
}

/// What each answer of the token endpoint leads to.
#[test]
fn the_token_endpoints_answers_are_judged_by_the_table() {
    let mut log = String::new();
    let lost = [
        FailureKind::NotSent,
        FailureKind::Unanswered,
        FailureKind::Cut,
        FailureKind::Stalled,
        FailureKind::TooLong,
        FailureKind::Untrusted,
    ];
    for kind in lost {
        let mut source = source();
        let ticket = ask(&mut source, start(), TokenNeed::any());
        source.handle_failure(start(), ticket, Failure::new(kind));
        let _ = writeln!(log, "{:<40} {}", format!("{kind:?}"), next(&mut source));
    }
    let iam = r#"{"error":"invalid_client","error_description":"no such client"}"#;
    let busy = r#"{"error":"temporarily_unavailable"}"#;
    let page = "<!doctype html><title>Sign in</title>";
    let answers: [(u16, &str); 21] = [
        (200, r#"{"access_token":"t","token_type":"bearer","expires_in":599}"#),
        (200, r#"{"access_token":"t","token_type":"mac"}"#),
        (200, r#"{"access_token":"a b"}"#),
        (200, r#"{"access_token":""}"#),
        (200, "{}"),
        (200, ""),
        (200, page),
        (201, "{}"),
        (202, "{}"),
        (204, ""),
        (302, ""),
        (400, iam),
        (400, busy),
        (401, iam),
        (403, page),
        (404, ""),
        (408, ""),
        (429, ""),
        (500, ""),
        (502, page),
        (503, busy),
    ];
    for (status, body) in answers {
        let mut source = source();
        let ticket = ask(&mut source, start(), TokenNeed::any());
        answer(&mut source, start(), ticket, status, body);
        let shown: String = body.chars().take(34).collect();
        let _ = writeln!(log, "{:<40} {}", format!("{status} {shown}"), next(&mut source));
    }
    assert_snapshot!(log);
}

fn next(source: &mut TokenSource) -> String {
    match source.step(start(), TokenNeed::any()) {
        TokenStep::Ready(_) => "a token".into(),
        TokenStep::Wait(until) => format!("again after {:?}", until.since(start())),
        TokenStep::Failed(failure) => format!("{:?}: {failure}", failure.kind()),
        TokenStep::Transmit(..) => "again at once".into(),
    }
}

#[test]
fn a_token_endpoint_that_stays_away_is_given_up() {
    let limits = Limits { failures: 3, ..Limits::default() };
    let config = Config::for_region(Region::Us).with_limits(limits);
    let mut source = TokenSource::client_credentials("id", "s3cret", &config);
    let (mut now, mut log) = (start(), String::new());
    loop {
        let at = now.since(start()).as_secs();
        match source.step(now, TokenNeed::any()) {
            TokenStep::Transmit(_, ticket) => {
                let _ = writeln!(log, "{at:>3} s  ask");
                answer(&mut source, now, ticket, 503, "");
            }
            TokenStep::Wait(until) => now = until,
            TokenStep::Failed(failure) => {
                let _ = writeln!(log, "{at:>3} s  {failure}");
                break;
            }
            TokenStep::Ready(_) => panic!("there is none"),
        }
    }
    assert_snapshot!(log);
}

#[test]
fn a_token_answer_may_have_sixty_four_kibibytes_and_no_more() {
    for (padding, given) in [(65_536, true), (65_537, false)] {
        let mut source = source();
        let ticket = ask(&mut source, start(), TokenNeed::any());
        assert_eq!(ticket.limit(), 65_536);
        let body = r#"{"access_token":"t"}"#;
        let body = format!("{body}{}", " ".repeat(padding - body.len()));
        answer(&mut source, start(), ticket, 200, &body);
        let step = source.step(start(), TokenNeed::any());
        assert_eq!(matches!(step, TokenStep::Ready(_)), given, "{padding} bytes: {step:?}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let (mut source, _) = issued("");
    let shown = format!("{source:?} {:?}", source.step(start(), TokenNeed::any()));
    assert!(!shown.contains("s3cret") && !shown.contains("Bearer"), "{shown}");
    let mut source = self::source();
    let shown = format!("{:?}", source.step(start(), TokenNeed::any()));
    assert!(!shown.contains("s3cret"), "{shown}");
}
