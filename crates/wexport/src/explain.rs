//! Explains errors of exports to users: what failed, and what to do.

use std::io;

use export_core::origins::{Origin, UrlError};
use export_core::{ErrorOrigin, ResumeError};
use export_host::{TunnelError, UnexpectedTls, find_cause};
use export_hyper::{
    ApiError, AttemptError, Error, ExportError, Failure, FailureKind, Phase, SpecError,
};
use http::StatusCode;

use crate::problem::{Ending, Exit, Problem};

/// What an explanation uses in addition to the error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The OAuth scope that the export needs.
    pub(crate) scope: Option<String>,
    /// The command that resumes the job, if its state is kept.
    pub(crate) resume: Option<String>,
    /// The URL of the operation, if the export was accepted.
    pub(crate) operation: Option<String>,
    /// Where a fixed token is from; `None` if an OAuth client requests tokens.
    pub(crate) token_source: Option<String>,
    /// Whether the operation was started elsewhere.
    pub(crate) is_attached: bool,
    /// Whether the export sends an email.
    pub(crate) sends_email: bool,
}

pub(crate) fn explain(error: &ExportError, context: &Context) -> Problem {
    let mut problem = match error {
        ExportError::Job { error, .. } => explain_job(error, context),
        ExportError::Files(error) => explain_files(error, context),
        ExportError::Attach(_) => Problem::usage(error.to_string())
            .advise("pass the operation's ID, or its URL on the host of --region or --base-url"),
        ExportError::Resume(error) => explain_resume(error),
        ExportError::Spec(error) => explain_spec(error),
        _ => Problem::new(Exit::Local, error.to_string()),
    };
    let facts = &mut problem.facts;
    if facts.original_request.is_none() {
        facts.original_request = error.original_request().map(String::from);
    }
    facts.operation.clone_from(&context.operation);
    facts.ending = match (error.job(), problem.exit) {
        (Some(Error::SubmitUnconfirmed { .. }), _) => Some(Ending::Unconfirmed),
        (Some(Error::Refused { .. }), _) | (_, Exit::Refused | Exit::Failed) => {
            Some(Ending::Refused)
        }
        _ => None,
    };
    if error.checkpoint().is_some() && problem.retry.is_none() {
        problem.retry = Some(match (&context.resume, &context.operation) {
            (Some(resume), _) => format!("yes: {resume}"),
            (None, Some(_)) => "yes: wexport fetch with the operation above".into(),
            (None, None) if context.is_attached => "yes: run the command again".into(),
            (None, None) if error.checkpoint().is_some_and(|job| job.submits() > 0) => {
                "yes, after a check in Workiva: the service may have accepted the export".into()
            }
            (None, None) => "yes: the service has not accepted the export".into(),
        });
    }
    problem
}

/// Explains why the files of the workspace cannot be listed: as for a poll, which its requests are.
fn explain_files(error: &Error, context: &Context) -> Problem {
    let mut problem = explain_job(error, &Context { is_attached: true, ..context.clone() });
    problem.facts.phase = None;
    if let Some(rest) = problem.message.strip_prefix("poll") {
        problem.message = format!("listing the files{rest}");
    }
    match error {
        Error::Refused { status: StatusCode::FORBIDDEN, .. } => {
            let scope = context.scope.as_deref().unwrap_or_default();
            problem.advice = vec![format!("the client needs the scope {scope}")];
            problem.retry = Some("yes, once it is allowed".into());
        }
        Error::Refused { .. } => {
            problem.advice = vec![
                "check --region, --base-url and --api-version".into(),
                "if this repeats, give the request ID to Workiva's support".into(),
            ];
            problem.retry = Some(REFUSED_AGAIN.into());
        }
        // Nothing was accepted that an operation could be fetched of.
        Error::UntrustedUrl { .. } => {
            problem.retry = Some("only once it is allowed".into());
        }
        _ if error.is_resumable() => problem.retry = Some("yes: run the command again".into()),
        _ => {}
    }
    problem
}

/// The error of this machine that caused a failure.
pub(crate) fn local_error(failure: &Failure) -> Option<io::ErrorKind> {
    find_cause(failure.get_ref()?).map(io::Error::kind)
}

