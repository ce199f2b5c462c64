//! Why an export ended without its file, and what to do about it.

use std::error::Error as StdError;

use export_host::TunnelError;
use export_hyper::{
    ApiError, AttemptError, Error, ExportError, Failure, FailureKind, Phase, ResumeError, SpecError,
};
use http::StatusCode;

use crate::problem::{Exit, Problem};

/// What the program knows beside the error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The OAuth scope that the export needs.
    pub(crate) scope: Option<String>,
    /// The job's id, if its state is kept.
    pub(crate) job: Option<String>,
    /// The operation, once there is one.
    pub(crate) operation: Option<String>,
    /// Where the token was given; `None` if a client asks for its tokens.
    pub(crate) token_from: Option<String>,
}

/// Explains an error.
pub(crate) fn explain(error: &ExportError, context: &Context) -> Problem {
    let mut problem = match error {
        ExportError::Job { error, .. } => explain_job(error, context),
        ExportError::Attach(_) => Problem::usage(error.to_string())
            .advise("give the operation's id, or its URL at the --region or --base-url in use"),
        ExportError::Resume(error) => explain_resume(error),
        ExportError::Spec(error) => explain_spec(error),
        _ => Problem::new(Exit::Local, error.to_string()),
    };
    let facts = &mut problem.facts;
    if facts.original_request.is_none() {
        facts.original_request = error.original_request().map(String::from);
    }
    facts.operation.clone_from(&context.operation);
    if error.checkpoint().is_some() && problem.again.is_none() {
        problem.again = Some(match (&context.job, &context.operation) {
            (Some(job), _) => format!("yes: wexport jobs resume {job}"),
            (None, Some(_)) => "yes: wexport fetch with the operation above".into(),
            (None, None) => "yes: nothing was accepted by the service yet".into(),
        });
    }
    problem
}

fn explain_spec(error: &SpecError) -> Problem {
    match error {
        SpecError::Version { what, version, instead } => {
            Problem::usage(format!("API version {version} cannot export {what}"))
                .advise(format!("use --api-version {instead}"))
        }
        SpecError::EmptyId { .. } => Problem::usage("an id is empty"),
        _ => Problem::usage(error.to_string()),
    }
}

fn explain_resume(error: &ResumeError) -> Problem {
    let problem = Problem::usage(error.to_string());
    match error {
        ResumeError::Version(_) => problem.advise("install the newer wexport that wrote it"),
        _ => problem,
    }
}

fn explain_job(error: &Error, context: &Context) -> Problem {
    let mut problem = Problem::new(exit_of(error), error.to_string());
    problem.facts.phase = error.phase().map(|phase| phase.to_string());
    match error {
        Error::Deadline { retry_at, .. } => {
            problem = problem.advise(match retry_at {
                Some(time) => format!("come back at {time}, or allow more with --timeout"),
                None => "allow more time with --timeout".into(),
            });
        }
        Error::ExportFailed { status, reason, original_request } => {
            problem.what = format!("the service ended the export as {status}");
            hear(&mut problem, reason);
            problem.facts.original_request.clone_from(original_request);
            problem = problem.advise("give the original request's id to Workiva's support");
            problem.again = Some("a new export may end better; this one is over".into());
        }
        Error::Gateway { phase, status, reason } => {
            problem.what = format!(
                "{phase}: a proxy or gateway answered ({status}), not Workiva: {}",
                gateway_words(reason)
            );
            problem.facts.status = Some(status.as_u16());
            problem.facts.request_id = reason.request_id().map(String::from);
            problem = problem
                .advise("check --proxy, HTTPS_PROXY and NO_PROXY, and --base-url")
                .advise("`wexport doctor` shows what is in use, and who answers");
        }
        Error::GaveUp { phase, failures, last } => {
            let (times, last_time) = if *failures > 1 {
                (format!(" {failures} times in a row"), true)
            } else {
                (String::new(), false)
            };
            problem.what = match last {
                AttemptError::Response(status, reason) => {
                    hear(&mut problem, reason);
                    problem.facts.status = Some(status.as_u16());
                    format!(
                        "{phase} failed{times}, {}with {status}",
                        if last_time { "the last time " } else { "" }
                    )
                }
                AttemptError::Failure(failure) => format!("{phase} failed{times}: {failure}"),
            };
            if let AttemptError::Failure(failure) = last
                && failure.kind() == FailureKind::NotSent
            {
                problem = problem
                    .advise("check the network, --base-url and the proxy: `wexport doctor` does");
            }
        }
        Error::Local { failure, .. } => problem.what = failure.to_string(),
        Error::WrongFormat { .. } | Error::Protocol { .. } | Error::UntrustedUrl { .. } => {
            problem.again = Some("not unchanged: the answer would be the same".into());
        }
        Error::Refused { phase, status, reason } => {
            problem.what = format!("{phase} was refused with {status}");
            problem.facts.status = Some(status.as_u16());
            hear(&mut problem, reason);
            problem = refused(problem, *phase, status.as_u16(), context);
        }
        Error::SubmitUnconfirmed { .. } => {
            problem = problem
                .advise("look in Workiva whether the export was made, or its mail has come")
                .advise("if not, send it once more with --resubmit always");
            problem.again = Some("not blindly: a second export may mail somebody".into());
        }
        Error::SwitchedOff { status, .. } => {
            problem.facts.status = Some(status.as_u16());
            problem = problem.advise("use --api-version 2026-01-01, the default");
            problem.again = Some("not with this API version".into());
        }
        Error::Unauthorized { reason, .. } => {
            if let AttemptError::Response(status, reason) = reason {
                problem.facts.status = Some(status.as_u16());
                hear(&mut problem, reason);
            }
            if let Some(from) = &context.token_from {
                problem = problem.advise(format!(
                    "the token of {from} has ended or was never good, and cannot be renewed here: \
                     give a new one, or a client, whose tokens are renewed"
                ));
            }
            problem = problem.advise(
                "check the credentials, and that they belong to this --region: `wexport doctor`",
            );
        }
        Error::Untrusted { phase, failure } => match tunnel_error(failure) {
            Some(error) => {
                problem.what = format!("{phase}: the proxy opens no way to Workiva: {error}");
                problem = refused_by_proxy(problem, error);
            }
            None => {
                problem = problem
                    .advise("behind a proxy that re-signs TLS, give its authority with --ca-bundle")
                    .advise("`wexport doctor` shows whose certificate was seen");
            }
        },
        _ => {}
    }
    problem
}

