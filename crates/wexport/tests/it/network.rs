//! TLS and proxies: whom the program believes, and which way it goes.

use std::time::{Duration, Instant};

use export_sim::{BodyKind, Certificate, Endpoint, Fault, RedirectTo, Rule, Scenario};

use crate::proxy::{Forger, Proxy};
use crate::world::{Ran, World, quick};

const PDF: [&str; 7] = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--quiet"];

/// A service that speaks TLS, with its authority in `ca.pem` and another one in `other.pem`.
pub(crate) fn secure(certificate: Certificate) -> World {
    let world = World::with(quick().with_certificate(certificate));
    world.write("ca.pem", world.server.ca_pem().unwrap());
    world.write("other.pem", Forger::new("somebody else", None).pem);
    world
}

/// A run that is to be refused at once, and to say why.
fn refused_at_once(world: &World, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    let began = Instant::now();
    let ran = world.run_with(variables, &[&PDF[..], flags].concat());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}: {}", began.elapsed(), ran.err);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(!world.work().join("a.pdf").exists());
    ran
}

#[test]
fn the_authority_of_a_bundle_is_believed_wherever_it_is_named() {
    for (variables, flags) in [
        (&[][..], &["--ca-bundle", "ca.pem"][..]),
        (&[], &["--ca-bundle", "other.pem", "--ca-bundle", "ca.pem"]),
        (&[("WEXPORT_CA_BUNDLE", "ca.pem")], &[]),
        (&[("SSL_CERT_FILE", "ca.pem")], &[]),
        (&[("WEXPORT_CA_BUNDLE", "other.pem")], &["--ca-bundle", "ca.pem"]),
        (&[("WEXPORT_CA_BUNDLE", "ca.pem"), ("SSL_CERT_FILE", "nowhere.pem")], &[]),
    ] {
        let world = secure(Certificate::Valid);
        let ran = world.run_with(variables, &[&PDF[..], flags].concat());
        assert_eq!(ran.code, Some(0), "{variables:?} {flags:?}: {}", ran.err);
        assert!(world.read("a.pdf") == world.exported());
    }
}

#[test]
fn a_stronger_place_replaces_the_bundles_of_a_weaker_one() {
    let world = secure(Certificate::Valid);
    let variables = [("WEXPORT_CA_BUNDLE", "ca.pem")];
    refused_at_once(&world, &variables, &["--ca-bundle", "other.pem"]);
    world.write("wexport.toml", "ca_bundle = [\"other.pem\", \"ca.pem\"]\n");
    let config = ["--config", "wexport.toml"];
    world.done(&[&PDF[..], &config].concat());
    std::fs::remove_file(world.work().join("a.pdf")).unwrap();
    refused_at_once(&world, &[("WEXPORT_CA_BUNDLE", "other.pem")], &config);
}

#[test]
fn a_server_that_is_not_believed_is_refused_at_once_with_what_to_do() {
    for (certificate, flags, said) in [
        (Certificate::Valid, ["--ca-bundle", "other.pem"], "an authority that this machine does"),
        (Certificate::WrongName, ["--ca-bundle", "ca.pem"], "is not for 127.0.0.1 but for wrong"),
        (Certificate::Expired, ["--ca-bundle", "ca.pem"], "its certificate has expired"),
    ] {
        let world = secure(certificate);
        let ran = refused_at_once(&world, &[], &flags);
        assert!(ran.err.contains(said), "{}", ran.err);
        assert!(ran.err.contains("give its authority with --ca-bundle"), "{}", ran.err);
        assert!(ran.err.contains("wexport doctor"), "{}", ran.err);
        assert!(world.requests().is_empty());
    }
}

#[test]
fn a_bundle_that_is_of_no_use_is_named_with_its_place() {
    let world = secure(Certificate::Valid);
    world.write("empty.pem", "");
    world.write("text.pem", "hello\n");
    world.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (file, said) in [
        ("nowhere.pem", "nowhere.pem cannot be read"),
        (".", "the CA bundle . cannot be read"),
        ("empty.pem", "empty.pem holds no certificate"),
        ("text.pem", "text.pem holds no certificate"),
        ("broken.pem", "broken.pem is broken at certificate 1"),
    ] {
        for (variables, place) in [
            (&[][..], "--ca-bundle: "),
            (&[("WEXPORT_CA_BUNDLE", file)], "WEXPORT_CA_BUNDLE: "),
            (&[("SSL_CERT_FILE", file)], "SSL_CERT_FILE: "),
        ] {
            let flags = if variables.is_empty() { &["--ca-bundle", file][..] } else { &[] };
            let ran = world.run_with(variables, &[&PDF[..], flags].concat());
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            assert!(ran.err.contains(said) && ran.err.contains(place), "{}", ran.err);
            assert!(ran.err.contains("a CA bundle is a PEM file"), "{}", ran.err);
        }
    }
    assert!(world.requests().is_empty());
}

