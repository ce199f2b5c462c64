//! Answers of a token endpoint.

use std::time::Duration;

use export_core::{
    Config, ExportJob, Failure, Phase, Region, Step, Timestamp, TokenNeed, TokenSource, TokenStep,
};

use crate::origin::{Allowed, US};
use crate::script::{Script, Turn};
use crate::world::gives_away;

const SECRET: &str = "cl1ent-5ecret";

const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Plays a [script](crate::script) of a token endpoint, whose tokens are all refused.
pub(crate) fn check(data: &[u8]) {
    if gives_away(SECRET, data) {
        return;
    }
    let script = Script::read(data);
    let config = Config::for_region(Region::Us);
    let allowed = Allowed::new(&US);
    let mut source = TokenSource::client_credentials("id", SECRET, &config);
    let mut turns = script.turns.iter();
    let mut now = Timestamp::from_date(2026, 3, 1);
    let mut need = TokenNeed::any();
    let mut asked: Option<Timestamp> = None;
    // Each answer leads to a few steps at most.
    for _ in 0..8 * (script.turns.len() + 1) {
        let step = source.step(now, need);
        assert!(!format!("{source:?} {step:?}").contains(SECRET), "the secret is shown");
        match step {
            TokenStep::Ready(token) => {
                assert_legal(&config, now, &token);
                now = now + Duration::from_secs(if script.says("late") { 40 } else { 1 });
                need = TokenNeed::other_than(token.id());
            }
            TokenStep::Wait(until) => {
                assert!(until > now, "a wait for the past");
                if until.since(now) > LONGEST_WAIT {
                    // Longer than any job waits for a token.
                    return;
                }
                now = until;
            }
            TokenStep::Failed(failure) => {
                assert!(!failure.to_string().contains(SECRET), "the secret in {failure}");
                return;
            }
            TokenStep::Transmit(request, ticket) => {
                assert!(allowed.has(&request.uri().to_string()), "{}", request.uri());
                assert!(ticket.give_up_at() > now);
                assert!(asked.is_none_or(|asked| now > asked), "two requests at once");
                asked = Some(now);
                match turns.next() {
                    None => return,
                    Some(Turn::Crash | Turn::Drop) => source.abandon(now, ticket),
                    Some(Turn::Lost(kind)) => {
                        source.handle_failure(now, ticket, Failure::new(*kind));
                    }
                    Some(Turn::Answer(answer)) => {
                        now = now + answer.after;
                        source.handle_response(now, ticket, &answer.head, answer.body);
                    }
                }
            }
        }
    }
    panic!("the source spins");
}

/// What is sent in a header can be nothing but a header.
fn assert_legal(config: &Config, now: Timestamp, token: &export_core::Token) {
    let mut job = ExportJob::attach("op1", config).unwrap();
    let Step::Transmit(transmit) = job.step(now) else { panic!("nothing is waited for") };
    assert_eq!(transmit.phase(), Phase::Poll);
    let (request, _) = transmit.start(now, Some(token), 0);
    let value = request.headers()["authorization"].as_bytes();
    let token = value.strip_prefix(b"Bearer ").unwrap();
    assert!(!token.is_empty() && token.iter().all(u8::is_ascii_graphic), "{token:?}");
}
