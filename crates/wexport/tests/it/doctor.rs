//! `wexport doctor`: results, messages and exit codes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{BodyKind, Certificate, Endpoint, Fault, RedirectTo, Rule, Scenario};
use serde_json::Value;
use test_servers::{Authority, Server, unused_url};

use crate::network::tls_world;
use crate::proxy::{InterceptingCa, Proxy};
use crate::world::{Ran, World, quick};

/// Masks what differs from run to run, and all numbers.
fn mask_numbers(world: &World, text: &str) -> String {
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
fn all_checks_pass() {
    let world = tls_world(Certificate::Valid);
    world.write("wexport.toml", "retries = 3\n[profile.night]\ntimeout = \"2h\"\n");
    let flags = ["--config", "wexport.toml", "--profile", "night", "--ca-bundle", "ca.pem"];
    let ran = world.done(&[&["doctor"], &flags[..]].concat());
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(mask_numbers(&world, &ran.out));
    assert_eq!(world.done(&[&["doctor", "-q"], &flags[..]].concat()).out, "");
}

#[test]
fn failures_have_advice_and_a_code() {
    let login = Fault::Redirect {
        status: http::StatusCode::FOUND,
        to: RedirectTo::Url("http://login.example/".into()),
    };
    let nothing = [("", ""); 0];
    let mut report = String::new();
    for (name, code, world, variables) in [
        ("wrong secret", 4, World::new(), &[("WORKIVA_CLIENT_SECRET", "wrong")][..]),
        ("wrong token", 4, World::new(), &[("WORKIVA_TOKEN", "wrong")]),
        ("no credentials", 2, World::new(), &[("WORKIVA_CLIENT_SECRET", "")]),
        ("page", 6, faulty(Endpoint::Operation, page(200)), &nothing),
        ("page for a token", 6, faulty(Endpoint::Token, page(200)), &nothing),
        ("login", 6, faulty(Endpoint::Operation, login), &nothing),
        ("trouble", 5, faulty(Endpoint::Operation, Fault::status(503)), &nothing),
        ("no token", 5, faulty(Endpoint::Token, Fault::status(503)), &nothing),
        (
            "unknown authority",
            6,
            tls_world(Certificate::Valid),
            &[("WEXPORT_CA_BUNDLE", "other.pem")],
        ),
        ("other name", 6, tls_world(Certificate::WrongName), &[("WEXPORT_CA_BUNDLE", "ca.pem")]),
        ("expired", 6, tls_world(Certificate::Expired), &[("WEXPORT_CA_BUNDLE", "ca.pem")]),
        ("no bundle", 2, tls_world(Certificate::Valid), &[("WEXPORT_CA_BUNDLE", "no.pem")]),
        ("socks", 2, World::new(), &[("http_proxy", "socks5://me:hunter2@h:1080")]),
        ("config", 7, World::new(), &[("WEXPORT_CONFIG", "nowhere.toml")]),
        ("base url", 2, World::new(), &[("WEXPORT_BASE_URL", "http://me:hunter2@h.example")]),
    ] {
        let ran = world.run_with(variables, &["doctor", "-q"]);
        assert_eq!(ran.code, Some(code), "{name}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("hunter2") && !ran.out.contains("a-secret"), "{}", ran.out);
        report.push_str(&format!("--- {name}: {code}\n{}", mask_numbers(&world, &ran.out)));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn checks_after_a_failure_are_skipped() {
    let world = World::new();
    world.write("state", "a file where a folder is to be");
    let ran = world.run(&["doctor", "--state", "state"]);
    assert_eq!(ran.code, Some(7), "{}", ran.out);
    assert!(line(&ran, "state").starts_with("  FAILED"), "{}", ran.out);
    assert!(line(&ran, "token").starts_with("  ok"), "{}", ran.out);

    let ran = world.run(&["doctor", "--base-url", &unused_url()]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "connection").contains("Connection refused"), "{}", ran.out);
    for name in ["tls", "service", "clock", "token", "scopes"] {
        assert!(line(&ran, name).contains("not checked: no connection"), "{}", ran.out);
    }
    assert!(line(&ran, "api version").starts_with("  ok"), "{}", ran.out);
}

#[test]
fn exit_code_is_that_of_the_first_failure() {
    let world = World::new();
    world.write("state", "");
    let variables = [("WORKIVA_CLIENT_SECRET", "wrong")];
    let ran = world.run_with(&variables, &["doctor", "-q", "--state", "state"]);
    assert_eq!(ran.code, Some(7), "{}", ran.out);
    assert!(line(&ran, "token").starts_with("  FAILED"), "{}", ran.out);
}

#[test]
fn unknown_host_fails() {
    let world = World::new();
    let ran = world.run(&["doctor", "-q", "--base-url", "https://no-such-host.invalid"]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "name").contains("cannot resolve no-such-host.invalid"), "{}", ran.out);
}

#[test]
fn addresses_of_the_name_are_shown() {
    let world = World::new();
    let url = world.server.url().replace("127.0.0.1", "localhost");
    let ran = world.done(&["doctor", "--base-url", &url]);
    let line = line(&ran, "name");
    assert!(line.contains("localhost resolves to ") && line.contains("127.0.0.1"), "{line}");
}

#[test]
fn doctor_fails_as_an_export_does() {
    let plain = World::new;
    let tls = || tls_world(Certificate::Valid);
    let (forbidding, broken) =
        (Proxy::refusing("403 Forbidden"), Proxy::refusing("502 Bad Gateway"));
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (world, check, flag, value, reason) in [
        (plain(), "connection", "--base-url", format!("http://{unused}"), "Connection refused"),
        (plain(), "tunnel", "--proxy", forbidding.url(), "it responded to CONNECT with 403"),
        (plain(), "tunnel", "--proxy", broken.url(), "it responded to CONNECT with 502"),
        (plain(), "tls", "--ca-bundle", "no.pem".into(), "the CA bundle no.pem cannot be read"),
        (tls(), "tls", "--ca-bundle", "other.pem".into(), "this machine does not trust"),
        (
            tls_world(Certificate::WrongName),
            "tls",
            "--ca-bundle",
            "ca.pem".into(),
            "its certificate is not valid for 127.0.0.1, only for wrong-name.example.net",
        ),
        (
            tls_world(Certificate::Expired),
            "tls",
            "--ca-bundle",
            "ca.pem".into(),
            "its certificate has expired",
        ),
    ] {
        fails_as_an_export_does(&world, check, &[flag, &value], reason);
    }

    let (world, secure) = (plain(), tls());
    world.write("ca.pem", secure.server.ca_pem().unwrap());
    for (url, check, reason) in [
        (
            secure.server.url().replace("https:", "http:"),
            "service",
            "it expects TLS on this port, but the URL is http",
        ),
        (
            world.server.url().replace("http:", "https:"),
            "tls",
            "it does not speak TLS on this port",
        ),
    ] {
        let flags = ["--ca-bundle", "ca.pem", "--base-url", &url];
        fails_as_an_export_does(&world, check, &flags, reason);
    }
}

/// Both fail with the same exit code and reason. That of doctor is the result of `check`.
fn fails_as_an_export_does(world: &World, check: &str, flags: &[&str], reason: &str) {
    let export = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--quiet", "--retries", "0"];
    let exported = world.run(&[&export[..], flags].concat());
    assert!(exported.err.contains(reason), "{check}, {reason}: {}", exported.err);

    let ran = world.run(&[&["doctor", "-q"], flags].concat());
    assert_eq!(ran.code, exported.code, "{check}, {reason}: {}", ran.out);
    let line = line(&ran, check);
    assert!(line.starts_with("  FAILED") && line.contains(reason), "{check}, {reason}: {line}");
}

#[test]
fn doctor_uses_http_2_like_an_export() {
    let world = tls_world(Certificate::Valid);
    world.done(&["doctor", "--ca-bundle", "ca.pem"]);
    let requests = world.server.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        // HTTP/1.1 requires this header; HTTP/2 has `:authority` instead.
        assert_eq!(request.header("host"), None, "{request:?}");
    }
}

#[test]
fn endless_page_is_read_in_part() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Sign in</title>";
        for client in listener.incoming() {
            let mut client = client.unwrap();
            // Fails if the program closes the connection without a request.
            if client.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                let mut sent = client.write_all(head.as_bytes());
                while sent.is_ok() {
                    sent = client.write_all(&[b' '; 4_096]);
                }
            }
        }
    });
    let ran = World::new().run(&["doctor", "-q", "--base-url", &url]);
    assert!(line(&ran, "service").contains("responded (200 OK) instead of Workiva: \"Sign in\""));
}

