//! The token source that the jobs of a client share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use export_hyper::{Client, Credentials, Error, ExportError, Status};
use test_servers::{Action, Server, json, operation, quick, response, token};
use tokio::task::JoinSet;

use crate::clients::builder;

fn with_credentials(server: &Server) -> Client {
    builder(server).credentials(Credentials::client("id", "s3cret")).build().unwrap()
}

/// Polls the status in `jobs` jobs at once.
async fn poll_all(client: &Client, jobs: usize) -> Vec<Result<Status, ExportError>> {
    let mut all = JoinSet::new();
    for _ in 0..jobs {
        let client = client.clone();
        all.spawn(async move { client.attach("op1").status().await });
    }
    all.join_all().await
}

#[tokio::test]
async fn hundred_jobs_share_one_token_request() {
    let server = Server::start(|_, request| {
        if request.starts_with("POST /iam/v1/oauth2/token ") {
            return token("t1", 3_600);
        }
        assert!(request.contains("Bearer t1"), "{request}");
        operation("started")
    });
    for status in poll_all(&with_credentials(&server), 100).await {
        status.unwrap();
    }
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 1);
    assert_eq!(lines.len(), 101);
}

#[tokio::test]
async fn hundred_refusals_cause_one_token_request() {
    // A lifetime so short that the token may be replaced as soon as it is refused.
    let issued = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&issued);
    let server = Server::start(move |_, request| {
        if request.starts_with("POST /iam/v1/oauth2/token ") {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            return token(&format!("t{number}"), 1);
        }
        if request.contains("Bearer t1") && !request.contains("/operations/first ") {
            return Action::Send(response("401 Unauthorized", &[], ""));
        }
        operation("started")
    });
    let client = with_credentials(&server);
    client.attach("first").status().await.unwrap();
    // From now on a refusal means that the token has expired, not that it was never valid.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    for status in poll_all(&client, 100).await {
        status.unwrap();
    }
    assert_eq!(issued.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refused_credentials_fail_all_jobs_at_once() {
    let server = Server::start(|_, _| {
        Action::Send(json("401 Unauthorized", &[], r#"{"error":"invalid_client"}"#))
    });
    for status in poll_all(&with_credentials(&server), 20).await {
        let error = status.unwrap_err();
        assert!(matches!(error.job(), Some(Error::Unauthorized { .. })), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert_eq!(server.lines(), ["POST /iam/v1/oauth2/token HTTP/1.1"]);
}

#[tokio::test]
async fn job_that_requests_a_token_may_be_dropped() {
    let server = Server::start(|number, request| {
        if number == 0 {
            return Action::SendAndHang(Vec::new());
        }
        if request.starts_with("POST") {
            return token("t2", 3_600);
        }
        operation("started")
    });
    let client = with_credentials(&server);
    let begun = Instant::now();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.attach("op1").status().await }
    });
    while server.lines().is_empty() {
        tokio::task::yield_now().await;
    }
    let (statuses, ()) = tokio::join!(poll_all(&client, 10), async {
        tokio::task::yield_now().await;
        asking.abort();
    });
    for status in statuses {
        status.unwrap();
    }
    // No job waited for the first request's timeout.
    assert!(begun.elapsed() < quick().request_timeout / 2);
    let tokens = server.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(tokens, 2);
}
