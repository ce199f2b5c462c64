//! `wexport doctor`: what it finds, in which words, with which code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use export_sim::{BodyKind, Certificate, Endpoint, Fault, RedirectTo, Rule, Scenario};
use serde_json::Value;

use crate::network::secure;
use crate::proxy::{Forger, Proxy};
use crate::world::{Ran, World, quick};

/// What is the same in every run and on every day.
fn steady(world: &World, text: &str) -> String {
    let text = world.masked(text);
    let words = text.split(' ').map(|word| match word.parse::<u32>() {
        Ok(_) => "N",
        Err(_) => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The line of one check.
fn line<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let found = ran.out.lines().find(|line| line.get(11..).is_some_and(|l| l.starts_with(name)));
    found.unwrap_or_else(|| panic!("no line {name}: {}{}", ran.out, ran.err))
}

fn faulty(endpoint: Endpoint, fault: Fault) -> World {
    World::with(quick().with_scenario(Scenario::default().with_rule(Rule::new(endpoint, fault))))
}

fn page(status: u16) -> Fault {
    let status = http::StatusCode::from_u16(status).unwrap();
    Fault::Status { status, retry_after: None, body: BodyKind::Html }
}

#[test]
fn where_all_is_well_each_step_says_so() {
    let world = secure(Certificate::Valid);
    world.write("wexport.toml", "retries = 3\n[profile.night]\ntimeout = \"2h\"\n");
    let flags = ["--config", "wexport.toml", "--profile", "night", "--ca-bundle", "ca.pem"];
    let ran = world.done(&[&["doctor"], &flags[..]].concat());
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(steady(&world, &ran.out));
    assert_eq!(world.done(&[&["doctor", "-q"], &flags[..]].concat()).out, "");
}

#[test]
fn each_thing_that_is_wrong_has_its_line_its_advice_and_its_code() {
    let login = Fault::Redirect {
        status: http::StatusCode::FOUND,
        to: RedirectTo::Url("http://login.example/".into()),
    };
    let nothing = [("", ""); 0];
    let mut said = String::new();
    for (name, code, world, variables) in [
        ("wrong secret", 4, World::new(), &[("WORKIVA_CLIENT_SECRET", "wrong")][..]),
        ("wrong token", 4, World::new(), &[("WORKIVA_TOKEN", "wrong")]),
        ("no credentials", 2, World::new(), &[("WORKIVA_CLIENT_SECRET", "")]),
        ("page", 6, faulty(Endpoint::Operation, page(200)), &nothing),
        ("page for a token", 6, faulty(Endpoint::Token, page(200)), &nothing),
        ("login", 6, faulty(Endpoint::Operation, login), &nothing),
        ("trouble", 5, faulty(Endpoint::Operation, Fault::status(503)), &nothing),
        ("no token", 5, faulty(Endpoint::Token, Fault::status(503)), &nothing),
        ("unknown authority", 6, secure(Certificate::Valid), &[("WEXPORT_CA_BUNDLE", "other.pem")]),
        ("other name", 6, secure(Certificate::WrongName), &[("WEXPORT_CA_BUNDLE", "ca.pem")]),
        ("expired", 6, secure(Certificate::Expired), &[("WEXPORT_CA_BUNDLE", "ca.pem")]),
        ("no bundle", 2, secure(Certificate::Valid), &[("WEXPORT_CA_BUNDLE", "no.pem")]),
        ("socks", 2, World::new(), &[("http_proxy", "socks5://me:hunter2@h:1080")]),
        ("config", 7, World::new(), &[("WEXPORT_CONFIG", "nowhere.toml")]),
        ("base url", 2, World::new(), &[("WEXPORT_BASE_URL", "http://me:hunter2@h.example")]),
    ] {
        let ran = world.run_with(variables, &["doctor", "-q"]);
        assert_eq!(ran.code, Some(code), "{name}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("hunter2") && !ran.out.contains("a-secret"), "{}", ran.out);
        said.push_str(&format!("--- {name}: {code}\n{}", steady(&world, &ran.out)));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn what_depends_on_a_failure_is_not_checked_and_the_rest_is() {
    let world = World::new();
    world.write("state", "a file where a folder is to be");
    let ran = world.run(&["doctor", "--state", "state"]);
    assert_eq!(ran.code, Some(7), "{}", ran.out);
    assert!(line(&ran, "state").starts_with("  FAILED"), "{}", ran.out);
    assert!(line(&ran, "token").starts_with("  ok"), "{}", ran.out);

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = world.run(&["doctor", "--base-url", &format!("http://{address}")]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "connection").contains("Connection refused"), "{}", ran.out);
    for name in ["tls", "service", "clock", "token", "scopes"] {
        assert!(line(&ran, name).contains("not checked: there is no"), "{}", ran.out);
    }
    assert!(line(&ran, "api version").starts_with("  ok"), "{}", ran.out);
}

#[test]
fn the_code_is_that_of_the_first_failure() {
    let world = World::new();
    world.write("state", "");
    let variables = [("WORKIVA_CLIENT_SECRET", "wrong")];
    let ran = world.run_with(&variables, &["doctor", "-q", "--state", "state"]);
    assert_eq!(ran.code, Some(7), "{}", ran.out);
    assert!(line(&ran, "token").starts_with("  FAILED"), "{}", ran.out);
}

#[test]
fn a_host_without_an_address_is_told() {
    let world = World::new();
    let ran = world.run(&["doctor", "-q", "--base-url", "https://no-such-host.invalid"]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "name").contains("no-such-host.invalid has no address"), "{}", ran.out);
}

#[test]
fn a_service_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::new();
    // The system may have no authorities.
    world.write("other.pem", Forger::new("somebody else", None).pem);
    for scheme in ["http", "https"] {
        let base = format!("{scheme}://{address}");
        let began = Instant::now();
        let line = ["doctor", "-q", "--base-url", &base, "--request-timeout", "300ms"];
        let ran = world.run_with(&[("WEXPORT_CA_BUNDLE", "other.pem")], &line);
        assert_eq!(ran.code, Some(6), "{}", ran.out);
        assert!(ran.out.contains("nothing within 300ms"), "{}", ran.out);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}

#[test]
fn a_clock_that_is_wrong_is_a_warning() {
    for (date, said) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", " ahead of the service's"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "behind the service's"),
        ("yesterday", "not checked: the answer has no date"),
    ] {
        let set = [("date".to_owned(), date.to_owned())].into();
        let world = faulty(Endpoint::Operation, Fault::Headers { set, remove: Vec::new() });
        let ran = world.done(&["doctor"]);
        assert!(line(&ran, "clock").contains(said), "{}", ran.out);
        let warned = line(&ran, "clock").starts_with("  warning");
        assert_eq!(warned, date != "yesterday", "{}", ran.out);
        assert_eq!(warned, ran.out.contains("(NTP)"), "{}", ran.out);
    }
}

#[test]
fn scopes_are_told_by_the_commands_that_need_them() {
    for (scopes, code, mark, said) in [
        (&["file:read", "file:write", "graph:read"][..], 0, "  ok", "all that a command needs"),
        (
            &["file:read"],
            0,
            "  warning",
            "it has file:read (document, spreadsheet, presentation, style-guide), and lacks \
             file:write (file, folder, container), graph:read (graph-report, test-form, attachment)",
        ),
        (&["data:read"], 4, "  FAILED", "it lacks file:read (document"),
    ] {
        let world = World::with(quick().with_scopes(scopes.iter().copied()));
        let ran = world.run(&["doctor"]);
        assert_eq!(ran.code, Some(code), "{}", ran.out);
        let line = line(&ran, "scopes");
        assert!(line.starts_with(mark) && line.contains(said), "{line}");
    }
    let variables = [("WORKIVA_CLIENT_SECRET", ""), ("WORKIVA_TOKEN", "a-token")];
    let ran = World::new().run_with(&variables, &["doctor"]);
    assert!(line(&ran, "scopes").contains("nobody says which it has; needed are"), "{}", ran.out);
    assert!(line(&ran, "token").contains("cannot be renewed here"), "{}", ran.out);
}

#[test]
fn an_old_generation_is_told_with_its_end_and_what_it_lacks() {
    let ran = World::new().done(&["doctor", "--api-version", "2022-01-01"]);
    let line = line(&ran, "api version");
    assert!(line.contains("on 2027-01-31") && line.contains("graph-report"), "{line}");
    assert!(ran.out.contains("move with --api-version 2026-01-01"), "{}", ran.out);
}

#[test]
fn the_proxy_is_told_with_what_named_it() {
    let world = World::new();
    let proxy = Proxy::open();
    let url = proxy.url().replace("http://", "http://me:s3same@");
    for (variables, flags, said) in [
        (&[("http_proxy", url.as_str())][..], &[][..], "(with a password), by http_proxy"),
        (&[("WEXPORT_PROXY", &url)], &[], "(with a password), by WEXPORT_PROXY"),
        (&[("ALL_PROXY", &url)], &[], "by ALL_PROXY"),
        (&[], &["--proxy", &proxy.url()], "by --proxy"),
    ] {
        let ran = world.run_with(variables, &[&["doctor"], flags].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert!(line(&ran, "proxy").ends_with(said), "{}", ran.out);
        assert!(line(&ran, "connection").contains("the proxy is reached"), "{}", ran.out);
        assert!(line(&ran, "tunnel").starts_with("  ok"), "{}", ran.out);
        assert!(!ran.out.contains("s3same"), "{}", ran.out);
    }
    for (variables, flags, said) in [
        (
            &[("http_proxy", url.as_str()), ("NO_PROXY", "x.example, 127.0.0.0/8")][..],
            &[][..],
            "none: NO_PROXY names 127.0.0.1 by its entry \"127.0.0.0/8\"",
        ),
        (&[("http_proxy", &url)], &["--proxy", "none"], "none, by --proxy"),
        (&[], &[], "none: no variable names one"),
    ] {
        let ran = world.run_with(variables, &[&["doctor"], flags].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert!(line(&ran, "proxy").ends_with(said), "{}", ran.out);
        assert!(!ran.out.contains("tunnel"), "{}", ran.out);
    }
}

#[test]
fn a_proxy_that_does_not_open_a_way_is_told_with_its_reason() {
    let world = World::new();
    for (proxy, said, advice) in [
        (Proxy::with_password(), "407", "http://USER:PASSWORD@HOST:PORT"),
        (Proxy::answering("403 Forbidden"), "it answered 403", "to allow CONNECT"),
        (Proxy::answering("502 Bad Gateway"), "it answered 502", "to allow CONNECT"),
    ] {
        let ran = world.run(&["doctor", "-q", "--proxy", &proxy.url()]);
        assert_eq!(ran.code, Some(6), "{}", ran.out);
        assert!(line(&ran, "tunnel").contains(said) && ran.out.contains(advice), "{}", ran.out);
    }
    // The service itself is no proxy.
    let ran = world.run(&["doctor", "-q", "--proxy", world.server.url()]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "tunnel").starts_with("  FAILED"), "{}", ran.out);
}

#[test]
fn a_proxy_that_re_signs_is_told_by_its_name() {
    let world = secure(Certificate::Valid);
    let forger = Forger::new("Company Proxy", world.server.ca_pem());
    world.write("company.pem", &forger.pem);
    let url = Proxy::resigning(forger);
    let ran = world.run(&["doctor", "-q", "--proxy", &url.url(), "--ca-bundle", "ca.pem"]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "tls").contains("signed by Company Proxy, whom this"), "{}", ran.out);
    assert!(ran.out.contains("if that is your company's proxy, pass its"), "{}", ran.out);

    let ran = world.done(&["doctor", "--proxy", &url.url(), "--ca-bundle", "company.pem"]);
    assert!(line(&ran, "tls").contains("signed by Company Proxy, known by the CA bundle alone"));
}

#[cfg(unix)]
#[test]
fn files_and_folders_that_others_may_read_are_warned_of() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let ran = world.done(&["doctor", "--state", "jobs-of-mine"]);
    assert!(line(&ran, "state").starts_with("  ok"), "{}", ran.out);
    let mode = |path: &str| fs::metadata(world.work().join(path)).unwrap().permissions().mode();
    assert_eq!(mode("jobs-of-mine/jobs") & 0o777, 0o700);
    let open = |path: &str, mode| {
        fs::set_permissions(world.work().join(path), Permissions::from_mode(mode)).unwrap();
    };
    open("jobs-of-mine/jobs", 0o755);
    let ran = world.done(&["doctor", "--state", "jobs-of-mine"]);
    assert!(line(&ran, "state").contains("others may look into"), "{}", ran.out);

    world.write("token", "a-token");
    open("token", 0o640);
    let flags = ["doctor", "-q", "--token-file", "token"];
    let without_id = [("WORKIVA_CLIENT_ID", "")];
    let ran = world.run_with(&without_id, &flags);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(line(&ran, "credentials").contains("others than you may read token"), "{}", ran.out);
    let ran = world.run_with(&without_id, &[&flags[..], &["--strict-permissions"]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("chmod 600 token"), "{}", ran.out);
}

#[test]
fn for_scripts_each_setting_and_check_is_an_event() {
    let world = faulty(Endpoint::Token, Fault::status(401));
    let ran = world.run(&["doctor", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""));
    let events: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["v"] == 1));
    let check = |name: &str| events.iter().find(|event| event["name"] == name).unwrap();
    assert_eq!(check("client_secret")["value"], "set");
    assert_eq!(check("client_secret")["from"], "WORKIVA_CLIENT_SECRET");
    assert_eq!(check("service")["standing"], "ok");
    assert_eq!(check("token")["standing"], "failed");
    assert!(!check("token")["advice"].as_array().unwrap().is_empty());
    assert_eq!(check("scopes")["standing"], "not_checked");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"diagnosis".into(), &4.into()));
}

#[test]
fn no_secret_and_no_token_is_told() {
    for flags in
        [&["doctor"][..], &["doctor", "--json"], &["doctor", "--api-version", "2022-01-01"]]
    {
        for variables in [&[][..], &[("WORKIVA_TOKEN", "a-token")]] {
            let world = World::new();
            let ran = world.run_with(variables, flags);
            let mut secrets = vec!["a-secret".to_owned(), "a-token".to_owned()];
            for request in world.server.requests() {
                let sent = request.header("authorization").unwrap_or_default();
                secrets.extend(sent.split(' ').nth(1).map(String::from));
            }
            assert!(secrets.len() > 2, "a token was shown to the service");
            for secret in secrets {
                assert!(!ran.out.contains(&secret) && !ran.err.contains(&secret), "{}", ran.out);
            }
        }
    }
}

#[test]
fn nothing_is_started_at_the_service() {
    let world = World::new();
    world.done(&["doctor"]);
    let requests = world.requests();
    assert_eq!(
        requests,
        [
            "GET /operations/wexport-doctor 401",
            "POST /oauth2/token 200",
            "GET /operations/wexport-doctor 404"
        ]
    );
    assert_eq!(world.done(&["jobs", "list"]).out, "");
}