#[test]
fn silent_service_times_out() {
    let address = Server::silent("http").address();
    let world = World::new();
    // The system may have no CA certificates.
    world.write("other.pem", Authority::new("another CA").pem());
    for scheme in ["http", "https"] {
        let base = format!("{scheme}://{address}");
        let began = Instant::now();
        let line = ["doctor", "-q", "--base-url", &base, "--request-timeout", "300ms"];
        let ran = world.run_with(&[("WEXPORT_CA_BUNDLE", "other.pem")], &line);
        assert_eq!(ran.code, Some(6), "{}", ran.out);
        assert!(ran.out.contains("timed out after 300ms"), "{}", ran.out);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}

#[test]
fn wrong_clock_is_a_warning() {
    for (date, message) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", " ahead of the service's"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "behind the service's"),
        ("yesterday", "not checked: the response has no date"),
    ] {
        let set = [("date".to_owned(), date.to_owned())].into();
        let world = faulty(Endpoint::Operation, Fault::Headers { set, remove: Vec::new() });
        let ran = world.done(&["doctor"]);
        assert!(line(&ran, "clock").contains(message), "{}", ran.out);
        let warned = line(&ran, "clock").starts_with("  warning");
        assert_eq!(warned, date != "yesterday", "{}", ran.out);
        assert_eq!(warned, ran.out.contains("(NTP)"), "{}", ran.out);
    }
}

