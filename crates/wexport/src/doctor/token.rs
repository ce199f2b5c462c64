//! Whether a token is to be had, whether the API takes it, and what it is good for.

use std::collections::BTreeMap;

use export_hyper::{
    Config, ErrorOrigin, ExportJob, Failure, FailureKind, Step, Token, TokenInfo, TokenNeed,
    TokenStep,
};
use http::{Request, Response, StatusCode};

use super::chart::Chart;
use super::exchange::exchange;
use super::walk::{Line, unreachable};
use super::{api, service};
use crate::args::DurationArg;
use crate::clock;
use crate::problem::{Exit, Problem};
use crate::settings::Loaded;

/// Gets a token, shows it to the API, and tells what it is good for.
pub(super) async fn check(line: &Line, loaded: Loaded, config: &Config, chart: &mut Chart<'_>) {
    let obtained = match obtain(line, &loaded, config).await {
        Ok((token, grant)) => shown(line, &token, config).await.map(|()| grant),
        Err(problem) => Err(problem),
    };
    let grant = match obtained {
        Ok(grant) => grant,
        Err(problem) => {
            chart.failed("token", &problem);
            return chart.not_checked(&["scopes"], "there is no token that is accepted");
        }
    };
    let lifetime = match (&loaded.client_id, grant.lifetime) {
        (None, _) => "; it was given, and cannot be renewed here".into(),
        (Some(_), Some(time)) => format!("; it was got now, good for {}", DurationArg(time)),
        (Some(_), None) => "; it was got now, and nobody says how long it is good".into(),
    };
    chart.ok("token", format!("the API accepts the token{lifetime}"));
    scopes(grant.scope.as_deref(), chart);
}

async fn obtain(
    line: &Line,
    loaded: &Loaded,
    config: &Config,
) -> Result<(Token, TokenInfo), Problem> {
    let source = loaded.credentials.source(config);
    let mut source = source.map_err(|error| Problem::usage(error.to_string()))?;
    let mut last = None;
    // ExportCommand for once, and once more to hear what came of it.
    for _ in 0..2 {
        match source.step(clock::now(), TokenNeed::any()) {
            TokenStep::Ready(token) => {
                let grant = source.token_info().cloned().unwrap_or_default();
                return Ok((token, grant));
            }
            TokenStep::Failed(failure) => return Err(refused(&failure)),
            TokenStep::Wait(_) => break,
            TokenStep::Transmit(request, ticket) => match exchange(line, request).await {
                Ok(answer) => {
                    last = Some(unheard(&answer, config));
                    let (head, body) = answer.into_parts();
                    let head = Response::from_parts(head, ());
                    source.handle_response(clock::now(), ticket, &head, &body);
                }
                Err(error) => {
                    last = Some(unreachable(format!("no token could be had: {error}")));
                    let failure = Failure::new(FailureKind::Unanswered);
                    source.handle_failure(clock::now(), ticket, failure);
                }
            },
        }
    }
    let problem = last.unwrap_or_else(|| unreachable("no token could be had".into()));
    Err(problem.advise("try again later; an export waits and tries again by itself"))
}

/// An answer that brings no token and is no refusal.
fn unheard(answer: &Response<Vec<u8>>, config: &Config) -> Problem {
    let status = answer.status();
    match service::words(answer, config) {
        page if page.origin() == ErrorOrigin::Gateway => service::gateway(format!(
            "no token could be had: a proxy or gateway answers ({status}), not Workiva"
        )),
        error => Problem::new(Exit::Failed, format!("no token could be had: {status}: {error}")),
    }
}

fn refused(failure: &Failure) -> Problem {
    let exit = match failure.kind() {
        FailureKind::Unauthorized => Exit::Unauthorized,
        _ => Exit::Network,
    };
    Problem::new(exit, failure.to_string())
        .advise("check the client's id and secret, and that they belong to this --region")
}

/// Shows the token to the API, with a question that needs no scope.
async fn shown(line: &Line, token: &Token, config: &Config) -> Result<(), Problem> {
    let Some(request) = with_token(token, config) else { return Ok(()) };
    match exchange(line, request).await {
        Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
            let error = service::words(&answer, config);
            let problem =
                Problem::new(Exit::Unauthorized, format!("the API refuses the token: {error}"));
            Err(problem.advise("it has ended, or belongs to another --region: get a new one"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(unreachable(format!("no answer came: {error}")).advise("try again")),
    }
}

/// The same question as of a job, which alone knows where a token may go.
fn with_token(token: &Token, config: &Config) -> Option<Request<Vec<u8>>> {
    let mut job = ExportJob::attach(service::NOWHERE, config).ok()?;
    match job.step(clock::now()) {
        Step::Transmit(transmit) => Some(transmit.start(clock::now(), Some(token), 0).0),
        _ => None,
    }
}

/// What the token is good for, by the commands that need it.
fn scopes(granted: Option<&str>, chart: &mut Chart<'_>) {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (command, spec) in api::samples() {
        needs.entry(spec.scope()).or_default().push(command);
    }
    let list = |needs: &[(&&str, &Vec<&str>)]| {
        let one =
            |(scope, commands): &(&&str, &Vec<&str>)| format!("{scope} ({})", commands.join(", "));
        needs.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let Some(granted) = granted else {
        let needs: Vec<_> = needs.iter().collect();
        let why = format!("nobody says which it has; needed are {}", list(&needs));
        return chart.not_checked(&["scopes"], &why);
    };
    let has = |scope: &str| granted.split(' ').any(|granted| granted == scope);
    let (has, lacks): (Vec<_>, Vec<_>) = needs.iter().partition(|(scope, _)| has(scope));
    match (has.is_empty(), lacks.is_empty()) {
        (_, true) => chart.ok("scopes", format!("all that a command needs: {granted}")),
        (false, _) => chart.warning(
            "scopes",
            format!("it has {}, and lacks {}", list(&has), list(&lacks)),
            "if you need those commands, have the scopes added to the client",
        ),
        (true, _) => {
            let problem = Problem::new(Exit::Unauthorized, format!("it lacks {}", list(&lacks)));
            let advice = "have the scopes of the commands that you need added to the client";
            chart.failed("scopes", &problem.advise(advice));
        }
    }
}
