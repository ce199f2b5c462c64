//! TLS and proxies.

use std::time::{Duration, Instant};

use export_sim::{BodyKind, Certificate, Endpoint, Fault, RedirectTo, Rule, Scenario};
use test_servers::Authority;

use crate::proxy::{InterceptingCa, Proxy};
use crate::world::{Ran, World, quick};

const PDF: [&str; 7] = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--quiet"];

/// A world with a TLS service, its CA in `ca.pem`, and another CA in `other.pem`.
pub(crate) fn tls_world(certificate: Certificate) -> World {
    let world = World::with(quick().with_certificate(certificate));
    world.write("ca.pem", world.server.ca_pem().unwrap());
    world.write("other.pem", Authority::new("another CA").pem());
    world
}

/// Runs an export that has to fail at once.
fn run_refused(world: &World, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    let began = Instant::now();
    let ran = world.run_with(variables, &[&PDF[..], flags].concat());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}: {}", began.elapsed(), ran.err);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(!world.work().join("a.pdf").exists());
    ran
}

#[test]
fn ca_bundles_are_trusted_from_every_source() {
    for (variables, flags) in [
        (&[][..], &["--ca-bundle", "ca.pem"][..]),
        (&[], &["--ca-bundle", "other.pem", "--ca-bundle", "ca.pem"]),
        (&[("WEXPORT_CA_BUNDLE", "ca.pem")], &[]),
        (&[("SSL_CERT_FILE", "ca.pem")], &[]),
        (&[("WEXPORT_CA_BUNDLE", "other.pem")], &["--ca-bundle", "ca.pem"]),
        (&[("WEXPORT_CA_BUNDLE", "ca.pem"), ("SSL_CERT_FILE", "nowhere.pem")], &[]),
    ] {
        let world = tls_world(Certificate::Valid);
        let ran = world.run_with(variables, &[&PDF[..], flags].concat());
        assert_eq!(ran.code, Some(0), "{variables:?} {flags:?}: {}", ran.err);
        assert!(world.read("a.pdf") == world.exported());
    }
}

#[test]
fn ca_bundles_override_those_of_weaker_sources() {
    let world = tls_world(Certificate::Valid);
    let variables = [("WEXPORT_CA_BUNDLE", "ca.pem")];
    run_refused(&world, &variables, &["--ca-bundle", "other.pem"]);
    world.write("wexport.toml", "ca_bundle = [\"other.pem\", \"ca.pem\"]\n");
    let config = ["--config", "wexport.toml"];
    world.done(&[&PDF[..], &config].concat());
    std::fs::remove_file(world.work().join("a.pdf")).unwrap();
    run_refused(&world, &[("WEXPORT_CA_BUNDLE", "other.pem")], &config);
}

#[test]
fn untrusted_certificates_fail_at_once() {
    for (certificate, flags, message) in [
        (Certificate::Valid, ["--ca-bundle", "other.pem"], "a CA that this machine does not trust"),
        (
            Certificate::WrongName,
            ["--ca-bundle", "ca.pem"],
            "is not valid for 127.0.0.1, only for wrong",
        ),
        (Certificate::Expired, ["--ca-bundle", "ca.pem"], "its certificate has expired"),
    ] {
        let world = tls_world(certificate);
        let ran = run_refused(&world, &[], &flags);
        assert!(ran.err.contains(message), "{}", ran.err);
        assert!(ran.err.contains("pass its CA with --ca-bundle"), "{}", ran.err);
        assert!(ran.err.contains("wexport doctor"), "{}", ran.err);
        assert!(world.requests().is_empty());
    }
}

#[test]
fn plain_http_to_a_tls_port_names_https() {
    let world = tls_world(Certificate::Valid);
    let url = world.server.url().replace("https:", "http:");
    let ran = run_refused(&world, &[], &["--base-url", &url]);
    assert!(ran.err.contains("it expects TLS on this port, but the URL is http"), "{}", ran.err);
    assert!(ran.err.contains("begin the URL with https://"), "{}", ran.err);
    assert!(!ran.err.contains("--ca-bundle"), "{}", ran.err);
}

