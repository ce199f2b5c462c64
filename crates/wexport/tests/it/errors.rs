//! Error messages and exit codes.

use export_sim::{BodyKind, Endpoint, Fault, Nth, Rule, Scenario};
use test_servers::unused_url;

use crate::world::{Ran, World, quick};

/// A submit that is accepted without the URL of an operation.
const NO_OPERATION: &str = r#"[{"fault": "headers", "remove": ["location"]},
    {"fault": "json", "remove": ["operationLocation"]}]"#;

/// Runs an export with a scenario.
fn run_scenario(scenario: &str, more: &[&str]) -> (World, Ran) {
    let world = World::with(quick().with_scenario(Scenario::from_json(scenario).unwrap()));
    let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--quiet", "--retries", "1"];
    let ran = world.run(&[&line, more].concat());
    (world, ran)
}

fn rule(endpoint: &str, fault: &str) -> String {
    format!(r#"{{"rules": [{{"match": {{"endpoint": "{endpoint}"}}, "then": {fault}}}]}}"#)
}

#[test]
fn each_error_has_a_code_and_advice() {
    let mut errors = String::new();
    for (name, code, endpoint, fault) in [
        ("refused", 3, "submit", r#"{"fault": "status", "status": 400}"#),
        ("no scope", 4, "submit", r#"{"fault": "status", "status": 403}"#),
        ("not there", 3, "submit", r#"{"fault": "status", "status": 404}"#),
        ("wrong secret", 4, "token", r#"{"fault": "status", "status": 401}"#),
        ("failed", 5, "operation", r#"{"fault": "end_operation"}"#),
        ("gave up", 75, "operation", r#"{"fault": "status", "status": 503}"#),
        ("gateway", 6, "submit", r#"{"fault": "status", "status": 403, "body": "html"}"#),
        ("protocol", 5, "submit", NO_OPERATION),
        ("gone", 3, "download", r#"{"fault": "status", "status": 404}"#),
    ] {
        let (world, ran) = run_scenario(&rule(endpoint, fault), &[]);
        assert_eq!(ran.code, Some(code), "{name}: {}", ran.err);
        assert!(!ran.err.contains("a-secret"), "{}", ran.err);
        errors.push_str(&format!("--- {name}: {code}\n{}", world.masked(&ran.err)));
        assert_eq!(world.names(""), [""; 0], "{name}");
    }
    insta::assert_snapshot!(errors);
}

#[test]
fn unreachable_service_is_a_network_error() {
    let world = World::new();
    let base = unused_url();
    let line = ["document", "d1", "-f", "pdf", "--quiet", "--retries", "1", "--base-url", &base];
    let ran = world.run(&line);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    let address = base.trim_start_matches("http://");
    let message = format!("could not be sent: cannot connect to {address}: Connection refused");
    assert!(ran.err.contains(&message), "{}", ran.err);
    assert!(ran.err.contains("wexport jobs resume"), "{}", ran.err);
    // The proxy is named, not the service.
    let proxy = ("WEXPORT_PROXY", base.as_str());
    let ran = world.run_with(&[proxy], &["document", "d1", "-f", "pdf", "-q", "--retries", "0"]);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    let message = format!("cannot connect to the proxy {address}: Connection refused");
    assert!(ran.err.contains(&message), "{}", ran.err);
    // The address is named once.
    let ran = world.run(&["doctor", "--base-url", &base]);
    let message = format!("cannot connect to the service at {address}: Connection refused");
    assert!(ran.out.contains(&message), "{}", ran.out);
}

#[test]
fn only_an_export_with_an_email_mentions_one() {
    let close = r#"{"fault": "close", "at": "before_head"}"#;
    for (line, mentions) in [
        (&["document", "d1", "-f", "pdf", "--resubmit", "never"][..], false),
        (&["folder", "f1", "--email-on-complete"], true),
    ] {
        for state in [&[][..], &["--no-state"]] {
            let scenario = Scenario::from_json(&rule("submit", close)).unwrap();
            let world = World::with(quick().with_scenario(scenario));
            let ran = world.run(&[line, state, &["--quiet"]].concat());
            assert_eq!(ran.code, Some(6), "{}", ran.err);
            assert_eq!(ran.err.contains("email"), mentions, "{}", ran.err);
            let resumed = ran.err.contains("if not: wexport jobs resume ");
            assert!(resumed == state.is_empty(), "{}", ran.err);
            assert!(ran.err.contains("--resubmit always"), "{}", ran.err);
        }
    }
}

#[test]
fn refused_url_is_explained_with_the_flag_that_allows_it() {
    let foreign = r#"{"fault": "location", "url": "foreign"}"#;
    let (_, ran) = run_scenario(&rule("submit", foreign), &[]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    let origin = "https://exports.example.net";
    let advice = format!("if {origin} is Workiva's, allow it: --allow-origin {origin}\n");
    assert!(ran.err.contains(&advice), "{}", ran.err);
    let fetch = format!("without a new export: wexport fetch {origin}/operations/");
    assert!(ran.err.contains(&fetch), "{}", ran.err);

    // The token would be sent unencrypted.
    let plain =
        r#"{"fault": "location", "url": {"literal": "http://exports.example.net/a?b=s3same"}}"#;
    let (_, ran) = run_scenario(&rule("submit", plain), &[]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert!(ran.err.contains("report it to Workiva's support"), "{}", ran.err);
    assert!(!ran.err.contains("--allow-origin") && !ran.err.contains("s3same"), "{}", ran.err);
}

#[test]
fn submit_that_may_have_sent_an_email_is_not_resent() {
    let lost = Fault::Close { at: export_sim::Moment::BeforeHead };
    let rule = Rule::new(Endpoint::Submit, lost).on(Nth::Only(1));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    let ran = world.run(&["folder", "f1", "--email-on-complete", "--quiet"]);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(ran.err.contains("only after a check"), "{}", ran.err);
    assert_eq!(world.submits(), 1);

    let job = world.done(&["jobs", "list"]).out;
    let id = job.split(' ').next().unwrap();
    let ran = world.run(&["jobs", "resume", id, "--quiet"]);
    assert_eq!((ran.code, world.submits()), (Some(6), 1), "{}", ran.err);
    world.done(&["jobs", "resume", id, "--resubmit", "always"]);
    assert_eq!(world.submits(), 2);
}

#[test]
fn switched_off_endpoint_is_explained() {
    let scenario = r#"{"rules": [{"match": {"endpoint": "submit"}, "then": [
        {"fault": "status", "status": 404},
        {"fault": "headers", "set": {"sunset": "Sat, 31 Jan 2026 00:00:00 GMT"}}
    ]}]}"#;
    let world = World::with(quick().with_scenario(Scenario::from_json(scenario).unwrap()));
    let line = ["file", "f1", "--kind", "Folder", "--api-version", "2022-01-01"];
    let ran = world.run(&line);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("was switched off on 2026-01-31"), "{}", ran.err);
    assert!(ran.err.contains("use --api-version 2026-01-01"), "{}", ran.err);
}

#[test]
fn html_page_is_not_saved_as_the_file() {
    let page = Rule::new(Endpoint::Download, Fault::Body { body: BodyKind::Html });
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(page)));
    let ran = world.run(&["document", "d1", "-f", "pdf", "--retries", "1", "--quiet"]);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    // Only the hidden files of a resumable download are left.
    assert!(world.names("").iter().all(|name| name.starts_with('.')));
}

#[test]
fn unreachable_service_is_reported_while_it_is_waited_for() {
    let world = World::new();
    let base = unused_url();
    let export = ["document", "d1", "-f", "pdf", "--no-state"];
    for (line, phase) in [(&export[..], "submit"), (&["status", "op-1"], "poll")] {
        let line = [line, &["--retries", "1", "--base-url", &base]].concat();
        let ran = world.run(&line);
        assert_eq!(ran.code, Some(6), "{}", ran.err);
        let notice = format!("{phase} failed: the request could not be sent, retrying in 1 s\n");
        assert!(ran.err.contains(&notice), "{}", ran.err);
        let ran = world.run(&[&line[..], &["--quiet"]].concat());
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
    // JSON has the result only.
    let ran = world.run(&["status", "op-1", "--retries", "1", "--base-url", &base, "--json"]);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);

    let busy = rule("operation", r#"{"fault": "status", "status": 503}"#);
    let world = World::with(quick().with_scenario(Scenario::from_json(&busy).unwrap()));
    let ran = world.run(&["status", "op-1", "--retries", "1"]);
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.starts_with("poll failed with 503, retrying in 1 s\n"), "{}", ran.err);
    assert!(ran.err.contains("yes: run the command again"), "{}", ran.err);
}

/// A program that is started needs four of them itself.
#[cfg(target_os = "linux")]
#[test]
fn too_few_open_files_are_an_error() {
    let world = World::new();
    for limit in 4..18 {
        for line in [&["document", "d1", "-f", "pdf"][..], &["doctor"], &["jobs", "list"]] {
            let command = world.command(line);
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"]);
            shell.arg(command.get_program()).args(command.get_args()).current_dir(world.work());
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let ran = world.ran(shell.output().unwrap());
            assert!(!ran.err.contains("panicked"), "{limit} {line:?}: {}", ran.err);
            if limit < 11 {
                assert_eq!(ran.code, Some(7), "{limit} {line:?}: {}", ran.err);
                assert!(ran.err.contains("raise the limit of open files"), "{}", ran.err);
            }
        }
    }
}

#[test]
fn submit_without_response_is_not_told_as_refused() {
    // The service takes the request, and closes the connection.
    let lost = Rule::new(Endpoint::Submit, Fault::status(500));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(lost)));
    let line = ["document", "d1", "-f", "pdf", "--no-state", "--max-time", "3s"];
    let ran = world.run(&[&line[..], &["--retries", "9"]].concat());
    assert_eq!(ran.code, Some(75), "{}", ran.err);
    assert!(ran.err.contains("the service may have accepted the export"), "{}", ran.err);

    let ran = world.run_with(
        &[("WEXPORT_BASE_URL", &unused_url())],
        &[&line[..], &["--retries", "0"]].concat(),
    );
    assert!(ran.err.contains("the service has not accepted the export"), "{}", ran.err);
}