#[test]
fn through_a_proxy_that_re_signs_an_export_completes_with_its_authority_and_not_without() {
    let world = secure(Certificate::Valid);
    let forger = Forger::new("Company Proxy", world.server.ca_pem());
    world.write("company.pem", &forger.pem);
    let proxy = Proxy::resigning(forger);
    let through = [("HTTPS_PROXY", proxy.url())];
    let through = through.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ran = refused_at_once(&world, &through, &["--ca-bundle", "ca.pem"]);
    assert!(ran.err.contains("behind a proxy that re-signs TLS"), "{}", ran.err);
    assert!(world.requests().is_empty());

    let ran = world.run_with(&through, &[&PDF[..], &["--ca-bundle", "company.pem"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.read("a.pdf") == world.exported());
}

#[test]
fn a_proxy_that_wants_a_password_gets_it_from_a_url_and_says_so_without() {
    let world = secure(Certificate::Valid);
    let proxy = Proxy::with_password();
    let bundle = ["--ca-bundle", "ca.pem"];
    for (user, code) in [("", 6), ("me:wr0ng@", 6), ("me:s3same@", 0), ("me:s3%73ame@", 0)] {
        for variable in ["WEXPORT_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            let url = format!("http://{user}{}", proxy.address());
            let ran = world.run_with(&[(variable, &url)], &[&PDF[..], &bundle].concat());
            assert_eq!(ran.code, Some(code), "{variable}={url}: {}", ran.err);
            if code == 6 {
                assert!(ran.err.contains("407"), "{}", ran.err);
                assert!(ran.err.contains("http://USER:PASSWORD@HOST:PORT"), "{}", ran.err);
                assert!(ran.err.contains("--proxy takes no USER:PASSWORD"), "{}", ran.err);
            }
            assert!(!ran.err.contains("wr0ng") && !ran.err.contains("s3same"), "{}", ran.err);
        }
    }
    // The flag takes no password.
    std::fs::remove_file(world.work().join("a.pdf")).unwrap();
    let ran = refused_at_once(&world, &[], &[&bundle[..], &["--proxy", &proxy.url()]].concat());
    assert!(ran.err.contains("407"), "{}", ran.err);
    for head in proxy.asked() {
        assert!(!head.contains("a-secret") && !head.contains("Bearer"), "{head}");
    }
}

#[test]
fn who_is_named_by_no_proxy_is_reached_directly() {
    let proxy = Proxy::open();
    let url = proxy.url();
    let export = |variables: &[(&str, &str)], flags: &[&str]| {
        let world = World::new();
        let asked = proxy.asked().len();
        let ran = world.run_with(variables, &[&PDF[..], flags].concat());
        assert_eq!(ran.code, Some(0), "{variables:?}: {}", ran.err);
        proxy.asked().len() > asked
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
    // The flag is for everything, and a variable is weaker than it.
    assert!(export(&[("NO_PROXY", "*")], &["--proxy", &url]));
    assert!(export(&[("http_proxy", "http://127.0.0.1:9")], &["--proxy", &url]));
    assert!(!export(&[("https_proxy", &url)], &[]));
}

#[test]
fn a_socks_proxy_is_refused_before_anything_is_sent() {
    let world = World::new();
    let socks = "socks5h://me:hunter2@127.0.0.1:1080";
    for variable in ["WEXPORT_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        let ran = world.run_with(&[(variable, socks)], &PDF);
        assert_eq!(ran.code, Some(2), "{variable}: {}", ran.err);
        let said =
            format!("error: {variable}: only http and https proxies are supported, not SOCKS");
        assert!(ran.err.contains(&said), "{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    let ran = world.run(&[&PDF[..], &["--proxy", "socks5://127.0.0.1:1080"]].concat());
    assert!(ran.err.contains("--proxy: only http and https"), "{}", ran.err);
    assert!(world.requests().is_empty());
}

#[test]
fn a_page_of_a_gateway_is_called_that_whatever_it_stands_in_for() {
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
            assert!(ran.err.contains("a proxy or gateway answered"), "{endpoint:?}: {}", ran.err);
            assert!(ran.err.contains("check --proxy, HTTPS_PROXY and NO_PROXY"), "{}", ran.err);
        }
    }
}