/// Explains why a request is invalid.
pub(crate) fn explain_spec(error: &SpecError) -> Problem {
    match error {
        SpecError::Version { what, version, instead } => {
            Problem::usage(format!("API version {version} cannot export {what}"))
                .advise(format!("use --api-version {instead}"))
        }
        SpecError::EmptyId { .. } => Problem::usage("the ID is empty"),
        _ => Problem::usage(error.to_string()),
    }
}

fn explain_resume(error: &ResumeError) -> Problem {
    let problem = Problem::usage(error.to_string());
    match error {
        ResumeError::Version(_) => {
            problem.advise("upgrade wexport: a newer version stored this job")
        }
        _ => problem,
    }
}

fn explain_job(error: &Error, context: &Context) -> Problem {
    let mut problem = Problem::new(exit_of(error), error.to_string());
    problem.facts.phase = error.phase().map(|phase| phase.to_string());
    match error {
        Error::Deadline { lacks_url: true, .. } => {
            problem =
                problem.advise("try again later, and report it to Workiva's support if it lasts");
        }
        Error::Deadline { retry_at, is_total, .. } => {
            let flag = if *is_total { "--max-time" } else { "--timeout" };
            problem = problem.advise(match retry_at {
                Some(time) => format!("try again after {time}, or raise {flag}"),
                None => format!("raise {flag}"),
            });
        }
        Error::TooLarge { .. } => problem = problem.advise("raise --max-filesize"),
        Error::ExportFailed { status, reason, original_request } => {
            problem.message = format!("the service ended the export with status '{status}'");
            add_api_error(&mut problem, reason);
            problem.facts.original_request.clone_from(original_request);
            problem = problem.advise("give the original request ID to Workiva's support");
            problem.retry = Some("yes, with a new export: this one has ended".into());
        }
        Error::Gateway { phase, status, reason } => {
            problem.message = format!("{phase}: {}", gateway_text(*status, reason));
            problem.facts.status = Some(status.as_u16());
            problem.facts.request_id = reason.request_id().map(String::from);
            problem = problem
                .advise("check --proxy, HTTPS_PROXY and NO_PROXY, and --base-url")
                .advise("`wexport doctor` shows the proxy in use and what responds");
        }
        Error::GaveUp { phase, failures, last } => {
            let (times, most_recently) = match failures {
                0 | 1 => (String::new(), ""),
                failures => (format!(" {failures} times in a row"), ", most recently"),
            };
            problem.message = match last {
                AttemptError::Response(status, reason) => {
                    add_api_error(&mut problem, reason);
                    problem.facts.status = Some(status.as_u16());
                    format!("{phase} failed{times}{most_recently} with {status}")
                }
                AttemptError::Failure(failure) => format!("{phase} failed{times}: {failure}"),
            };
            if let AttemptError::Failure(failure) = last
                && failure.kind() == FailureKind::NotSent
            {
                problem = problem
                    .advise("check the network, --base-url and the proxy with `wexport doctor`");
            }
        }
        Error::Local { failure, .. } => {
            problem.message = failure.to_string();
            problem = match local_error(failure) {
                Some(
                    io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge,
                ) => problem.advise("free some space on the disk"),
                Some(io::ErrorKind::BrokenPipe) => {
                    problem.advise("let the program that reads standard output read all of it")
                }
                _ => problem,
            };
        }
        Error::WrongFormat { .. } if context.is_attached => {
            problem = problem.advise("to take it as it is, use --any");
            problem.retry = Some("no: the response would be the same".into());
        }
        // The token is not to be sent over plain http.
        Error::UntrustedUrl { phase, url, reason: UrlError::Origin }
            if url.starts_with("https:") =>
        {
            problem.retry = Some("only once it is allowed, with a new export".into());
            if let Ok(origin) = Origin::parse(url) {
                problem = problem
                    .advise(format!("if {origin} is Workiva's, allow it: --allow-origin {origin}"));
                // The export was accepted, and this is its operation.
                if *phase == Phase::Poll && context.operation.is_none() {
                    let fetch = format!("wexport fetch {url} --allow-origin {origin}");
                    problem.retry =
                        Some(format!("once it is allowed, without a new export: {fetch}"));
                }
            }
            problem = problem.advise("if not, report it to Workiva's support");
        }
        Error::WrongFormat { .. } | Error::Protocol { .. } | Error::UntrustedUrl { .. } => {
            problem = problem.advise(match &context.resume {
                Some(_) => {
                    "report it to Workiva's support, with the request ID that `wexport jobs show` \
                     prints"
                }
                None => "report it to Workiva's support",
            });
            problem.retry = Some("no: the response would be the same".into());
        }
        Error::Refused { phase, status, reason } => {
            problem.message = format!("{phase} was refused with {status}");
            problem.facts.status = Some(status.as_u16());
            add_api_error(&mut problem, reason);
            problem = advise_on_refusal(problem, *phase, status.as_u16(), context);
        }
        Error::SubmitUnconfirmed { last, .. } => {
            if let AttemptError::Response(status, reason) = last {
                problem.facts.status = Some(status.as_u16());
                let response = match reason.origin() {
                    ErrorOrigin::Gateway => {
                        problem.facts.request_id = reason.request_id().map(String::from);
                        gateway_text(*status, reason)
                    }
                    _ => {
                        add_api_error(&mut problem, reason);
                        format!("the response was {status}")
                    }
                };
                problem.message =
                    format!("the submit request may have started an export: {response}");
            }
            problem = advise_on_unconfirmed(problem, context);
        }
        Error::SwitchedOff { status, .. } => {
            problem.facts.status = Some(status.as_u16());
            problem = problem.advise("use --api-version 2026-01-01, the default");
            problem.retry = Some("no, not with this API version".into());
        }
        Error::TokenWithheld { origin, status, reason } => {
            problem.message =
                format!("{origin} does not serve the file without a token ({status})");
            problem.facts.status = Some(status.as_u16());
            add_api_error(&mut problem, reason);
            problem = problem.advise(format!(
                "if {origin} is Workiva's, send it the token too: --allow-origin {origin}"
            ));
        }
        Error::Unauthorized { phase, reason } => {
            if let AttemptError::Response(status, reason) = reason {
                problem.message = format!("{phase}: not authorised ({status})");
                problem.facts.status = Some(status.as_u16());
                add_api_error(&mut problem, reason);
            }
            if let Some(source) = &context.token_source {
                problem = problem.advise(format!(
                    "the token from {source} is invalid or has expired: get a new one, or use a \
                     client ID and secret to renew tokens automatically"
                ));
            }
            problem = problem.advise("check the credentials and --region with `wexport doctor`");
        }
        Error::Untrusted { phase, failure } => match tunnel_error(failure) {
            Some(error) => {
                problem.message = format!("{phase}: the proxy did not connect to Workiva: {error}");
                problem = advise_on_proxy(problem, error);
            }
            None if is_plain_http(failure) => {
                problem = problem.advise("begin the URL with https://: --base-url");
            }
            None => {
                problem = problem
                    .advise("behind a proxy that inspects TLS, pass its CA with --ca-bundle")
                    .advise("`wexport doctor` shows the certificate that the server sent");
            }
        },
        _ => {}
    }
    problem
}

