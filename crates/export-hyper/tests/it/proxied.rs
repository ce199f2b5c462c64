//! Requests through a proxy: what it is told, and what its answers prove.

use export_hyper::{Client, ClientBuilder, FailureKind, Limits, ProxySettings};

use crate::server::{Act, Server, answer, json};
use crate::transport::{SHORT, any_bundle, builder, limits, only, submit};

fn through(proxy: &Server) -> ClientBuilder<Client> {
    let url = format!("http://me:secret@{}", proxy.address);
    builder("https://api.example.invalid").ca_bundle(any_bundle()).proxy(ProxySettings::Url(url))
}

async fn proxy_that_says(status: &'static str) -> Server {
    Server::start(move |_, _| Act::SayAndClose(answer(status, &[], "<html>"))).await
}

#[tokio::test]
async fn a_proxy_that_refuses_is_final_and_its_password_is_not_repeated() {
    for status in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let proxy = proxy_that_says(status).await;
        let text = only(FailureKind::Untrusted, submit(through(&proxy)).await);
        assert!(text.contains(&format!("it answered {status}")), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_reach_the_service_was_asked_in_vain() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        only(FailureKind::NotSent, submit(through(&proxy_that_says(status).await)).await);
    }
}

#[tokio::test]
async fn a_proxy_that_says_nothing_was_asked_in_vain() {
    let silent = Server::start(|_, _| Act::SayAndClose(Vec::new())).await;
    only(FailureKind::NotSent, submit(through(&silent)).await);
    let babbling = Server::start(|_, _| Act::SayAndClose(b"hello\r\n\r\n".into())).await;
    only(FailureKind::NotSent, submit(through(&babbling)).await);
    let quick = Limits { attempt: SHORT, ..limits() };
    let hanging = Server::start(|_, _| Act::SayAndHang(Vec::new())).await;
    only(FailureKind::NotSent, submit(through(&hanging).limits(quick)).await);
}

#[tokio::test]
async fn the_tunnel_is_asked_for_by_name_and_with_the_password() {
    let proxy = proxy_that_says("503 Service Unavailable").await;
    only(FailureKind::NotSent, submit(through(&proxy)).await);
    assert_eq!(
        proxy.requests(),
        ["CONNECT api.example.invalid:443 HTTP/1.1\r\nHost: api.example.invalid:443\r\n\
          Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"]
    );
}

#[tokio::test]
async fn what_goes_through_the_tunnel_is_the_service_s_business_alone() {
    // One connection: first it is the proxy's, then, as in life, the service's.
    let proxy = Server::start(|number, _| match number {
        0 => Act::Say(b"HTTP/1.1 200 Connection established\r\n\r\n".into()),
        _ => Act::Say(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#)),
    })
    .await;
    let client = builder("http://localhost:1")
        .proxy(ProxySettings::Url(format!("http://me:secret@{}", proxy.address)))
        .build()
        .unwrap();
    client.attach("op1").status().await.unwrap();
    assert_eq!(proxy.connections(), 1);
    let [connect, request] = proxy.requests().try_into().unwrap();
    assert!(connect.starts_with("CONNECT localhost:1 HTTP/1.1\r\n"), "{connect}");
    assert!(!connect.contains("t0ken"), "{connect}");
    assert!(request.contains("Bearer t0ken"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("proxy"), "{request}");
}
