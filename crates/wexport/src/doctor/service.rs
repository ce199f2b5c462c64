//! Who answers at the API's address, and what time it is there.

use std::time::{Duration, SystemTime};

use export_hyper::{ApiError, Config, Dialect, ErrorOrigin, Head, Phase, Workiva};
use http::header::{DATE, LOCATION};
use http::{HeaderMap, Request, Response, Uri};

use super::chart::Chart;
use super::exchange::exchange;
use super::walk::{Line, unreachable};
use crate::args::DurationArg;
use crate::problem::{Exit, Problem};

/// The id of an operation that there is not.
pub(super) const NOWHERE: &str = "wexport-doctor";

/// Asks without credentials, and tells whether it is the service that refuses. Says whether it is.
pub(super) async fn answers(line: &Line, config: &Config, chart: &mut Chart<'_>) -> bool {
    let Some(request) = question(config) else { return false };
    let answer = match exchange(line, request).await {
        Ok(answer) => answer,
        Err(error) => {
            let problem = unreachable(format!("no answer came: {error}"));
            chart.failed("service", &problem.advise("try again; something on the way cuts it off"));
            chart.not_checked(&["clock"], "there is no answer");
            return false;
        }
    };
    let verdict = verdict(&answer, config);
    let is_service = verdict.is_ok();
    match verdict {
        Ok(what) => chart.ok("service", what),
        Err(problem) => chart.failed("service", &problem),
    }
    clock(answer.headers(), SystemTime::now(), chart);
    is_service
}

/// A request after an operation that there is not: it starts nothing, and needs a token.
fn question(config: &Config) -> Option<Request<Vec<u8>>> {
    let workiva = Workiva::attached(config);
    let url: Uri = workiva.operation_url(NOWHERE).ok()?.parse().ok()?;
    Some(workiva.request(Phase::Poll, Some(&url)))
}

/// What an answer says of why it is no success.
pub(super) fn words(answer: &Response<Vec<u8>>, config: &Config) -> ApiError {
    let head = Head::new(answer.status(), answer.headers());
    Workiva::attached(config).error(&head, answer.body())
}

fn verdict(answer: &Response<Vec<u8>>, config: &Config) -> Result<String, Problem> {
    let status = answer.status();
    let error = words(answer, config);
    if error.origin() == ErrorOrigin::Gateway {
        return Err(gateway(format!(
            "a proxy or gateway answers ({status}), not Workiva: {}",
            error.message().map_or_else(|| "its page has no title".into(), |t| format!("{t:?}"))
        )));
    }
    match status.as_u16() {
        300..=399 => Err(gateway(format!(
            "the answer ({status}) leads to {}: Workiva's API redirects nobody, a login page does",
            host_of(answer.headers())
        ))),
        401 => Ok("Workiva answers, and wants a token".into()),
        429 => Ok("Workiva answers, and is busy (429)".into()),
        500.. => Err(Problem::new(Exit::Failed, format!("Workiva is in trouble: {status}"))
            .advise("try again later; an export waits and tries again by itself")),
        _ if error.origin() == ErrorOrigin::Service => Ok(format!("Workiva answers ({status})")),
        _ => Err(unreachable(format!("the answer ({status}) is not in Workiva's words"))
            .advise("check --region and --base-url: is this the API's host?")),
    }
}

/// Something on the way answers in the service's place.
pub(super) fn gateway(what: String) -> Problem {
    unreachable(what)
        .advise("sign in there with a browser, or ask whoever runs the network for a way out")
        .advise("check --proxy, HTTPS_PROXY and NO_PROXY, and --base-url")
}

fn host_of(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| location.parse::<Uri>().ok());
    url.and_then(|url| Some(url.host()?.to_owned())).unwrap_or_else(|| "another page".into())
}

/// Clocks that are further apart make trouble with tokens and signed URLs.
const MOST_APART: Duration = Duration::from_secs(60);

/// A `Date` is in whole seconds, and the answer took its time.
const NO_DIFFERENCE: Duration = Duration::from_secs(3);

fn clock(headers: &HeaderMap, here: SystemTime, chart: &mut Chart<'_>) {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let Some(there) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return chart.not_checked(&["clock"], "the answer has no date");
    };
    let (apart, direction) = match here.duration_since(there) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let shown = DurationArg(Duration::from_secs(apart.as_secs()));
    let what = format!("this machine's clock is {shown} {direction} the service's");
    if apart <= NO_DIFFERENCE {
        chart.ok("clock", "this machine's clock agrees with the service's");
    } else if apart <= MOST_APART {
        chart.ok("clock", what);
    } else {
        let advice = "set it by the network (NTP): signed URLs and tokens are good for a time only";
        chart.warning("clock", what, advice);
    }
}
