//! What responds at the API's address, whether it accepts the token, and which API version is used.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use export_core::ExportJob;
use export_core::dialect::{Dialect, Head};
use export_core::driver::Step;
use export_core::token::{Token, TokenInfo, TokenNeed, TokenSource, TokenStep};
use export_core::workiva::{ArchiveOptions, StyleGuideExport, TestAttachment, Workiva};
use export_hyper::{
    ApiError, Config, DocumentExport, ErrorOrigin, ExportSpec, Failure, FailureKind, FileExport,
    Phase, PresentationExport, SpreadsheetExport,
};
use http::header::{DATE, LOCATION};
use http::{HeaderMap, Request, Response, StatusCode, Uri};

use super::Checks;
use super::connection::network_problem;
use super::requests::Requests;
use crate::args::DurationArg;
use crate::clock;
use crate::explain::gateway_text;
use crate::problem::{Exit, Problem};
use crate::settings::LoadedCredentials;
use crate::sunset;

/// The ID of an operation that does not exist: a poll of it changes nothing at the service.
const UNKNOWN_OPERATION: &str = "wexport-doctor";

/// Sends a request without a token. Returns whether the service responded, and not something else.
pub(super) async fn check_response(
    requests: &Requests,
    config: &Config,
    checks: &mut Checks<'_>,
) -> bool {
    let Some(request) = probe(config) else { return false };
    let response = match requests.send(request).await {
        Ok(response) => response,
        Err(reason) => {
            let problem = network_problem(format!("no response: {reason}"))
                .advise("try again; a firewall or a proxy may be closing the connection");
            checks.failed("service", &problem);
            checks.not_checked(&["clock"], "no response");
            return false;
        }
    };
    let identified = identify(&response, config);
    let is_service = identified.is_ok();
    match identified {
        Ok(message) => checks.ok("service", message),
        Err(problem) => checks.failed("service", &problem),
    }
    check_clock(response.headers(), SystemTime::now(), checks);
    is_service
}

/// A poll of an operation that does not exist. The service requires a token for it.
fn probe(config: &Config) -> Option<Request<Vec<u8>>> {
    let workiva = Workiva::attached(config);
    let url: Uri = workiva.operation_url(UNKNOWN_OPERATION).ok()?.parse().ok()?;
    Some(workiva.request(Phase::Poll, Some(&url)))
}

/// The error that a response reports.
fn api_error(response: &Response<Vec<u8>>, config: &Config) -> ApiError {
    let head = Head::new(response.status(), response.headers());
    Workiva::attached(config).error(&head, response.body())
}

/// Decides whether a response without a token is from the service.
fn identify(response: &Response<Vec<u8>>, config: &Config) -> Result<String, Problem> {
    let status = response.status();
    let error = api_error(response, config);
    if error.origin() == ErrorOrigin::Gateway {
        return Err(gateway_problem(gateway_text(status, &error)));
    }
    match status.as_u16() {
        300..=399 => Err(gateway_problem(format!(
            "the response ({status}) redirects to {}, which Workiva's API never does: it may be a \
             login page",
            redirect_host(response.headers())
        ))),
        401 => Ok("Workiva responded, and requires a token".into()),
        429 => Ok("Workiva responded, and is rate-limiting (429)".into()),
        500.. => {
            Err(Problem::new(Exit::Failed, format!("Workiva responded with an error: {status}"))
                .advise("try again later; exports retry automatically"))
        }
        _ if error.origin() == ErrorOrigin::Service => Ok(format!("Workiva responded ({status})")),
        _ => Err(network_problem(format!("the response ({status}) is not from Workiva's API"))
            .advise("check that --region or --base-url is the host of the API")),
    }
}

/// The problem if something else responds in place of the service.
fn gateway_problem(message: String) -> Problem {
    network_problem(message)
        .advise("sign in to this network with a browser, or ask its administrator for access")
        .advise("check --proxy, HTTPS_PROXY and NO_PROXY, and --base-url")
}

fn redirect_host(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| location.parse::<Uri>().ok());
    url.and_then(|url| Some(url.host()?.to_owned())).unwrap_or_else(|| "another page".into())
}

/// A larger difference may make valid tokens and signed URLs appear to have expired.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// A smaller difference cannot be measured: `Date` is in whole seconds, and a response takes time.
const MIN_CLOCK_DIFFERENCE: Duration = Duration::from_secs(3);