#[test]
fn scopes_are_listed_with_their_commands() {
    for (scopes, code, mark, message) in [
        (&["file:read", "file:write", "graph:read"][..], 0, "  ok", "all commands are allowed"),
        (
            &["file:read"],
            0,
            "  warning",
            "the token has file:read (document, spreadsheet, presentation, style-guide), and lacks \
             file:write (file, folder, container), graph:read (graph-report, test-form, attachment)",
        ),
        (&["data:read"], 4, "  FAILED", "the token lacks file:read (document"),
    ] {
        let world = World::with(quick().with_scopes(scopes.iter().copied()));
        let ran = world.run(&["doctor"]);
        assert_eq!(ran.code, Some(code), "{}", ran.out);
        let line = line(&ran, "scopes");
        assert!(line.starts_with(mark) && line.contains(message), "{line}");
    }
    let variables = [("WORKIVA_CLIENT_SECRET", ""), ("WORKIVA_TOKEN", "a-token")];
    let ran = World::new().run_with(&variables, &["doctor"]);
    assert!(
        line(&ran, "scopes").contains("the token's scopes are unknown; commands need"),
        "{}",
        ran.out
    );
    assert!(line(&ran, "token").contains("cannot be renewed"), "{}", ran.out);
}

#[test]
fn old_api_version_is_a_warning() {
    let ran = World::new().done(&["doctor", "--api-version", "2022-01-01"]);
    let line = line(&ran, "api version");
    assert!(line.contains("on 2027-01-31") && line.contains("style-guide"), "{line}");
    assert!(ran.out.contains("use --api-version 2026-01-01"), "{}", ran.out);
}

