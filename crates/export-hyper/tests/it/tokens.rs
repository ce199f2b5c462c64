//! The token source that the jobs of a client share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use export_hyper::export_core::ExportJob;
use export_hyper::{
    AccessToken, Client, ClientAuth, Credentials, Error, ExportError, Status, TokenError,
};
use test_servers::{Action, OtherService, Server, header, json, operation, quick, response, token};
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

/// Accepts any token but those that begin with `old`.
fn accepting_new_tokens() -> Server {
    Server::start(|_, request| match request.contains("Bearer old") {
        true => {
            let body = r#"{"code":"401","message":"old-1 has expired"}"#;
            Action::Send(json("401 Unauthorized", &[], body))
        }
        false => operation("started"),
    })
}

#[tokio::test]
async fn callback_is_called_once_for_all_jobs_and_for_each_refusal() {
    let server = accepting_new_tokens();
    let calls = Arc::new(AtomicUsize::new(0));
    let (count, running) = (Arc::clone(&calls), Arc::new(AtomicUsize::new(0)));
    let credentials = Credentials::from_fn(move || {
        let (count, running) = (Arc::clone(&count), Arc::clone(&running));
        async move {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two calls at once");
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            let number = count.fetch_add(1, Ordering::SeqCst);
            let token = if number == 0 { "old-1" } else { "new-1" };
            Ok(AccessToken::new(token).with_lifetime(Duration::from_secs(600)))
        }
    });
    let client = builder(&server).credentials(credentials).build().unwrap();
    for status in poll_all(&client, 100).await {
        status.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn callback_that_fails_is_called_again_unless_it_is_refused() {
    let server = accepting_new_tokens();
    let run = async |error: fn(&'static str) -> TokenError| {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let credentials = Credentials::from_fn(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move {
                match number {
                    0 | 1 => Err(error("the vault is sealed")),
                    _ => Ok(AccessToken::new("new-1")),
                }
            }
        });
        let client = builder(&server).credentials(credentials).build().unwrap();
        (client.attach("op1").status().await, calls.load(Ordering::SeqCst))
    };
    let (status, calls) = run(TokenError::unavailable).await;
    assert_eq!((status.unwrap().facts.status.as_deref(), calls), (Some("started"), 3));
    let (status, calls) = run(TokenError::refused).await;
    let error = status.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Unauthorized { .. })), "{error}");
    assert!(error.to_string().contains("no token available: the vault is sealed"), "{error}");
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn callback_that_hangs_is_dropped() {
    tokio::time::pause();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let credentials = Credentials::from_fn(move || {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    });
    let client = crate::clients::builder_at(&test_servers::unused_url());
    let limits = test_servers::one_attempt();
    let client = client.credentials(credentials).limits(limits).build().unwrap();
    let error = client.attach("op1").status().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "poll failed: no token available: timed out; resume the job later"
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn token_of_a_callback_is_masked() {
    let server = accepting_new_tokens();
    let credentials = Credentials::from_fn(async || Ok(AccessToken::new("old-1")));
    let client = builder(&server).credentials(credentials).build().unwrap();
    let error = client.attach("op1").status().await.unwrap_err().to_string();
    assert!(error.contains("*** has expired") && !error.contains("old-1"), "{error}");
}

/// A service whose only token is `t1`, and the endpoint that issues it.
fn other_service() -> (Server, Server) {
    let login = Server::start(|_, _| token("t1", 3_600));
    let api = Server::start(|number, request| {
        assert!(request.contains("Bearer t1"), "{request}");
        match number {
            0 => Action::Send(response("202 Accepted", &["location: /exports/1"], "")),
            1 => Action::Send(response("202 Accepted", &[], "")),
            _ => Action::Send(response("200 OK", &[], "the file")),
        }
    });
    (api, login)
}

#[tokio::test]
async fn other_service_gets_tokens_of_another_endpoint() {
    let (api, login) = other_service();
    let credentials = Credentials::client_at(format!("{}/token", login.url()), "id", "s3cret");
    let client = builder(&api)
        .credentials(credentials.with_scope("exports:read"))
        .headers(|headers| {
            headers.insert("x-tenant", "acme".parse().unwrap());
        })
        .build()
        .unwrap();
    let dialect = Arc::new(OtherService(api.url()));
    let submitted = client
        .job(ExportJob::with_dialect(dialect.clone(), client.config()))
        .submit()
        .await
        .unwrap();
    let resumed = client
        .job(ExportJob::resume_with(dialect, &submitted.checkpoint, client.config()).unwrap());
    let (_, bytes) = resumed.bytes(100).await.unwrap();
    assert_eq!(bytes, b"the file");
    assert_eq!(api.lines()[..2], ["POST /exports HTTP/1.1", "GET /exports/1 HTTP/1.1"]);
    assert_eq!(header(&api.requests()[0], "x-tenant").unwrap(), "acme");

    let requests = login.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(request.starts_with("POST /token HTTP/1.1"), "{request}");
    // The encoding of `id:s3cret`.
    assert_eq!(header(request, "authorization").unwrap(), "Basic aWQ6czNjcmV0");
    assert!(request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=exports%3Aread"));
    assert_eq!(header(request, "x-tenant"), None);
    assert!(header(request, "user-agent").unwrap().starts_with("wexport-client/"));
}

#[tokio::test]
async fn token_endpoint_that_repeats_the_credentials_is_masked() {
    let login = Server::start(|_, request| {
        let sent = header(request, "authorization").unwrap_or_default();
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
        let error = format!(r#"{{"error":"invalid_client","error_description":"{sent} {body}"}}"#);
        Action::Send(json("401 Unauthorized", &[], &error))
    });
    for auth in [ClientAuth::Basic, ClientAuth::Body] {
        let credentials = Credentials::client_at(login.url(), "id", "s3cret");
        let client = builder(&login).credentials(credentials.with_client_auth(auth));
        let error = client.build().unwrap().attach("op1").status().await.unwrap_err().to_string();
        assert!(error.contains("***"), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("aWQ6czNjcmV0"), "{error}");
    }
}

#[test]
fn token_endpoint_needs_tls() {
    let server = Server::start(|_, _| Action::SendAndClose(Vec::new()));
    let credentials = Credentials::client_at("http://192.0.2.1/token", "id", "s3cret");
    let error = builder(&server).credentials(credentials).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid URL of the token endpoint: it is plain http, and its origin is not explicitly \
         allowed"
    );
}