fn check_clock(headers: &HeaderMap, now: SystemTime, checks: &mut Checks<'_>) {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return checks.not_checked(&["clock"], "the response has no date");
    };
    let (difference, direction) = match now.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let seconds = DurationArg(Duration::from_secs(difference.as_secs()));
    let message = format!("this machine's clock is {seconds} {direction} the service's");
    if difference <= MIN_CLOCK_DIFFERENCE {
        checks.ok("clock", "this machine's clock agrees with the service's");
    } else if difference <= MAX_CLOCK_DIFFERENCE {
        checks.ok("clock", message);
    } else {
        let advice = "synchronize the clock (NTP): tokens and signed URLs expire";
        checks.warning("clock", message, advice);
    }
}

/// Gets a token, sends it to the API, and reports which commands its scopes allow.
pub(super) async fn check_token(
    requests: &Requests,
    credentials: LoadedCredentials,
    config: &Config,
    checks: &mut Checks<'_>,
) {
    let accepted = match get_token(requests, &credentials, config).await {
        Ok((token, info)) => send_token(requests, &token, config).await.map(|()| info),
        Err(problem) => Err(problem),
    };
    let info = match accepted {
        Ok(info) => info,
        Err(problem) => {
            checks.failed("token", &problem);
            return checks.not_checked(&["scopes"], "no accepted token");
        }
    };
    let lifetime = match (&credentials.client_id, info.lifetime) {
        (None, _) => "it cannot be renewed automatically".into(),
        (Some(_), Some(time)) => format!("it is new, and valid for {}", DurationArg(time)),
        (Some(_), None) => "it is new, and its lifetime is unknown".into(),
    };
    checks.ok("token", format!("the API accepted the token; {lifetime}"));
    check_scopes(info.scope.as_deref(), checks);
}

async fn get_token(
    requests: &Requests,
    credentials: &LoadedCredentials,
    config: &Config,
) -> Result<(Token, TokenInfo), Problem> {
    let source = credentials.credentials.source(config);
    let mut source = source.map_err(|error| Problem::usage(error.to_string()))?;
    let mut problem = None;
    // The second step returns the result of the first one's request.
    for _ in 0..2 {
        match source.step(clock::now(), TokenNeed::any()) {
            TokenStep::Ready(token) => {
                let info = source.token_info().cloned().unwrap_or_default();
                return Ok((token, info));
            }
            TokenStep::Failed(failure) => return Err(credential_problem(&failure)),
            // Nothing else provides tokens to the program.
            TokenStep::Wait(_) | TokenStep::Ask(_) => break,
            TokenStep::Transmit(request, ticket) => match requests.send(request).await {
                Ok(response) => {
                    let error = api_error(&response, config);
                    problem = Some(token_problem(response.status(), &error, &source));
                    let (head, body) = response.into_parts();
                    let head = Response::from_parts(head, ());
                    source.handle_response(clock::now(), ticket, &head, &body);
                }
                Err(reason) => {
                    problem = Some(network_problem(format!("cannot get a token: {reason}")));
                    let failure = Failure::new(FailureKind::Unanswered);
                    source.handle_failure(clock::now(), ticket, failure);
                }
            },
        }
    }
    let problem = problem.unwrap_or_else(|| network_problem("cannot get a token".into()));
    Err(problem.advise("try again later; exports retry automatically"))
}

/// The problem of a response that has no token and does not reject the credentials.
fn token_problem(status: StatusCode, error: &ApiError, source: &TokenSource) -> Problem {
    if error.origin() == ErrorOrigin::Gateway {
        return gateway_problem(format!(
            "cannot get a token: a proxy or gateway responded ({status}) instead of Workiva"
        ));
    }
    let error = error.to_string();
    let message = format!("cannot get a token: {status}: {}", source.mask(&error));
    Problem::new(Exit::Failed, message)
}

fn credential_problem(failure: &Failure) -> Problem {
    let exit = match failure.kind() {
        FailureKind::Unauthorized => Exit::Unauthorized,
        _ => Exit::Network,
    };
    Problem::new(exit, failure.to_string())
        .advise("check the client ID and secret, and that they are for this --region")
}

/// Sends the token to the API, with a request that needs no scope.
async fn send_token(requests: &Requests, token: &Token, config: &Config) -> Result<(), Problem> {
    let Some(request) = authorized_probe(token, config) else { return Ok(()) };
    match requests.send(request).await {
        Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
            let error = api_error(&response, config);
            let error = error.to_string();
            let message = format!("the API rejected the token: {}", token.mask(&error));
            Err(Problem::new(Exit::Unauthorized, message)
                .advise("it has expired, or is for another --region: get a new one"))
        }
        Ok(_) => Ok(()),
        Err(reason) => Err(network_problem(format!("no response: {reason}")).advise("try again")),
    }
}