#[test]
fn proxy_is_shown_with_its_source() {
    let world = World::new();
    let proxy = Proxy::open();
    let url = proxy.url().replace("http://", "http://me:s3same@");
    for (variables, flags, message) in [
        (&[("http_proxy", url.as_str())][..], &[][..], "(with a password), set by http_proxy"),
        (&[("WEXPORT_PROXY", &url)], &[], "(with a password), set by WEXPORT_PROXY"),
        (&[("ALL_PROXY", &url)], &[], "set by ALL_PROXY"),
        (&[], &["--proxy", &proxy.url()], "set by --proxy"),
    ] {
        let ran = world.run_with(variables, &[&["doctor"], flags].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert!(line(&ran, "proxy").ends_with(message), "{}", ran.out);
        assert!(line(&ran, "connection").contains("connected to the proxy"), "{}", ran.out);
        assert!(line(&ran, "tunnel").starts_with("  ok"), "{}", ran.out);
        assert!(!ran.out.contains("s3same"), "{}", ran.out);
    }
    for (variables, flags, message) in [
        (
            &[("http_proxy", url.as_str()), ("NO_PROXY", "x.example, 127.0.0.0/8")][..],
            &[][..],
            "none: the entry \"127.0.0.0/8\" of NO_PROXY matches 127.0.0.1",
        ),
        (&[("http_proxy", &url)], &["--proxy", "none"], "none, set by --proxy"),
        (&[], &[], "none: no proxy variable is set"),
    ] {
        let ran = world.run_with(variables, &[&["doctor"], flags].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert!(line(&ran, "proxy").ends_with(message), "{}", ran.out);
        assert!(!ran.out.contains("tunnel"), "{}", ran.out);
    }
}

#[test]
fn refusing_proxy_is_explained() {
    let world = World::new();
    for (proxy, message, advice) in [
        (Proxy::with_password(), "407", "http://USER:PASSWORD@HOST:PORT"),
        (Proxy::refusing("403 Forbidden"), "it responded to CONNECT with 403", "to allow CONNECT"),
        (
            Proxy::refusing("502 Bad Gateway"),
            "it responded to CONNECT with 502",
            "to allow CONNECT",
        ),
    ] {
        let ran = world.run(&["doctor", "-q", "--proxy", &proxy.url()]);
        assert_eq!(ran.code, Some(6), "{}", ran.out);
        assert!(line(&ran, "tunnel").contains(message) && ran.out.contains(advice), "{}", ran.out);
    }
    // The service itself is not a proxy.
    let ran = world.run(&["doctor", "-q", "--proxy", world.server.url()]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "tunnel").starts_with("  FAILED"), "{}", ran.out);
}

#[test]
fn ca_of_an_intercepting_proxy_is_named() {
    let world = tls_world(Certificate::Valid);
    let ca = InterceptingCa::new("Company Proxy", world.server.ca_pem().unwrap());
    world.write("company.pem", ca.authority.pem());
    let url = Proxy::intercepting(ca);
    let ran = world.run(&["doctor", "-q", "--proxy", &url.url(), "--ca-bundle", "ca.pem"]);
    assert_eq!(ran.code, Some(6), "{}", ran.out);
    assert!(line(&ran, "tls").contains("issued by Company Proxy, which this"), "{}", ran.out);
    assert!(ran.out.contains("if this is your company's proxy, pass its"), "{}", ran.out);

    let ran = world.done(&["doctor", "--proxy", &url.url(), "--ca-bundle", "company.pem"]);
    assert!(line(&ran, "tls").contains("issued by Company Proxy, trusted only by the CA bundle"));
}

#[cfg(unix)]
#[test]
fn files_and_folders_open_to_others_are_warnings() {
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
    assert!(line(&ran, "state").contains("other users can access"), "{}", ran.out);

    world.write("token", "a-token");
    open("token", 0o640);
    let flags = ["doctor", "-q", "--token-file", "token"];
    let without_id = [("WORKIVA_CLIENT_ID", "")];
    let ran = world.run_with(&without_id, &flags);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(line(&ran, "credentials").contains("other users can read token"), "{}", ran.out);
    let ran = world.run_with(&without_id, &[&flags[..], &["--strict-permissions"]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.out.contains("chmod 600 token"), "{}", ran.out);
}

#[test]
fn settings_and_checks_are_events() {
    let world = faulty(Endpoint::Token, Fault::status(401));
    let ran = world.run(&["doctor", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(4), ""));
    let events: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["v"] == 1));
    let check = |name: &str| events.iter().find(|event| event["name"] == name).unwrap();
    assert_eq!(check("client_secret")["value"], "set");
    assert_eq!(check("client_secret")["source"], "WORKIVA_CLIENT_SECRET");
    assert_eq!(check("service")["status"], "ok");
    assert_eq!(check("token")["status"], "failed");
    assert!(!check("token")["advice"].as_array().unwrap().is_empty());
    assert_eq!(check("scopes")["status"], "not_checked");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"diagnosis".into(), &4.into()));
}

#[test]
fn doctor_prints_no_secret() {
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
            assert!(secrets.len() > 2, "a token was sent to the service");
            for secret in secrets {
                assert!(!ran.out.contains(&secret) && !ran.err.contains(&secret), "{}", ran.out);
            }
        }
    }
}

#[test]
fn doctor_starts_no_export() {
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
