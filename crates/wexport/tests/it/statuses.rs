//! What a user is told about each status of each endpoint: one table, to be read from top to bottom.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::thread;

use export_sim::{Endpoint, Scenario};

use crate::world::{World, quick};

/// The number of cases that run at once. They spend most of their time waiting.
const PARALLEL: usize = 6;

/// The flags of the two generations of the API.
const GENERATIONS: [&str; 2] = ["2026-01-01", "2022-01-01"];

/// An export that may be repeated, and one that sends an email.
const DOCUMENT: &[&str] = &["document", "d1", "-f", "pdf", "-o", "a.pdf"];
const EMAIL: &[&str] = &["folder", "f1", "--email-on-complete", "-o", "a.tar.gz"];

/// All requests to an endpoint get the same response.
struct Case {
    /// A heading, or the status and what is special about the response.
    name: String,
    endpoint: &'static str,
    /// The faults, in the JSON format of scenarios.
    faults: String,
    command: &'static [&'static str],
}

#[test]
fn each_status_is_explained() {
    let cases = cases();
    let queue = Mutex::new(cases.iter().enumerate());
    let texts = Mutex::new(vec![String::new(); cases.len()]);
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((index, case)) = next else { return };
                    let text = case.run();
                    texts.lock().unwrap()[index] = text;
                }
            });
        }
    });
    insta::assert_snapshot!(texts.into_inner().unwrap().concat());
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let all = [200, 202, 204, 400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504];
    for (heading, endpoint, command, done) in [
        ("submit", "submit", DOCUMENT, 202),
        ("submit of an export that sends an email", "submit", EMAIL, 202),
        ("operation", "operation", DOCUMENT, 200),
        ("download", "download", DOCUMENT, 200),
        ("token", "token", DOCUMENT, 200),
    ] {
        let mut add = |name: String, faults: String| {
            cases.push(Case { name, endpoint, faults, command });
        };
        add(format!("## {heading}"), String::new());
        for status in all.into_iter().filter(|status| *status != done) {
            // These are polled again: a 202 until the time limit, and a 404 as long as the operation
            // is new.
            if endpoint == "operation" && matches!(status, 202 | 404) {
                continue;
            }
            let body = if status < 300 { "empty" } else { "service" };
            // Without a wait that exceeds the time limit, these would be repeated until then.
            let is_throttled = status == 429 && matches!(endpoint, "submit" | "operation");
            let wait = if is_throttled { r#", "retry_after": 7200"# } else { "" };
            add(
                status.to_string(),
                format!(r#"{{"fault": "status", "status": {status}, "body": "{body}"{wait}}}"#),
            );
        }
        // A redirect of a download is followed.
        let redirects = if endpoint == "download" { &[][..] } else { &[302, 307] };
        for status in redirects {
            let to = r#"{"url": "https://login.example/"}"#;
            add(
                format!("{status} to a login page"),
                format!(r#"{{"fault": "redirect", "status": {status}, "to": {to}}}"#),
            );
        }
        for status in [done, 403, 502, 503] {
            add(
                format!("{status} with a page"),
                format!(r#"{{"fault": "status", "status": {status}, "body": "html"}}"#),
            );
        }
        add("no response".into(), r#"{"fault": "close", "at": "before_head"}"#.into());
        if endpoint == "token" {
            for (status, error) in [
                (400, "invalid_request"),
                (400, "unauthorized_client"),
                (401, "access_denied"),
                (400, "unsupported_response_type"),
                (400, "invalid_scope"),
                (400, "server_error"),
                (400, "temporarily_unavailable"),
                (401, "invalid_client"),
            ] {
                let body = format!(
                    r#"{{\"error\": \"{error}\", \"error_description\": \"in its own words\"}}"#
                );
                let body = format!(r#"{{"text": "{body}"}}"#);
                add(
                    format!("{status} {error}"),
                    format!(r#"{{"fault": "status", "status": {status}, "body": {body}}}"#),
                );
            }
        }
    }
    cases
}

impl Case {
    /// The text of the case, with what differs for the older generation of the API.
    fn run(&self) -> String {
        if self.faults.is_empty() {
            return format!("{}\n\n", self.name);
        }
        let [new, old] = GENERATIONS.map(|version| self.run_with(version));
        let name = &self.name;
        let differs =
            if new == old { String::new() } else { format!("{name}, {}: {old}\n", GENERATIONS[1]) };
        format!("{name}: {new}\n{differs}")
    }

    fn run_with(&self, version: &str) -> String {
        let (endpoint, faults) = (self.endpoint, &self.faults);
        let rule = format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {faults}}}"#);
        let scenario = Scenario::from_json(&format!(r#"{{"rules": [{rule}]}}"#)).unwrap();
        let world = World::with(quick().with_scenario(scenario));
        let flags = ["--api-version", version, "--retries", "1", "--quiet"];
        let ran = world.run(&[self.command, &flags].concat());
        let mut text = format!("exit code {}", ran.code.unwrap());
        for (index, (requests, what)) in [
            (Endpoint::Token, "token"),
            (Endpoint::Submit, "submit"),
            (Endpoint::Operation, "poll"),
            (Endpoint::Download, "download"),
        ]
        .map(|(endpoint, what)| {
            let requests = world.server.requests();
            (requests.iter().filter(|request| request.endpoint() == endpoint).count(), what)
        })
        .into_iter()
        .filter(|(requests, _)| *requests > 0)
        .enumerate()
        {
            let before = if index == 0 { " after " } else { ", " };
            let _ = write!(text, "{before}{requests} {what}");
        }
        text.push('\n');
        let said = world.masked(&ran.err).replace("/platform/v1/operations/", "/operations/");
        // The announced end of the older generation is not the subject here.
        for line in said.lines().filter(|line| !line.starts_with("warning: ")) {
            let _ = writeln!(text, "    {line}");
        }
        text
    }
}
