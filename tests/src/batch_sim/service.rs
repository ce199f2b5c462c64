//! The simulated service, with throttled periods and counters.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use export_core::token::Token;
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Config, ExportJob, FailureKind, Limits};
use export_core::{Pace, Timestamp};
use export_sim::{Ending, Fault, Moment, RandomRule, RetryAfter, Scenario};
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};

use super::BatchSim;

/// The URL of the API.
pub(super) const API: &str = "http://127.0.0.1:8080";

const TOKEN: &str = "sim";

/// The `Retry-After` of responses in a throttled period, in seconds.
const THROTTLED_RETRY_AFTER: &str = "5";

/// The simulator, with periods in which it rejects all polls or all requests.
#[derive(Debug)]
pub(super) struct Service {
    simulator: export_sim::Service,
    throttled: Vec<Range<Timestamp>>,
    outages: Vec<Range<Timestamp>>,
    pub(super) counters: Counters,
}

/// Counters of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: u64,
    pub(super) polls: u64,
    /// The number of responses with 429.
    pub(super) throttled: u64,
    /// The time of the last response with 429.
    pub(super) last_throttled: Option<Timestamp>,
    /// The real time spent in the service.
    pub(super) busy: Duration,
}

/// A response that may be incomplete.
#[derive(Debug)]
pub(super) struct PartialResponse {
    pub(super) response: Result<Response<Bytes>, FailureKind>,
    /// Whether the body is incomplete.
    pub(super) is_cut: bool,
    /// The time that the service took to respond.
    pub(super) took: Duration,
}

impl Service {
    pub(super) fn new(sim: &BatchSim) -> Self {
        let config = export_sim::Config::default()
            .with_public_url(http::Uri::from_static(API))
            .with_token(TOKEN)
            .with_operations_rate(sim.rate_limit)
            .with_completion(sim.duration)
            .with_artifact_size(64)
            .with_record_limit(0)
            .with_seed(sim.seed)
            .with_scenario(scenario(sim));
        let time = |seconds: u64| sim.start + Duration::from_secs(seconds);
        let times = |periods: &[Range<u64>]| {
            periods.iter().map(|period| time(period.start)..time(period.end)).collect()
        };
        Self {
            simulator: export_sim::Service::new(config),
            throttled: times(&sim.throttled),
            outages: times(&sim.outages),
            counters: Counters::default(),
        }
    }

    /// Handles a request that arrives at `now`.
    pub(super) fn handle(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> PartialResponse {
        let began = Instant::now();
        let partial = self.respond(now, request);
        self.counters.busy += began.elapsed();
        if let Ok(response) = &partial.response
            && response.status() == StatusCode::TOO_MANY_REQUESTS
        {
            self.counters.throttled += 1;
            self.counters.last_throttled = Some(now);
        }
        partial
    }

    fn respond(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> PartialResponse {
        self.counters.requests += 1;
        let is_poll = request.uri().path().contains("/operations/");
        self.counters.polls += u64::from(is_poll);
        if self.outages.iter().any(|period| period.contains(&now)) {
            let response = Response::builder().status(503).body(Bytes::new());
            let response = Ok(response.expect("the response is valid"));
            return PartialResponse { response, is_cut: false, took: Duration::ZERO };
        }
        if is_poll && self.throttled.iter().any(|period| period.contains(&now)) {
            let response = Response::builder().status(429);
            let response = response.header("retry-after", THROTTLED_RETRY_AFTER);
            let response = response.body(Bytes::new()).expect("the response is valid");
            return PartialResponse { response: Ok(response), is_cut: false, took: Duration::ZERO };
        }
        let now = export_sim::Timestamp::from_millis(now.as_millis());
        let received = self.simulator.handle(now, request.map(Bytes::from)).deliver();
        let received = received.expect("a synthetic file can be read");
        let (ending, mut took) = (received.ending(), received.took());
        if ending == Ending::Hung {
            took += Limits::default().request_timeout;
        }
        let response = received.into_response().ok_or(FailureKind::Unanswered);
        let has_wrong_length = response.as_ref().is_ok_and(|response| {
            let length = response.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|it| it.to_str().ok()?.parse().ok());
            length.is_some_and(|length: usize| length != response.body().len())
        });
        let is_cut = has_wrong_length || ending != Ending::Complete;
        PartialResponse { response, is_cut, took }
    }
}

/// Random faults of a busy service and an unreliable network.
fn scenario(sim: &BatchSim) -> Scenario {
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
    Scenario::default().with_random(RandomRule { seed: sim.seed, rate: sim.faults, faults })
}

/// The configuration of the jobs. They poll as often as the service allows, because the pacer limits
/// the rate of all jobs together.
pub(super) fn config(budget: Duration) -> Config {
    let config = Config::new(API).expect("the URL is valid");
    config
        .with_api_version(ApiVersion::V2026_01_01)
        .with_pace(Pace::Exact)
        .with_limits(Limits::default().with_job_timeout(budget))
}

/// The export with this number.
pub(super) fn job(number: usize, config: &Config) -> ExportJob {
    let spec = ExportSpec::document(format!("{number:032x}"), DocumentExport::pdf());
    ExportJob::new(spec, config).expect("the spec is valid")
}

pub(super) fn token() -> Token {
    Token::fixed(TOKEN).expect("the token is ASCII")
}