/// Whether plain http was sent to a port that expects TLS.
fn is_plain_http(failure: &Failure) -> bool {
    failure.get_ref().is_some_and(|cause| find_cause::<UnexpectedTls>(cause).is_some())
}

/// The error of a proxy that did not open a connection, if that is the cause.
pub(crate) fn tunnel_error(failure: &Failure) -> Option<&TunnelError> {
    find_cause(failure.get_ref()?)
}

/// Adds what to do about a proxy that refuses a connection.
pub(crate) fn advise_on_proxy(problem: Problem, error: &TunnelError) -> Problem {
    match error {
        TunnelError::Refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => problem
            .advise(
                "set WEXPORT_PROXY (or HTTPS_PROXY) to http://USER:PASSWORD@HOST:PORT, with special \
                 characters percent-encoded (@ as %40)",
            )
            .advise("--proxy takes no USER:PASSWORD: other users can see the command line"),
        TunnelError::Credentials => problem.advise(
            "check them in WEXPORT_PROXY or HTTPS_PROXY: special characters have to be \
             percent-encoded (@ as %40)",
        ),
        TunnelError::Authentication => problem.advise(
            "run a local proxy that signs in to this one (NTLM, Negotiate), and set HTTPS_PROXY to it",
        ),
        _ => problem.advise("ask the proxy's administrator to allow CONNECT to the API's host"),
    }
}

