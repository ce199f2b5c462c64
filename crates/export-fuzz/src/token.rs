//! Responses of a token endpoint.

use std::time::Duration;

use export_core::driver::Step;
use export_core::token::{TokenNeed, TokenSource, TokenStep};
use export_core::workiva::Region;
use export_core::{Config, ExportJob, Failure, Phase, Timestamp};

use crate::harness::contains_secret;
use crate::origin::{Allowed, US};
use crate::script::{Script, ScriptedReply};

const SECRET: &str = "cl1ent-5ecret";

/// Longer than any job waits for a token.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

/// Runs a token source with a [script](crate::script). The API refuses all its tokens.
pub(crate) fn check(data: &[u8]) {
    if contains_secret(SECRET, data) {
        return;
    }
    let script = Script::read(data);
    let config = Config::for_region(Region::Us);
    let allowed = Allowed::new(&US);
    let mut source = TokenSource::client_credentials("id", SECRET, &config);
    let mut replies = script.replies.iter();
    let mut now = Timestamp::from_date(2026, 3, 1);
    let mut need = TokenNeed::any();
    let mut requested: Option<Timestamp> = None;
    // Each reply causes a few steps at most.
    for _ in 0..8 * (script.replies.len() + 1) {
        let step = source.step(now, need);
        assert!(!format!("{source:?} {step:?}").contains(SECRET), "the secret is printed");
        match step {
            TokenStep::Ready(token) => {
                assert_legal(&config, now, &token);
                now = now + Duration::from_secs(if script.has_flag("late") { 40 } else { 1 });
                need = TokenNeed::other_than(token.id());
            }
            TokenStep::Wait(until) => {
                assert!(until > now, "the wait is already over");
                if until.since(now) > MAX_WAIT {
                    return;
                }
                now = until;
            }
            TokenStep::Failed(failure) => {
                assert!(!failure.to_string().contains(SECRET), "the secret in {failure}");
                return;
            }
            TokenStep::Ask(_) => panic!("the source has an endpoint"),
            TokenStep::Transmit(request, ticket) => {
                assert!(allowed.has(&request.uri().to_string()), "{}", request.uri());
                assert!(ticket.give_up_at() > now);
                assert!(requested.is_none_or(|requested| now > requested), "two requests at once");
                requested = Some(now);
                match replies.next() {
                    None => return,
                    Some(ScriptedReply::Crash | ScriptedReply::Drop) => source.abandon(now, ticket),
                    Some(ScriptedReply::Failure(kind)) => {
                        source.handle_failure(now, ticket, Failure::new(*kind));
                    }
                    Some(ScriptedReply::Response(response)) => {
                        now = now + response.delay;
                        source.handle_response(now, ticket, &response.head, response.body);
                    }
                }
            }
        }
    }
    panic!("the source does not end");
}

/// Asserts that a token is sent as a valid header.
fn assert_legal(config: &Config, now: Timestamp, token: &export_core::token::Token) {
    let mut job = ExportJob::attach("op1", config).unwrap();
    let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
    assert_eq!(transmit.phase(), Phase::Poll);
    let (request, _) = transmit.start(now, Some(token), 0);
    let value = request.headers()["authorization"].as_bytes();
    let token = value.strip_prefix(b"Bearer ").unwrap();
    assert!(!token.is_empty() && token.iter().all(u8::is_ascii_graphic), "{token:?}");
}