/// The probe with a token. A job makes it, since only a job knows which origins may get the token.
fn authorized_probe(token: &Token, config: &Config) -> Option<Request<Vec<u8>>> {
    let mut job = ExportJob::attach(UNKNOWN_OPERATION, config).ok()?;
    match job.step(clock::now()) {
        Step::Transmit(transmit) => Some(transmit.start(clock::now(), Some(token), 0).0),
        _ => None,
    }
}

/// Reports which commands the scopes of the token allow.
fn check_scopes(granted: Option<&str>, checks: &mut Checks<'_>) {
    let mut needed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (command, spec) in sample_specs() {
        needed.entry(spec.scope()).or_default().push(command);
    }
    let list = |scopes: &[(&&str, &Vec<&str>)]| {
        let one =
            |(scope, commands): &(&&str, &Vec<&str>)| format!("{scope} ({})", commands.join(", "));
        scopes.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let Some(granted) = granted else {
        let needed: Vec<_> = needed.iter().collect();
        let reason = format!("the token's scopes are unknown; commands need {}", list(&needed));
        return checks.not_checked(&["scopes"], &reason);
    };
    let is_granted = |scope: &str| granted.split(' ').any(|granted| granted == scope);
    let (has, lacks): (Vec<_>, Vec<_>) = needed.iter().partition(|(scope, _)| is_granted(scope));
    match (has.is_empty(), lacks.is_empty()) {
        (_, true) => checks.ok("scopes", format!("all commands are allowed: {granted}")),
        (false, _) => checks.warning(
            "scopes",
            format!("the token has {}, and lacks {}", list(&has), list(&lacks)),
            "to use these commands, have the scopes added to the client",
        ),
        (true, _) => {
            let message = format!("the token lacks {}", list(&lacks));
            let advice = "have the scopes of the commands that you use added to the client";
            checks.failed("scopes", &Problem::new(Exit::Unauthorized, message).advise(advice));
        }
    }
}

/// An export of each command. They are not sent, but have the scope and the endpoint of the command.
fn sample_specs() -> Vec<(&'static str, ExportSpec)> {
    let archive = ArchiveOptions::default;
    vec![
        ("document", ExportSpec::document("x", DocumentExport::pdf())),
        ("spreadsheet", ExportSpec::spreadsheet("x", SpreadsheetExport::xlsx())),
        ("presentation", ExportSpec::presentation("x", PresentationExport::pdf())),
        ("style-guide", ExportSpec::style_guide("x", StyleGuideExport::latest())),
        ("file", ExportSpec::file("x", FileExport::supporting_document())),
        ("folder", ExportSpec::file("x", FileExport::folder(None))),
        ("container", ExportSpec::container("x", archive())),
        ("graph-report", ExportSpec::graph_report("x")),
        ("test-form", ExportSpec::test_form("x")),
        ("attachment", ExportSpec::test_attachment(TestAttachment::new("x", "x", "x"))),
    ]
}

/// Reports the API version, the commands that it does not support, and when its endpoints are
/// switched off.
pub(super) fn check_api_version(config: &Config, checks: &mut Checks<'_>) {
    let version = config.api_version();
    let (mut unsupported, mut near, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for (command, spec) in sample_specs() {
        let Ok(job) = ExportJob::new(spec, config) else {
            unsupported.push(command);
            continue;
        };
        let Some(notice) = job.sunset(clock::now()) else { continue };
        let (endpoint, date) = (notice.sunset.endpoint, notice.sunset.sunset.to_string());
        let day = date.split('T').next().unwrap_or(&date);
        match sunset::near_end(day, notice.days_left, endpoint) {
            Some(end) if !near.contains(&end) => near.push(end),
            Some(_) => {}
            None => far.push(format!("{endpoint} is switched off on {day}")),
        }
    }
    let unsupported = match unsupported.is_empty() {
        true => String::new(),
        false => format!(" (does not support {})", unsupported.join(", ")),
    };
    let ends = [near.as_slice(), &far].concat().join("; ");
    if ends.is_empty() {
        let message = format!("{version}{unsupported}: no end of support is announced");
        return checks.ok("api version", message);
    }
    let message = format!("{version}{unsupported}: {ends}");
    if near.is_empty() {
        checks.ok("api version", message);
    } else {
        checks.warning("api version", message, &sunset::advice(version.as_str()));
    }
}