/// Adds what to do about a submit that may have started an export.
fn advise_on_unconfirmed(mut problem: Problem, context: &Context) -> Problem {
    let (check, retry) = match context.sends_email {
        true => (
            "check in Workiva whether the export exists, or whether its email has arrived",
            "only after a check: a second export may send a second email",
        ),
        false => (
            "check in Workiva whether the export exists",
            "only after a check: there may be a second export",
        ),
    };
    problem.retry = Some(retry.into());
    problem.advise(check).advise(match &context.resume {
        Some(resume) => format!("if not: {resume} --resubmit always"),
        None => "if not, submit it again with --resubmit always".into(),
    })
}

/// Adds what to do about a request that the service refused.
fn advise_on_refusal(
    mut problem: Problem,
    phase: Phase,
    status: u16,
    context: &Context,
) -> Problem {
    let is_submit = phase == Phase::Submit;
    let (retry, advice) = match (status, &context.scope) {
        (403, scope) => {
            problem.exit = Exit::Unauthorized;
            let retry = match context.operation {
                Some(_) => "yes, once it is allowed: wexport fetch with the operation above",
                None if context.is_attached => "yes, once it is allowed",
                None => "yes, once it is allowed, with a new export",
            };
            let advice = match scope.as_deref().filter(|scope| !scope.is_empty()) {
                Some(scope) => format!(
                    "the client needs the scope {scope}, and its user needs access to this item"
                ),
                None => "the client's user needs access to this item".into(),
            };
            (retry, advice)
        }
        (404 | 410, _) if is_submit => (
            REFUSED_AGAIN,
            "check the ID, the kind and --region: a workspace is in one region only".into(),
        ),
        (404 | 410, _) if context.is_attached => (
            REFUSED_AGAIN,
            "check the operation's ID and --region, or export it again: the operation or its file \
             may no longer exist"
                .into(),
        ),
        (404 | 410, _) => (
            "yes, with a new export",
            "the operation or its file no longer exists: export it again".into(),
        ),
        (409, _) if is_submit => (
            "yes, later, with a new export",
            "another export of this item may be running: wait until it has ended".into(),
        ),
        _ if is_submit => (REFUSED_AGAIN, "change the request, which --dry-run prints".into()),
        _ => (
            "yes, with a new export",
            "export it again; if this repeats, give the request ID to Workiva's support".into(),
        ),
    };
    problem.retry = Some(retry.into());
    problem.advise(advice)
}

const REFUSED_AGAIN: &str = "no: the same request would be refused again";

/// Adds the details of an error response.
fn add_api_error(problem: &mut Problem, reason: &ApiError) {
    let facts = &mut problem.facts;
    facts.code = reason.code().map(String::from);
    facts.service_message = reason.message().map(String::from);
    if let Some(target) = reason.target() {
        facts.details.push(format!("target: {target}"));
    }
    for detail in reason.details() {
        let parts = [&detail.code, &detail.message, &detail.target];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        facts.details.push(parts.join(": "));
    }
    facts.request_id = reason.request_id().map(String::from);
}

/// What a gateway or proxy did instead of Workiva.
pub(crate) fn gateway_text(status: StatusCode, reason: &ApiError) -> String {
    if status.is_redirection() {
        return format!(
            "a proxy or gateway redirected the request ({status}) to another site, such as a login \
             page"
        );
    }
    let page = reason.message().map(|title| format!(": \"{title}\"")).unwrap_or_default();
    format!("a proxy or gateway responded ({status}) instead of Workiva{page}")
}

/// The exit code for an error.
const fn exit_of(error: &Error) -> Exit {
    match error {
        Error::Deadline { .. } => Exit::GaveUp,
        Error::GaveUp { last: AttemptError::Failure(failure), .. } => match failure.kind() {
            FailureKind::NotSent => Exit::Network,
            _ => Exit::GaveUp,
        },
        Error::TokenWithheld { .. } => Exit::Unauthorized,
        Error::TooLarge { .. } => Exit::Local,
        Error::GaveUp { .. } => Exit::GaveUp,
        // The service was reached.
        Error::SubmitUnconfirmed { last: AttemptError::Response(_, reason), .. }
            if !matches!(reason.origin(), ErrorOrigin::Gateway) =>
        {
            Exit::Failed
        }
        Error::Gateway { .. } | Error::SubmitUnconfirmed { .. } | Error::Untrusted { .. } => {
            Exit::Network
        }
        Error::Local { .. } => Exit::Local,
        Error::Refused { .. } | Error::SwitchedOff { .. } => Exit::Refused,
        Error::Unauthorized { .. } => Exit::Unauthorized,
        _ => Exit::Failed,
    }
}
