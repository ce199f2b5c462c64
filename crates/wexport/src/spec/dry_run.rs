//! The exact request, printed in place of being sent.

use std::fmt::Write;

use export_hyper::{Config, ExportJob, ExportSpec, Step, Token};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};

use crate::cli::DryRun;
use crate::clock;
use crate::report::{Exit, Problem};

/// The first request of an export, with the token hidden. `dress` adds the program's own headers.
pub(crate) fn dry_run(
    spec: ExportSpec,
    config: &Config,
    dress: impl Fn(&mut HeaderMap),
    form: DryRun,
) -> Result<String, Problem> {
    let request = first_request(spec, config, dress)?;
    Ok(match form {
        DryRun::Http => as_http(&request),
        DryRun::Curl => as_curl(&request),
    })
}

fn first_request(
    spec: ExportSpec,
    config: &Config,
    dress: impl Fn(&mut HeaderMap),
) -> Result<Request<Vec<u8>>, Problem> {
    let nothing = || Problem::new(Exit::Failed, "this export begins with no request");
    let mut job =
        ExportJob::new(spec, config).map_err(|error| Problem::usage(error.to_string()))?;
    let hidden = Token::fixed("hidden").map_err(|_| nothing())?;
    let now = clock::now();
    let Step::Transmit(transmit) = job.step(now) else { return Err(nothing()) };
    let (mut request, _) = transmit.start(now, Some(&hidden), 0);
    dress(request.headers_mut());
    Ok(request)
}

fn as_http(request: &Request<Vec<u8>>) -> String {
    let uri = request.uri();
    let mut text = String::new();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let _ = writeln!(text, "{} {target} HTTP/1.1", request.method());
    let _ = writeln!(text, "{HOST}: {}", uri.authority().map_or("", |host| host.as_str()));
    for (name, value) in request.headers() {
        let shown =
            if name == AUTHORIZATION { "Bearer ***" } else { value.to_str().unwrap_or("***") };
        let _ = writeln!(text, "{name}: {shown}");
    }
    let _ = writeln!(text, "\n{}", body(request));
    text
}

/// A line for a POSIX shell; the token comes from `WORKIVA_TOKEN`.
fn as_curl(request: &Request<Vec<u8>>) -> String {
    let mut text = format!("curl -X {} {}", request.method(), quoted(&request.uri().to_string()));
    for (name, value) in request.headers() {
        text.push_str(" \\\n  -H ");
        if name == AUTHORIZATION {
            let _ = write!(text, "\"{name}: Bearer $WORKIVA_TOKEN\"");
        } else {
            let value = value.to_str().unwrap_or_default();
            text.push_str(&quoted(&format!("{name}: {value}")));
        }
    }
    let _ = writeln!(text, " \\\n  --data {}", quoted(&body(request)));
    text
}

fn body(request: &Request<Vec<u8>>) -> String {
    String::from_utf8_lossy(request.body()).into_owned()
}

/// A word that no shell takes apart.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
