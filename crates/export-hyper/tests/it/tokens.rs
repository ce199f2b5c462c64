//! One source of tokens for all jobs of a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use export_hyper::{Client, Credentials, Error, ExportError, Status};
use tokio::task::JoinSet;

use crate::server::{Act, Server, answer, json};
use crate::service::{builder, quick};

fn with_credentials(server: &Server) -> Client {
    builder(server).credentials(Credentials::client("id", "s3cret")).build().unwrap()
}

/// So many jobs that ask at once how far an operation is.
async fn ask(client: &Client, jobs: usize) -> Vec<Result<Status, ExportError>> {
    let mut all = JoinSet::new();
    for _ in 0..jobs {
        let client = client.clone();
        all.spawn(async move { client.attach("op1").status().await });
    }
    all.join_all().await
}

#[tokio::test]
async fn a_hundred_jobs_that_need_a_token_at_once_cause_one_request_for_it() {
    let server = Server::start(|_, request| {
        if request.starts_with("POST /iam/v1/oauth2/token ") {
            let body = r#"{"access_token":"t1","expires_in":3600,"token_type":"bearer"}"#;
            return Act::Say(json("200 OK", &[], body));
        }
        assert!(request.contains("Bearer t1"), "{request}");
        Act::Say(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#))
    })
    .await;
    for status in ask(&with_credentials(&server), 100).await {
        status.unwrap();
    }
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 1);
    assert_eq!(lines.len(), 101);
}

#[tokio::test]
async fn a_hundred_jobs_whose_token_is_refused_at_once_cause_one_request_for_another() {
    // A token whose time is so short that it may be replaced as soon as it is refused.
    let issued = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&issued);
    let server = Server::start(move |_, request| {
        if request.starts_with("POST /iam/v1/oauth2/token ") {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(r#"{{"access_token":"t{number}","expires_in":1}}"#);
            return Act::Say(json("200 OK", &[], &body));
        }
        if request.contains("Bearer t1") && !request.contains("/operations/first ") {
            return Act::Say(answer("401 Unauthorized", &[], ""));
        }
        Act::Say(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#))
    })
    .await;
    let client = with_credentials(&server);
    client.attach("first").status().await.unwrap();
    // From now on a refusal means that the token is over, and not that it never was any good.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    for status in ask(&client, 100).await {
        status.unwrap();
    }
    assert_eq!(issued.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn credentials_that_are_refused_are_refused_to_everybody_at_once() {
    let server = Server::start(|_, _| {
        Act::Say(json("401 Unauthorized", &[], r#"{"error":"invalid_client"}"#))
    })
    .await;
    for status in ask(&with_credentials(&server), 20).await {
        let error = status.unwrap_err();
        assert!(matches!(error.job(), Some(Error::Unauthorized { .. })), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert_eq!(server.lines(), ["POST /iam/v1/oauth2/token HTTP/1.1"]);
}

#[tokio::test]
async fn whoever_asks_for_all_may_be_dropped() {
    let server = Server::start(|number, request| {
        if number == 0 {
            return Act::SayAndHang(Vec::new());
        }
        if request.starts_with("POST") {
            return Act::Say(json("200 OK", &[], r#"{"access_token":"t2","expires_in":3600}"#));
        }
        Act::Say(json("200 OK", &[], r#"{"id":"op1","status":"started"}"#))
    })
    .await;
    let client = with_credentials(&server);
    let begun = Instant::now();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.attach("op1").status().await }
    });
    while server.lines().is_empty() {
        tokio::task::yield_now().await;
    }
    let (statuses, ()) = tokio::join!(ask(&client, 10), async {
        tokio::task::yield_now().await;
        asking.abort();
    });
    for status in statuses {
        status.unwrap();
    }
    // Nobody waited until the time of the first request was over.
    assert!(begun.elapsed() < quick().attempt / 2);
    let tokens = server.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(tokens, 2);
}
