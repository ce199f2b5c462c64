//! The token source.

use std::fmt::Write as _;
use std::time::Duration;

use export_core::driver::{Reply, Step};
use export_core::token::{Ticket, Token, TokenId, TokenNeed, TokenSource, TokenStep};
use export_core::workiva::{DocumentExport, ExportSpec, Region};
use export_core::{Config, Error, ExportJob, Failure, FailureKind, Fault, Limits, Timestamp};
use http::Response;
use insta::assert_snapshot;

use crate::harness::start;

fn source() -> TokenSource {
    TokenSource::client_credentials("id", "s3cret", &Config::for_region(Region::Us))
}

fn after(seconds: u64) -> Timestamp {
    start() + Duration::from_secs(seconds)
}

fn request(source: &mut TokenSource, now: Timestamp, need: TokenNeed) -> Ticket {
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

fn issue(source: &mut TokenSource, now: Timestamp, ticket: Ticket, expires_in: &str) {
    let body = format!(r#"{{"access_token":"t","token_type":"Bearer"{expires_in}}}"#);
    respond(source, now, ticket, 200, &body);
}

fn respond(source: &mut TokenSource, now: Timestamp, ticket: Ticket, status: u16, body: &str) {
    let head = Response::builder().status(status).body(()).unwrap();
    source.handle_response(now, ticket, &head, body.as_bytes());
}

fn issued(expires_in: &str) -> (TokenSource, TokenId) {
    let mut source = source();
    let ticket = request(&mut source, start(), TokenNeed::any());
    issue(&mut source, start(), ticket, expires_in);
    let id = ready(&mut source, start(), TokenNeed::any());
    (source, id)
}

#[test]
fn hundred_refusals_cause_one_request() {
    let (mut source, old) = issued(r#","expires_in":3600"#);
    let now = after(1_000);
    let ticket = request(&mut source, now, TokenNeed::other_than(old));
    for _ in 0..99 {
        let step = source.step(now, TokenNeed::other_than(old));
        assert!(matches!(step, TokenStep::Wait(_)), "{step:?}");
    }
    issue(&mut source, now, ticket, "");
    let fresh = ready(&mut source, now, TokenNeed::other_than(old));
    assert_ne!(fresh, old);
    for _ in 0..99 {
        assert_eq!(ready(&mut source, now, TokenNeed::other_than(old)), fresh);
    }
}

#[test]
fn token_info_is_as_announced() {
    let info = |members: &str| {
        let (source, _) = issued(members);
        let info = source.token_info().unwrap();
        (info.lifetime.map(|lifetime| lifetime.as_secs()), info.scope.clone())
    };
    let scope = Some("file:read graph:read".into());
    assert_eq!(info(r#","expires_in":599,"scope":"file:read graph:read""#), (Some(599), scope));
    assert_eq!(info(r#","expires_in":0"#), (None, None));
    assert_eq!(info(r#","scope":"a\u001b[2J""#), (None, Some("a [2J".into())));
    assert_eq!(source().token_info(), None);
}

#[test]
fn redirected_token_request_is_a_gateway_error() {
    let mut source = source();
    let ticket = request(&mut source, start(), TokenNeed::any());
    respond(&mut source, start(), ticket, 302, "");
    let TokenStep::Failed(failure) = source.step(start(), TokenNeed::any()) else { panic!() };
    let mut job = ExportJob::attach("op1", &Config::for_region(Region::Us)).unwrap();
    let Step::Transmit(transmit) = job.step(start()) else { panic!() };
    transmit.decline(start(), failure);
    let Step::Done(Err(error)) = job.step(start()) else { panic!() };
    assert!(matches!(error, Error::Gateway { .. }), "{error:?}");
}

#[test]
fn failure_is_shared_by_all_callers() {
    let mut source = source();
    let ticket = request(&mut source, start(), TokenNeed::any());
    respond(&mut source, start(), ticket, 401, r#"{"error":"invalid_client"}"#);
    for _ in 0..100 {
        assert!(matches!(source.step(after(1), TokenNeed::any()), TokenStep::Failed(_)));
    }
    let _ = request(&mut source, after(61), TokenNeed::any());
}

#[test]
fn token_refused_at_once_is_replaced_once() {
    let hour = r#","expires_in":3600"#;
    let (mut source, first) = issued(hour);
    let mut replace = |at, refused| {
        let ticket = request(&mut source, after(at), TokenNeed::other_than(refused));
        issue(&mut source, after(at), ticket, hour);
        ready(&mut source, after(at), TokenNeed::any())
    };
    // A token that is refused later was accepted before, and may be replaced again.
    let second = replace(29, first);
    let third = replace(60, second);
    let fourth = replace(80, third);
    match source.step(after(90), TokenNeed::other_than(fourth)) {
        TokenStep::Failed(failure) => assert_eq!(failure.kind(), FailureKind::Unauthorized),
        other => panic!("{other:?}"),
    }
}

#[test]
fn late_refusal_of_an_old_token_keeps_the_new_one() {
    let (mut source, old) = issued("");
    let ticket = request(&mut source, after(100), TokenNeed::other_than(old));
    issue(&mut source, after(100), ticket, "");
    let fresh = ready(&mut source, after(101), TokenNeed::other_than(old));
    assert_eq!(ready(&mut source, after(102), TokenNeed::other_than(old)), fresh);
}

#[test]
fn any_lifetime_allows_reuse_of_the_token() {
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
fn token_is_replaced_before_its_expiry() {
    let (mut source, id) = issued(r#","expires_in":599"#);
    assert_eq!(ready(&mut source, after(538), TokenNeed::any()), id);
    let _ = request(&mut source, after(539), TokenNeed::any());
}

#[test]
fn lost_ticket_expires() {
    let mut source = source();
    let lost = request(&mut source, start(), TokenNeed::any());
    match source.step(after(1), TokenNeed::any()) {
        TokenStep::Wait(until) => assert_eq!(until, lost.give_up_at()),
        other => panic!("{other:?}"),
    }
    let ticket = request(&mut source, lost.give_up_at(), TokenNeed::any());
    issue(&mut source, after(31), lost, "");
    assert!(
        matches!(source.step(after(31), TokenNeed::any()), TokenStep::Wait(_)),
        "the response was late"
    );
    issue(&mut source, after(32), ticket, "");
    ready(&mut source, after(32), TokenNeed::any());
}

#[test]
fn abandoned_ticket_is_not_a_failure() {
    let mut source = source();
    let mut now = start();
    for _ in 0..50 {
        let ticket = request(&mut source, now, TokenNeed::any());
        source.abandon(now, ticket);
        match source.step(now, TokenNeed::any()) {
            TokenStep::Wait(until) => assert_eq!(until.since(now), Duration::from_secs(1)),
            other => panic!("{other:?}"),
        }
        now = now + Duration::from_secs(1);
    }
}

#[test]
fn fixed_token_is_not_replaced() {
    let mut source = TokenSource::fixed(Token::fixed("t").unwrap());
    let id = ready(&mut source, start(), TokenNeed::any());
    let step = source.step(start(), TokenNeed::other_than(id));
    assert!(matches!(step, TokenStep::Failed(_)), "{step:?}");
}

#[test]
fn outcome_of_each_token_response() {
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
        let ticket = request(&mut source, start(), TokenNeed::any());
        source.handle_failure(start(), ticket, Failure::new(kind));
        let _ = writeln!(log, "{:<40} {}", format!("{kind:?}"), next(&mut source));
    }
    let iam = r#"{"error":"invalid_client","error_description":"no such client"}"#;
    let busy = r#"{"error":"temporarily_unavailable"}"#;
    let page = "<!doctype html><title>Sign in</title>";
    let responses: [(u16, &str); 21] = [
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
    for (status, body) in responses {
        let mut source = source();
        let ticket = request(&mut source, start(), TokenNeed::any());
        respond(&mut source, start(), ticket, status, body);
        let shown: String = body.chars().take(34).collect();
        let _ = writeln!(log, "{:<40} {}", format!("{status} {shown}"), next(&mut source));
    }
    assert_snapshot!(log);
}

fn next(source: &mut TokenSource) -> String {
    match source.step(start(), TokenNeed::any()) {
        TokenStep::Ready(_) => "a token".into(),
        TokenStep::Wait(until) => format!("retry after {:?}", until.since(start())),
        TokenStep::Failed(failure) => format!("{:?}: {failure}", failure.kind()),
        TokenStep::Transmit(..) | TokenStep::Ask(_) => "retry at once".into(),
    }
}

#[test]
fn token_endpoint_failures_are_limited() {
    let limits = Limits::default().with_max_failures(3);
    let config = Config::for_region(Region::Us).with_limits(limits);
    let mut source = TokenSource::client_credentials("id", "s3cret", &config);
    let (mut now, mut log) = (start(), String::new());
    loop {
        let at = now.since(start()).as_secs();
        match source.step(now, TokenNeed::any()) {
            TokenStep::Transmit(_, ticket) => {
                let _ = writeln!(log, "{at:>3} s  request");
                respond(&mut source, now, ticket, 503, "");
            }
            TokenStep::Wait(until) => now = until,
            TokenStep::Failed(failure) => {
                let _ = writeln!(log, "{at:>3} s  {failure}");
                break;
            }
            TokenStep::Ready(_) | TokenStep::Ask(_) => panic!("a token was issued"),
        }
    }
    assert_snapshot!(log);
}

#[test]
fn token_response_is_limited_to_64_kib() {
    for (padding, given) in [(65_536, true), (65_537, false)] {
        let mut source = source();
        let ticket = request(&mut source, start(), TokenNeed::any());
        assert_eq!(ticket.limit(), 65_536);
        let body = r#"{"access_token":"t"}"#;
        let body = format!("{body}{}", " ".repeat(padding - body.len()));
        respond(&mut source, start(), ticket, 200, &body);
        let step = source.step(start(), TokenNeed::any());
        assert_eq!(matches!(step, TokenStep::Ready(_)), given, "{padding} bytes: {step:?}");
    }
}

#[test]
fn debug_has_no_secret() {
    let (mut source, _) = issued("");
    let shown = format!("{source:?} {:?}", source.step(start(), TokenNeed::any()));
    assert!(!shown.contains("s3cret") && !shown.contains("Bearer"), "{shown}");
    let mut source = self::source();
    let shown = format!("{:?}", source.step(start(), TokenNeed::any()));
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// Everything that a job shows or stores of a response that repeats what was sent, in each phase.
#[test]
fn repeated_secrets_are_neither_shown_nor_stored() {
    const ECHO: &str = r#"t0ken-123 and s3cret\u002Dkey%2B, bearer t0ken-123"#;
    let config = Config::for_region(Region::Us);
    let mut source = TokenSource::client_credentials("id", "s3cret-key+", &config);
    let ticket = request(&mut source, start(), TokenNeed::any());
    let issued = format!(r#"{{"access_token":"t0ken-123","scope":"{ECHO}"}}"#);
    respond(&mut source, start(), ticket, 200, &issued);
    let mut shown = format!("{:?}", source.token_info());

    let TokenStep::Ready(token) = source.step(start(), TokenNeed::any()) else { panic!() };
    let error = format!(
        r#"{{"code":"{ECHO}","message":"{ECHO}","target":"{ECHO}","details":[{{"code":"{ECHO}","message":"{ECHO}"}}]}}"#
    );
    let operation = |status: &str, url: &str| {
        format!(
            r#"{{"status":"{status}","resourceUrl":{url},"originalRequest":"{ECHO}","created":{{"dateTime":"{ECHO}"}},
                "updated":{{"dateTime":"{ECHO}"}},"details":[{{"message":"{ECHO}"}}]}}"#
        )
    };
    let accepted = (202, "{}".to_owned());
    let completed = (200, operation("completed", r#""/content""#));
    for responses in [
        vec![(400, error.clone())],
        vec![(401, error.clone())],
        vec![(500, error.clone()); 3],
        vec![(502, "<title>t0ken-123 s3cret-key+</title>".to_owned()); 3],
        vec![accepted.clone(), (403, error.clone())],
        vec![accepted.clone(), (200, operation(ECHO, "null")), (200, operation("failed", "null"))],
        vec![accepted.clone(), completed.clone(), (200, "%PDF-1.7".to_owned())],
        vec![accepted, completed, (409, error.clone())],
    ] {
        let spec = ExportSpec::document("d1", DocumentExport::pdf());
        let mut job = ExportJob::new(spec, &config).unwrap();
        let (mut now, mut responses) = (start(), responses.into_iter());
        loop {
            match job.step(now) {
                Step::Wait(wait) => now = wait.until,
                Step::Done(outcome) => {
                    shown.push_str(&match outcome {
                        Ok(artifact) => format!("{artifact:?} {}", artifact.file_name()),
                        Err(error) => format!("{error:?} {error}"),
                    });
                    break;
                }
                Step::Inline(_) | Step::Complete(_) => panic!("the result is one file at a URL"),
                Step::Transmit(transmit) => {
                    let Some((status, body)) = responses.next() else { break };
                    let (_, in_flight) = transmit.start(now, Some(&token), 0);
                    let head = Response::builder()
                        .status(status)
                        .header("location", "/operations/1")
                        .header("x-request-id", "t0ken-123")
                        .header(
                            "content-disposition",
                            "attachment; filename=\"t0ken-123 s3cret-key+.pdf\"",
                        );
                    match in_flight.handle_head(now, &head.body(()).unwrap()) {
                        Reply::Collect(collect) => collect.handle_body(now, body.as_bytes()),
                        Reply::Stream(mut stream) => {
                            let checked = stream.check(now, body.as_bytes()).continue_value();
                            stream.advance(now, checked.unwrap());
                            stream.finish(now, body.len() as u64);
                        }
                    }
                }
            }
            let checkpoint = serde_json::to_string(&job.checkpoint()).unwrap();
            shown.push_str(&format!("{checkpoint}\n"));
            while let Some(event) = job.next_event() {
                shown.push_str(&format!("{event:?}\n"));
            }
        }
    }

    for status in [400, 403] {
        let mut source = TokenSource::client_credentials("id", "s3cret-key+", &config);
        let ticket = request(&mut source, start(), TokenNeed::any());
        let body = r#"{"error":"s3cret-key+","error_description":"client_secret=s3cret-key%2B"}"#;
        respond(&mut source, start(), ticket, status, body);
        shown.push_str(&format!("{:?}", source.step(start(), TokenNeed::any())));
    }
    assert!(shown.matches("***").count() > 50, "{shown}");
    for secret in ["t0ken", "s3cret"] {
        let found = shown.find(secret).map(|at| &shown[at.saturating_sub(200)..at + 20]);
        assert_eq!(found, None);
    }
}

fn ask(source: &mut TokenSource, now: Timestamp, need: TokenNeed) -> Ticket {
    match source.step(now, need) {
        TokenStep::Ask(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn external_token_is_asked_for_once_and_replaced() {
    let mut source = TokenSource::external(Limits::default());
    let ticket = ask(&mut source, start(), TokenNeed::any());
    assert!(matches!(source.step(start(), TokenNeed::any()), TokenStep::Wait(_)));
    source.handle_token(start(), ticket, " t0ken-123\n", Some(Duration::from_secs(599)));
    let first = ready(&mut source, after(538), TokenNeed::any());
    // Before it expires, and when the service refuses it.
    let ticket = ask(&mut source, after(539), TokenNeed::any());
    source.handle_token(after(539), ticket, "t0ken-456", None);
    let second = ready(&mut source, after(540), TokenNeed::other_than(first));
    let ticket = ask(&mut source, after(600), TokenNeed::other_than(second));
    source.abandon(after(600), ticket);
    let ticket = ask(&mut source, after(601), TokenNeed::any());
    source.handle_token(after(601), ticket, "t0ken-789", None);
    let TokenStep::Ready(token) = source.step(after(601), TokenNeed::any()) else { panic!() };
    assert_eq!(token.mask("is t0ken-789 valid?"), "is *** valid?");
    assert!(!format!("{source:?} {token:?}").contains("t0ken"));
}

#[test]
fn external_failure_says_whether_it_is_final() {
    let end = |kind, detail: &str| {
        let limits = Limits::default().with_max_failures(1);
        let mut source = TokenSource::external(limits);
        let (mut now, mut asked) = (start(), 0);
        let failure = loop {
            match source.step(now, TokenNeed::any()) {
                TokenStep::Ask(ticket) => {
                    asked += 1;
                    source.handle_failure(now, ticket, Failure::new(kind).with_detail(detail));
                }
                TokenStep::Wait(until) => now = until,
                TokenStep::Failed(failure) => break failure,
                other => panic!("{other:?}"),
            }
        };
        let mut job = ExportJob::attach("op1", &Config::for_region(Region::Us)).unwrap();
        let Step::Transmit(transmit) = job.step(start()) else { panic!() };
        transmit.decline(start(), failure);
        let Step::Done(Err(error)) = job.step(start()) else { panic!() };
        assert!(error.is_resumable());
        (asked, error.fault(), format!("{error}; {}", error.advice()))
    };
    let refused = end(FailureKind::Unauthorized, "the role may not read it");
    let text = "poll: not authorised: no token available: the role may not read it; check the \
                credentials, then resume the job";
    assert_eq!(refused, (1, Fault::Local, text.into()));
    let down = end(FailureKind::NoToken, "the vault is sealed");
    let text = "poll failed: no token available: the vault is sealed; resume the job later";
    assert_eq!(down, (2, Fault::Network, text.into()));
}

#[test]
fn invalid_external_token_is_refused() {
    let mut source = TokenSource::external(Limits::default());
    let ticket = ask(&mut source, start(), TokenNeed::any());
    source.handle_token(start(), ticket, "two words", None);
    assert_eq!(
        next(&mut source),
        "Unauthorized: no token available: the token is empty or contains invalid characters"
    );
}
