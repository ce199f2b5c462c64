//! Requests through a proxy: what it receives, and what its answers mean.

use std::env;
use std::process::Command;

use export_ureq::{Client, ClientBuilder, FailureKind, ProxySettings};
use test_servers::{Action, Server, any_bundle, one_attempt, only, operation, response};

use crate::transport::{SHORT, builder, submit};

fn via(proxy: &Server) -> ClientBuilder<Client> {
    let url = format!("http://me:secret@{}", proxy.address());
    builder("https://api.example.invalid").ca_bundle(any_bundle()).proxy(ProxySettings::Url(url))
}

fn proxy_answering(status: &'static str) -> Server {
    Server::start(move |_, _| Action::SendAndClose(response(status, &[], "<html>")))
}

#[test]
fn proxy_refusal_is_final_and_hides_the_password() {
    for status in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let proxy = proxy_answering(status);
        let text = only(FailureKind::Untrusted, submit(via(&proxy)));
        let told = match status {
            "403 Forbidden" => "it responded to CONNECT with 403 Forbidden",
            _ => "it refused the user name and password (407)",
        };
        assert!(text.contains(told), "{text}");
        assert!(text.contains("the proxy 127.0.0.1"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn proxy_error_means_not_sent() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        only(FailureKind::NotSent, submit(via(&proxy_answering(status))));
    }
}

#[test]
fn silent_proxy_means_not_sent() {
    let silent = Server::start(|_, _| Action::SendAndClose(Vec::new()));
    only(FailureKind::NotSent, submit(via(&silent)));
    let babbling = Server::start(|_, _| Action::SendAndClose(b"hello\r\n\r\n".into()));
    only(FailureKind::NotSent, submit(via(&babbling)));
    let quick = one_attempt().with_request_timeout(SHORT);
    let hanging = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    only(FailureKind::NotSent, submit(via(&hanging).limits(quick)));
}

#[test]
fn connect_sends_the_host_and_the_password() {
    let proxy = proxy_answering("503 Service Unavailable");
    only(FailureKind::NotSent, submit(via(&proxy)));
    assert_eq!(
        proxy.requests(),
        ["CONNECT api.example.invalid:443 HTTP/1.1\r\nHost: api.example.invalid:443\r\n\
          Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"]
    );
}

#[test]
fn proxy_sees_no_token_and_service_no_password() {
    // One connection, first to the proxy and then, through the tunnel, to the service.
    let proxy = Server::start(|number, _| match number {
        0 => Action::Send(b"HTTP/1.1 200 Connection established\r\n\r\n".into()),
        _ => operation("started"),
    });
    let client = builder("http://localhost:1")
        .proxy(ProxySettings::Url(format!("http://me:secret@{}", proxy.address())))
        .build()
        .unwrap();
    client.attach("op1").status().unwrap();
    assert_eq!(proxy.connections(), 1);
    let [connect, request] = proxy.requests().try_into().unwrap();
    assert!(connect.starts_with("CONNECT localhost:1 HTTP/1.1\r\n"), "{connect}");
    assert!(!connect.contains("t0ken"), "{connect}");
    assert!(request.contains("Bearer t0ken"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("proxy"), "{request}");
}

/// A test cannot change its own environment: it runs itself a second time.
#[test]
fn environment_proxy_applies_only_if_chosen() {
    const CHILD: &str = "EXPORT_UREQ_TEST_SERVICE";
    if let Ok(url) = env::var(CHILD) {
        let off = builder(&url).build().unwrap();
        off.attach("op1").status().unwrap();
        let asked = builder(&url).proxy(ProxySettings::Environment);
        let text = only(FailureKind::NotSent, submit(asked));
        assert!(text.contains("the proxy proxy.invalid: "), "{text}");
        return;
    }
    let server = Server::start(|_, _| operation("started"));
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "proxied::environment_proxy_applies_only_if_chosen"])
        .env(CHILD, server.url())
        .env("http_proxy", "http://proxy.invalid:1")
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .env_remove("REQUEST_METHOD")
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(server.lines().len(), 1);
}