/// What a proxy said when it was asked for a connection, if that is what failed.
fn tunnel_error(failure: &Failure) -> Option<&TunnelError> {
    let mut cause = failure.get_ref().map(|error| error as &(dyn StdError + 'static));
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What to do about a proxy that refuses.
pub(crate) fn refused_by_proxy(problem: Problem, error: &TunnelError) -> Problem {
    match error {
        TunnelError::Refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => problem
            .advise(
                "put them into its URL: WEXPORT_PROXY (or HTTPS_PROXY) as \
                 http://USER:PASSWORD@HOST:PORT, with signs such as @ as %40",
            )
            .advise("--proxy takes no USER:PASSWORD: others can read a command line"),
        _ => problem.advise("ask whoever runs the proxy to allow CONNECT to the API's host"),
    }
}

/// A refusal: what the request lacks.
fn refused(mut problem: Problem, phase: Phase, status: u16, context: &Context) -> Problem {
    problem.again = Some("not unchanged: it would be refused again".into());
    match (status, &context.scope) {
        (403, Some(scope)) if !scope.is_empty() => {
            problem.exit = Exit::Unauthorized;
            problem
                .advise(format!("the client needs the scope {scope}, and its user access to this"))
        }
        (403, _) => {
            problem.exit = Exit::Unauthorized;
            problem.advise("the client's user needs access to this")
        }
        (404 | 410, _) if phase == Phase::Submit => {
            problem.advise("check the id, the kind and the --region: each workspace has its own")
        }
        (404 | 410, _) => problem.advise("the operation or its file is gone: export it anew"),
        (409, _) => problem.advise("another export of this may be under way: wait for it"),
        _ => problem,
    }
}

/// Takes over what an error answer says.
fn hear(problem: &mut Problem, reason: &ApiError) {
    let facts = &mut problem.facts;
    facts.code = reason.code().map(String::from);
    facts.message = reason.message().map(String::from);
    if let Some(target) = reason.target() {
        facts.details.push(format!("about: {target}"));
    }
    for detail in reason.details() {
        let parts = [&detail.code, &detail.message, &detail.target];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        facts.details.push(parts.join(": "));
    }
    facts.request_id = reason.request_id().map(String::from);
}

fn gateway_words(reason: &ApiError) -> String {
    reason.message().map_or_else(|| "its page has no words".into(), |words| format!("{words:?}"))
}

/// The code that an error ends the program with.
const fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Deadline { .. } => Exit::GaveUp,
        Error::GaveUp { last: AttemptError::Failure(failure), .. } => match failure.kind() {
            FailureKind::NotSent => Exit::Network,
            _ => Exit::GaveUp,
        },
        Error::GaveUp { .. } => Exit::GaveUp,
        Error::Gateway { .. } | Error::SubmitUnconfirmed { .. } | Error::Untrusted { .. } => {
            Exit::Network
        }
        Error::Local { .. } => Exit::Local,
        Error::Refused { .. } | Error::SwitchedOff { .. } => Exit::Refused,
        Error::Unauthorized { .. } => Exit::Unauthorized,
        _ => Exit::Failed,
    }
}
