//! Sessions, beyond what `exhaustive` compares with the handles: values in JSON, mistakes, and the order of
//! storing.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use export_core::pacer::{Pacer, Rate, Rates};
use export_core::session::{Action, ClientState, Input, Misuse, Session};
use export_core::token::TokenSource;
use export_core::workiva::Region;
use export_core::{Config, Error, ExportJob, Failure, FailureKind, Limits, Timestamp};
use serde_json::{Value, json};

use crate::harness::start;
use crate::service::{PDF, config, job};

fn client() -> ClientState {
    let tokens = TokenSource::external(Limits::default());
    ClientState::new(tokens, Pacer::new(Rates::unlimited()))
}

/// All inputs, as a driver would make them.
fn inputs() -> Vec<Input<'static>> {
    vec![
        Input::Done,
        Input::head(202, [("location", "/platform/v1/operations/op1")]).unwrap(),
        Input::Body((&br#"{"status":"completed","resourceUrl":"/files/1"}"#[..]).into()),
        Input::Chunk(PDF.as_bytes().into()),
        Input::End,
        Input::Length(0),
        Input::Token { text: "eyJhbGciOi".into(), lifetime: None },
        Input::Failed(Failure::new(FailureKind::Unanswered)),
    ]
}

/// The actions of an export without failures, each with the input that a driver returns.
fn script() -> VecDeque<(&'static str, Input<'static>)> {
    let ok = |headers: &[(&'static str, &'static str)]| {
        Input::head(200, headers.iter().copied()).unwrap()
    };
    VecDeque::from([
        ("Store", Input::Done),
        ("GetToken", inputs()[6].clone()),
        ("Store", Input::Done),
        ("Send", inputs()[1].clone()),
        ("Store", Input::Done),
        ("Collect", Input::Body((&b""[..]).into())),
        ("Wait", Input::Done),
        ("Store", Input::Done),
        ("Send", ok(&[])),
        ("Collect", inputs()[2].clone()),
        ("Store", Input::Done),
        ("Measure", Input::Length(0)),
        ("Send", ok(&[("content-length", "27")])),
        ("Store", Input::Done),
        ("Begin", Input::Done),
        ("Read", Input::Chunk(PDF.as_bytes().into())),
        ("Write", Input::Done),
        ("Read", Input::End),
        ("Measure", Input::Length(PDF.len() as u64)),
        ("Finish", Input::Done),
        ("End", Input::Done),
    ])
}

fn name(action: &Action) -> String {
    let text = format!("{action:?}");
    match action {
        Action::Send(_) => "Send".into(),
        _ => text.split([' ', '(']).next().unwrap().into(),
    }
}

/// Waits until the end of a wait.
fn after(now: Timestamp, action: &Action) -> Timestamp {
    if let Action::Wait { until, .. } = action { *until } else { now }
}

#[test]
fn each_action_takes_the_inputs_that_fit_it() {
    let (mut now, mut client, mut session) = (start(), client(), Session::new(job()));
    let mut action = session.next(now, &mut client, Input::Done).unwrap();
    for (expected, input) in script() {
        assert_eq!(name(&action), expected);
        now = after(now, &action);
        let fitting = input.clone();
        for other in inputs() {
            let fits = match (&action, &other) {
                (Action::Wait { .. } | Action::End { .. }, other) => matches!(other, Input::Done),
                (_, Input::Failed(_)) => true,
                (Action::Read { .. }, other) => matches!(other, Input::Chunk(_) | Input::End),
                (_, other) => format!("{other:?}") == format!("{fitting:?}"),
            };
            if !fits {
                let refused = session.next(now, &mut client, other.clone()).unwrap_err();
                let Misuse { action, input, .. } = refused;
                assert_eq!((action, input), (expected, &*format!("{other:?}")));
            }
        }
        action = session.next(now, &mut client, input).unwrap();
    }
    let Action::End { outcome: Ok(artifact) } = action else { panic!("{action:?}") };
    assert_eq!(artifact.length(), Some(27));
}

/// Every action but a wait and the end may fail. Each failure ends the session, or leads to a retry.
#[test]
fn transfer_does_not_use_the_pacer() {
    let (mut now, mut client, mut session) = (start(), client(), Session::new(job()));
    let mut action = session.next(now, &mut client, Input::Done).unwrap();
    for (expected, input) in script() {
        now = after(now, &action);
        let is_transfer = matches!(expected, "Write") || matches!(input, Input::Chunk(_));
        let other = Pacer::new(Rates::default());
        let pacer = is_transfer.then(|| mem::replace(client.pacer_mut(), other.clone()));
        action = session.next(now, &mut client, input).unwrap();
        if let Some(pacer) = pacer {
            let used = mem::replace(client.pacer_mut(), pacer);
            assert_eq!(format!("{used:?}"), format!("{other:?}"), "{expected}");
        }
    }
    assert!(matches!(action, Action::End { outcome: Ok(_) }), "{action:?}");
}

#[test]
fn each_action_may_fail() {
    let kinds = [
        FailureKind::NotSent,
        FailureKind::Unanswered,
        FailureKind::Untrusted,
        FailureKind::NoToken,
        FailureKind::Sink,
        FailureKind::Store,
    ];
    for (failing, kind) in (0..script().len()).flat_map(|at| kinds.map(|kind| (at, kind))) {
        let (mut now, mut client, mut session) = (start(), client(), Session::new(job()));
        let mut action = session.next(now, &mut client, Input::Done).unwrap();
        for (at, (_, input)) in script().into_iter().enumerate() {
            now = after(now, &action);
            let may_fail = !matches!(action, Action::Wait { .. } | Action::End { .. });
            let input = if at == failing && may_fail { Input::Failed(kind.into()) } else { input };
            // After the failure the script may not fit any more.
            action = match session.next(now, &mut client, input) {
                Ok(action) => action,
                Err(_) if at > failing => break,
                Err(misuse) => panic!("{misuse}"),
            };
        }
        if kind == FailureKind::Store && script()[failing].0 == "Store" {
            let local = matches!(&action, Action::End { outcome: Err(Error::Local { .. }) });
            assert!(local, "{failing}: {action:?}");
        }
    }
}

/// The same export as a driver of another language has it.
#[test]
fn export_in_json() {
    let (mut now, mut session) = (start(), Session::new(job()));
    let tokens = TokenSource::client_credentials("id", "s3cret", &config());
    let mut client = ClientState::new(tokens, Pacer::new(Rates::unlimited()));
    let base64_pdf = "JVBERi0xLjcgYW5kIHRoZSByZXN0IG9mIGl0";
    let mut heads = VecDeque::from([
        json!({"input": "head", "status": 200, "headers": []}),
        json!({"input": "head", "status": 202, "headers": [["location", "/operations/1"]]}),
        json!({"input": "head", "status": 200, "headers": [["x-request-id", "\u{fc}"]]}),
        json!({"input": "head", "status": 200, "headers": [["content-type", "application/pdf"]]}),
    ]);
    let mut bodies = VecDeque::from([
        // {"access_token":"token1"}, nothing, {"status":"completed","resourceUrl":"/files/1"}
        "eyJhY2Nlc3NfdG9rZW4iOiJ0b2tlbjEifQ==",
        "",
        "eyJzdGF0dXMiOiJjb21wbGV0ZWQiLCJyZXNvdXJjZVVybCI6Ii9maWxlcy8xIn0=",
    ]);
    let mut log = String::new();
    let (mut input, mut unread) = (json!({"input": "done"}), true);
    for _ in 0..100 {
        let text = input.to_string();
        let read: Input<'_> = serde_json::from_str(&text).unwrap();
        let action = session.next(now, &mut client, read).unwrap();
        let mut written = serde_json::to_value(&action).unwrap();
        while let Some(event) = session.next_event() {
            log += &format!("    {}\n", serde_json::to_value(&event).unwrap());
        }
        input = match written["action"].as_str().unwrap() {
            "send" => heads.pop_front().unwrap(),
            "collect" => json!({"input": "body", "bytes": bodies.pop_front().unwrap()}),
            "read" if mem::take(&mut unread) => json!({"input": "chunk", "bytes": base64_pdf}),
            "read" => json!({"input": "end"}),
            "measure" => json!({"input": "length", "length": if unread { 0 } else { 27 }}),
            _ => json!({"input": "done"}),
        };
        if let Action::Wait { until, .. } = action {
            now = until;
        }
        if written["action"] == "store" {
            // The members of a checkpoint are those of its stored form.
            written["checkpoint"] = Value::Null;
        }
        if written["action"] == "send" && written["phase"] == "submit" {
            // {"format":"pdf"}
            assert_eq!(written["body"], "eyJmb3JtYXQiOiJwZGYifQ==");
            written["body"] = "in base64".into();
        }
        log += &format!("{written}\n");
        if written["action"] == "end" {
            break;
        }
    }
    insta::assert_snapshot!(log);
}

#[test]
fn malformed_inputs_in_json_are_errors() {
    for text in [
        r#"{"input": "else"}"#,
        r#"{"input": "body", "bytes": "not base64"}"#,
        r#"{"input": "head", "status": 20, "headers": []}"#,
        r#"{"input": "head", "status": 200, "headers": [["a b", ""]]}"#,
        r#"{"input": "head", "status": 200, "headers": [["a", "\n"]]}"#,
        r#"{"input": "failed", "kind": "else"}"#,
    ] {
        assert!(serde_json::from_str::<Input<'_>>(text).is_err(), "{text}");
    }
    let failed = r#"{"input": "failed", "kind": "not_sent", "detail": "refused"}"#;
    let Ok(Input::Failed(failure)) = serde_json::from_str(failed) else { panic!() };
    assert_eq!(failure.to_string(), "the request could not be sent: refused");
}

/// The headers of a request have the token, and the bodies of token requests and responses secrets.
#[test]
fn debug_shows_no_secret() {
    let (now, mut session) = (start(), Session::new(job()));
    let tokens = TokenSource::client_credentials("id", "s3cret", &config());
    let mut client = ClientState::new(tokens, Pacer::default());
    let mut printed = String::new();
    let mut next = |session: &mut Session, input: Input<'_>| {
        printed += &format!("{input:?} ");
        let action = session.next(now, &mut client, input).unwrap();
        printed += &format!("{action:?} {session:?} {client:?}\n");
    };
    next(&mut session, Input::Done);
    next(&mut session, Input::Done);
    next(&mut session, Input::head(200, [("set-cookie", "s3cret")]).unwrap());
    let token = br#"{"access_token":"s3cret-t0ken"}"#;
    next(&mut session, Input::Body(token[..].into()));
    next(&mut session, Input::Done);
    assert!(printed.contains("POST https://api.app.wdesk.com/"), "{printed}");
    assert!(!printed.contains("s3cret"), "{printed}");
}

/// One session waits for the token request of another, and neither requests a second one.
#[test]
fn sessions_share_a_token_and_a_rate() {
    let now = start();
    let tokens = TokenSource::client_credentials("id", "secret", &config());
    let rates = Rates::default().with_submits(Rate::per_second(1.0));
    let mut client = ClientState::new(tokens, Pacer::new(rates));
    let (mut one, mut two) = (Session::new(job()), Session::new(job()));
    for session in [&mut one, &mut two] {
        session.next(now, &mut client, Input::Done).unwrap();
    }
    let Action::Send(send) = one.next(now, &mut client, Input::Done).unwrap() else { panic!() };
    assert_eq!((send.phase, send.request.uri().path()), (None, "/iam/v1/oauth2/token"));
    let waits = two.next(now, &mut client, Input::Done).unwrap();
    let soon = now + Duration::from_millis(250);
    assert!(matches!(waits, Action::Wait { until, .. } if until == soon), "{waits:?}");

    let head = Input::head(200, [("a", "b")]).unwrap();
    one.next(now, &mut client, head).unwrap();
    let token = br#"{"access_token":"eyJhbGciOi"}"#;
    one.next(now, &mut client, Input::Body(token[..].into())).unwrap();
    let submit = one.next(now, &mut client, Input::Done).unwrap();
    assert!(matches!(submit, Action::Send(_)), "{submit:?}");
    let waits = two.next(soon, &mut client, Input::Done).unwrap();
    let turn = now + Duration::from_secs(1);
    assert!(matches!(waits, Action::Wait { until, .. } if until == turn), "{waits:?}");
}

/// A session that is closed keeps no other one waiting for its token request.
#[test]
fn closed_session_gives_back_its_token_request() {
    let now = start();
    let tokens = TokenSource::client_credentials("id", "secret", &config());
    let mut client = ClientState::new(tokens, Pacer::default());
    let mut one = Session::new(job());
    one.next(now, &mut client, Input::Done).unwrap();
    let action = one.next(now, &mut client, Input::Done).unwrap();
    assert!(matches!(action, Action::Send(_)), "{action:?}");
    one.close(now, &mut client);

    let (now, mut two) = (now + Limits::default().backoff_base, Session::new(job()));
    two.next(now, &mut client, Input::Done).unwrap();
    let action = two.next(now, &mut client, Input::Done).unwrap();
    assert!(matches!(action, Action::Send(_)), "{action:?}");
}

#[test]
fn cancelled_session_ends() {
    let (now, mut client, mut session) = (start(), client(), Session::new(job()));
    session.next(now, &mut client, Input::Done).unwrap();
    session.cancel();
    let action = session.next(now, &mut client, Input::Done).unwrap();
    let stored = matches!(action, Action::Store { .. });
    let action = if stored { session.next(now, &mut client, Input::Done).unwrap() } else { action };
    assert!(matches!(action, Action::End { outcome: Err(Error::Cancelled) }), "{action:?}");
}

/// A broken download is flushed, and what was flushed is stored, before it is tried again.
#[test]
fn broken_download_is_durable_before_the_next_request() {
    let (mut now, mut client, mut session) = (start(), client(), Session::new(job()));
    let mut action = session.next(now, &mut client, Input::Done).unwrap();
    for (expected, input) in script() {
        assert_eq!(name(&action), expected);
        now = after(now, &action);
        let etag = || Input::head(200, [("content-length", "27"), ("etag", "\"1\"")]).unwrap();
        let input = match (&action, input) {
            (Action::Send(send), _) if send.request.uri().path() == "/files/1" => etag(),
            (Action::Read { .. }, Input::End) => break,
            (Action::Read { .. }, _) => Input::Chunk((&b"%PDF-1.7 and"[..]).into()),
            (_, input) => input,
        };
        action = session.next(now, &mut client, input).unwrap();
    }
    let mut next = |input| {
        let action = session.next(now, &mut client, input).unwrap();
        now = after(now, &action);
        action
    };
    assert!(matches!(next(Input::Failed(FailureKind::Cut.into())), Action::Sync));
    let Action::Store { checkpoint } = next(Input::Length(12)) else { panic!() };
    assert_eq!(checkpoint.offset(), 12);
    let mut input = Input::Done;
    let send = loop {
        input = match next(input) {
            Action::Store { .. } | Action::Wait { .. } => Input::Done,
            Action::Measure { .. } => Input::Length(12),
            Action::Send(send) => break send,
            other => panic!("{other:?}"),
        };
    };
    assert_eq!(send.request.headers()["range"], "bytes=12-");
    let job = ExportJob::resume(*checkpoint, &Config::for_region(Region::Us)).unwrap();
    assert_eq!(job.checkpoint().offset(), 12);
}
