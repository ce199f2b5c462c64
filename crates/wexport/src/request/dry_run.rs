//! `--dry-run`: prints the request instead of sending it.

use std::fmt::Write;

use export_core::ExportJob;
use export_core::driver::Step;
use export_core::token::Token;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};

use crate::args::DryRun;
use crate::clock;
use crate::problem::{Exit, Problem};

/// The first request of a job, without its token. `add_headers` adds the headers of the program.
pub(crate) fn dry_run(
    job: &mut ExportJob,
    add_headers: impl Fn(&mut HeaderMap),
    form: DryRun,
) -> Result<String, Problem> {
    let request = first_request(job, add_headers)?;
    Ok(match form {
        DryRun::Http => to_http(&request),
        DryRun::Curl => to_curl(&request),
    })
}

fn first_request(
    job: &mut ExportJob,
    add_headers: impl Fn(&mut HeaderMap),
) -> Result<Request<Vec<u8>>, Problem> {
    let no_request = || Problem::new(Exit::Failed, "the export does not begin with a request");
    let hidden = Token::fixed("hidden").map_err(|_| no_request())?;
    let now = clock::now();
    let Step::Transmit(transmit) = job.step(now) else { return Err(no_request()) };
    let (mut request, _) = transmit.start(now, Some(&hidden), 0);
    add_headers(request.headers_mut());
    Ok(request)
}

fn to_http(request: &Request<Vec<u8>>) -> String {
    let uri = request.uri();
    let mut text = String::new();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let _ = writeln!(text, "{} {target} HTTP/1.1", request.method());
    let _ = writeln!(text, "{HOST}: {}", uri.authority().map_or("", |host| host.as_str()));
    for (name, value) in request.headers() {
        let value =
            if name == AUTHORIZATION { "Bearer ***" } else { value.to_str().unwrap_or("***") };
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = writeln!(text, "\n{}", body(request));
    text
}

/// A command line for a POSIX shell. It takes the token from `WORKIVA_TOKEN`.
fn to_curl(request: &Request<Vec<u8>>) -> String {
    let mut text = format!("curl -X {} {}", request.method(), quote(&request.uri().to_string()));
    for (name, value) in request.headers() {
        text.push_str(" \\\n  -H ");
        if name == AUTHORIZATION {
            let _ = write!(text, "\"{name}: Bearer $WORKIVA_TOKEN\"");
        } else {
            let value = value.to_str().unwrap_or_default();
            text.push_str(&quote(&format!("{name}: {value}")));
        }
    }
    let _ = match request.body().is_empty() {
        true => writeln!(text, " \\\n  -H 'content-length: 0'"),
        false => writeln!(text, " \\\n  --data {}", quote(&body(request))),
    };
    text
}

fn body(request: &Request<Vec<u8>>) -> String {
    String::from_utf8_lossy(request.body()).into_owned()
}

/// Quotes a word for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
