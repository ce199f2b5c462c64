//! The service that a fleet asks, and what it counts.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use export_core::{ApiVersion, Config, DocumentExport, ExportJob, ExportSpec, FailureKind, Limits};
use export_core::{Pace, Timestamp, Token};
use export_sim::{Ending, Fault, Moment, RandomRule, RetryAfter, Scenario};
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};

use super::Fleet;

/// Where the API is.
pub(super) const API: &str = "http://127.0.0.1:8080";

const TOKEN: &str = "fleet";

/// How long a storm asks to be left alone.
const CALM: &str = "5";

/// The simulator, and the storms that pass over it.
#[derive(Debug)]
pub(super) struct Service {
    simulator: export_sim::Service,
    storms: Vec<Range<Timestamp>>,
    pub(super) tally: Tally,
}

/// What was asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    /// Requests for operations.
    pub(super) polls: u64,
    /// Answers with 429, and when the last of them was.
    pub(super) refused: u64,
    pub(super) last_refused: Option<Timestamp>,
    /// The processor's time that went into answering.
    pub(super) busy: Duration,
}

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) answer: Result<Response<Bytes>, FailureKind>,
    /// What is wrong with the rest of its body.
    pub(super) cut: bool,
    pub(super) took: Duration,
}

impl Service {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let config = export_sim::Config::default()
            .with_public_url(http::Uri::from_static(API))
            .with_token(TOKEN)
            .with_operations_rate(fleet.limit)
            .with_completion(fleet.takes)
            .with_artifact_size(64)
            .with_record_limit(0)
            .with_seed(fleet.seed)
            .with_scenario(scenario(fleet));
        let time = |seconds: u64| fleet.start + Duration::from_secs(seconds);
        Self {
            simulator: export_sim::Service::new(config),
            storms: fleet.storms.iter().map(|storm| time(storm.start)..time(storm.end)).collect(),
            tally: Tally::default(),
        }
    }

    /// Answers a request that arrives at a time.
    pub(super) fn answer(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> Heard {
        let began = Instant::now();
        let heard = self.answer_now(now, request);
        self.tally.busy += began.elapsed();
        if let Ok(answer) = &heard.answer
            && answer.status() == StatusCode::TOO_MANY_REQUESTS
        {
            self.tally.refused += 1;
            self.tally.last_refused = Some(now);
        }
        heard
    }

    fn answer_now(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> Heard {
        self.tally.requests += 1;
        let is_poll = request.uri().path().contains("/operations/");
        self.tally.polls += u64::from(is_poll);
        if is_poll && self.storms.iter().any(|storm| storm.contains(&now)) {
            let answer = Response::builder().status(429).header("retry-after", CALM);
            let answer = answer.body(Bytes::new()).expect("all of it is legal");
            return Heard { answer: Ok(answer), cut: false, took: Duration::ZERO };
        }
        let now = export_sim::Timestamp::from_millis(now.as_millis());
        let seen = self.simulator.handle(now, request.map(Bytes::from)).deliver();
        let seen = seen.expect("a made-up file can be read");
        let (ending, mut took) = (seen.ending(), seen.took());
        if ending == Ending::Hung {
            took += Limits::default().attempt;
        }
        let answer = seen.into_response().ok_or(FailureKind::Unanswered);
        let cut = answer.as_ref().is_ok_and(|answer| {
            let announced = answer.headers().get(CONTENT_LENGTH);
            let announced = announced.and_then(|it| it.to_str().ok()?.parse().ok());
            announced.is_some_and(|announced: usize| announced != answer.body().len())
        });
        Heard { answer, cut: cut || ending != Ending::Complete, took }
    }
}

/// What goes wrong at random: what comes of a busy service and a bad line.
fn scenario(fleet: &Fleet) -> Scenario {
    let soon = RetryAfter::Seconds(1);
    let faults = vec![
        Fault::status_with_retry_after(429, soon.clone()),
        Fault::status_with_retry_after(503, soon),
        Fault::status(503),
        Fault::status(500),
        Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_millis(500)) },
        Fault::Close { at: Moment::BeforeHead },
        Fault::Close { at: Moment::AfterHead },
        Fault::Close { at: Moment::Byte(20) },
    ];
    Scenario::default().with_random(RandomRule { seed: fleet.seed, rate: fleet.faults, faults })
}

/// How the jobs of a fleet are set up: at the pace of the service, since it is the pacer that is
/// polite for all of them.
pub(super) fn config(budget: Duration) -> Config {
    let config = Config::new(API).expect("it is a URL on this machine");
    config
        .with_api_version(ApiVersion::V2026_01_01)
        .with_pace(Pace::Exact)
        .with_limits(Limits { job: budget, ..Limits::default() })
}

/// The export with a number.
pub(super) fn job(number: usize, config: &Config) -> ExportJob {
    let spec = ExportSpec::document(format!("{number:032x}"), DocumentExport::pdf());
    ExportJob::new(spec, config).expect("the spec is legal")
}

pub(super) fn token() -> Token {
    Token::fixed(TOKEN).expect("it is ASCII")
}