#[test]
fn invalid_ca_bundles_are_rejected() {
    let world = tls_world(Certificate::Valid);
    world.write("empty.pem", "");
    world.write("text.pem", "hello\n");
    world.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    world.write("key.pem", "-----BEGIN RSA PRIVATE KEY-----MIIsecret-----END RSA PRIVATE KEY-----");
    for (file, message) in [
        ("nowhere.pem", "nowhere.pem cannot be read"),
        (".", "the CA bundle . cannot be read"),
        ("empty.pem", "empty.pem contains no certificate"),
        ("text.pem", "text.pem contains no certificate"),
        ("broken.pem", "broken.pem is invalid at line 1"),
        ("key.pem", "key.pem is invalid at line 1: a private key"),
        #[cfg(unix)]
        ("/dev/zero", "/dev/zero cannot be read: it is longer than"),
    ] {
        for (variables, source) in [
            (&[][..], "--ca-bundle: "),
            (&[("WEXPORT_CA_BUNDLE", file)], "WEXPORT_CA_BUNDLE: "),
            (&[("SSL_CERT_FILE", file)], "SSL_CERT_FILE: "),
        ] {
            let flags = if variables.is_empty() { &["--ca-bundle", file][..] } else { &[] };
            let ran = world.run_with(variables, &[&PDF[..], flags].concat());
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            assert!(ran.err.contains(message) && ran.err.contains(source), "{}", ran.err);
            assert!(ran.err.contains("a CA bundle is one"), "{}", ran.err);
            assert!(!ran.err.contains("MIIsecret"), "{}", ran.err);
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn intercepting_proxy_requires_its_ca() {
    let world = tls_world(Certificate::Valid);
    let ca = InterceptingCa::new("Company Proxy", world.server.ca_pem().unwrap());
    world.write("company.pem", ca.authority.pem());
    let proxy = Proxy::intercepting(ca);
    let url = proxy.url();
    let variables = [("HTTPS_PROXY", url.as_str())];
    let ran = run_refused(&world, &variables, &["--ca-bundle", "ca.pem"]);
    assert!(ran.err.contains("behind a proxy that inspects TLS"), "{}", ran.err);
    assert!(world.requests().is_empty());

    let ran = world.run_with(&variables, &[&PDF[..], &["--ca-bundle", "company.pem"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.read("a.pdf") == world.exported());
}

#[test]
fn proxy_password_is_taken_from_the_url() {
    let world = tls_world(Certificate::Valid);
    let proxy = Proxy::with_password();
    let bundle = ["--ca-bundle", "ca.pem"];
    for (user, code) in [("", 6), ("me:wr0ng@", 6), ("me:s3same@", 0), ("me:s3%73ame@", 0)] {
        for variable in ["WEXPORT_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            let url = format!("http://{user}{}", proxy.address());
            let ran = world.run_with(&[(variable, &url)], &[&PDF[..], &bundle].concat());
            assert_eq!(ran.code, Some(code), "{variable}={url}: {}", ran.err);
            if code == 6 {
                assert!(ran.err.contains("407"), "{}", ran.err);
                let advice: &[&str] = match user {
                    "" => &["http://USER:PASSWORD@HOST:PORT", "--proxy takes no USER:PASSWORD"],
                    _ => &["it refused the user name and password", "percent-encoded"],
                };
                assert!(advice.iter().all(|it| ran.err.contains(it)), "{}", ran.err);
            }
            assert!(!ran.err.contains("wr0ng") && !ran.err.contains("s3same"), "{}", ran.err);
        }
    }
    // The flag takes no password.
    std::fs::remove_file(world.work().join("a.pdf")).unwrap();
    let ran = run_refused(&world, &[], &[&bundle[..], &["--proxy", &proxy.url()]].concat());
    assert!(ran.err.contains("407"), "{}", ran.err);
    for head in proxy.connects() {
        assert!(!head.contains("a-secret") && !head.contains("Bearer"), "{head}");
    }
}

#[test]
fn no_proxy_hosts_are_reached_directly() {
    let proxy = Proxy::open();
    let url = proxy.url();
    let export = |variables: &[(&str, &str)], flags: &[&str]| {
        let world = World::new();
        let before = proxy.connects().len();
        let ran = world.run_with(variables, &[&PDF[..], flags].concat());
        assert_eq!(ran.code, Some(0), "{variables:?}: {}", ran.err);
        proxy.connects().len() > before
    };
    let http = ("http_proxy", url.as_str());
    assert!(export(&[http], &[]));
    assert!(export(&[http, ("NO_PROXY", "example.com,10.0.0.0/8")], &[]));
    for list in ["127.0.0.1", "localhost, 127.0.0.0/8", "*"] {
        assert!(!export(&[http, ("NO_PROXY", list)], &[]), "{list}");
        assert!(!export(&[http, ("no_proxy", list)], &[]), "{list}");
    }
    assert!(!export(&[http], &["--proxy", "none"]));
    assert!(!export(&[http, ("WEXPORT_PROXY", "none")], &[]));
    // The flag overrides NO_PROXY and the other variables.
    assert!(export(&[("NO_PROXY", "*")], &["--proxy", &url]));
    assert!(export(&[("http_proxy", "http://127.0.0.1:9")], &["--proxy", &url]));
    assert!(!export(&[("https_proxy", &url)], &[]));
}

#[test]
fn socks_proxies_are_rejected() {
    let world = World::new();
    let socks = "socks5h://me:hunter2@127.0.0.1:1080";
    for variable in ["WEXPORT_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        let ran = world.run_with(&[(variable, socks)], &PDF);
        assert_eq!(ran.code, Some(2), "{variable}: {}", ran.err);
        let message =
            format!("error: {variable}: only http and https proxies are supported, not SOCKS");
        assert!(ran.err.contains(&message), "{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    let ran = world.run(&[&PDF[..], &["--proxy", "socks5://127.0.0.1:1080"]].concat());
    assert!(ran.err.contains("--proxy: only http and https"), "{}", ran.err);
    assert!(world.requests().is_empty());
}

#[test]
fn gateway_pages_are_reported_as_such() {
    let page =
        Fault::Status { status: http::StatusCode::OK, retry_after: None, body: BodyKind::Html };
    let login = Fault::Redirect {
        status: http::StatusCode::FOUND,
        to: RedirectTo::Url("http://login.example/".into()),
    };
    for endpoint in [Endpoint::Token, Endpoint::Submit] {
        for fault in [&page, &login] {
            let rule = Rule::new(endpoint, fault.clone());
            let scenario = Scenario::default().with_rule(rule);
            let world = World::with(quick().with_scenario(scenario));
            let ran = world.run(&[&PDF[..], &["--retries", "0"]].concat());
            assert_eq!(ran.code, Some(6), "{endpoint:?}: {}", ran.err);
            assert!(ran.err.contains("a proxy or gateway re"), "{endpoint:?}: {}", ran.err);
            assert!(ran.err.contains("check --proxy, HTTPS_PROXY and NO_PROXY"), "{}", ran.err);
        }
    }
}
