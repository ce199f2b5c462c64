//! The token source that the jobs of a client share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use export_ureq::export_core::ExportJob;
use export_ureq::{AccessToken, ClientAuth, Credentials, Error, TokenError};
use test_servers::{Action, OtherService, Server, header, json, operation, quick, response, token};

use crate::clients::builder;

#[test]
fn hundred_jobs_share_one_token_request() {
    const JOBS: usize = 100;
    let tokens = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&tokens);
    let server = Server::start(move |_, request| {
        if request.starts_with("POST /iam/v1/oauth2/token ") {
            asked.fetch_add(1, Ordering::SeqCst);
            // Gives the other jobs time to wait for it.
            for _ in 0..50_000 {
                thread::yield_now();
            }
            return token("t1", 3_600);
        }
        assert!(request.contains("Bearer t1"), "{request}");
        operation("started")
    });
    let credentials = Credentials::client("id", "secret");
    let client = builder(&server).credentials(credentials).build().unwrap();
    let all_here = Barrier::new(JOBS);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                all_here.wait();
                client.attach("op1").status().unwrap();
            });
        }
    });
    assert_eq!(tokens.load(Ordering::SeqCst), 1);
    assert!(begun.elapsed() < quick().request_timeout / 2, "waiting jobs were not woken");
}

#[test]
fn refused_credentials_fail_all_jobs_at_once() {
    const JOBS: usize = 20;
    let server = Server::start(|_, _| {
        Action::Send(json("401 Unauthorized", &[], r#"{"error":"invalid_client"}"#))
    });
    let credentials = Credentials::client("id", "secret");
    let client = builder(&server).credentials(credentials).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                let error = client.attach("op1").status().unwrap_err();
                assert!(matches!(error.job(), Some(Error::Unauthorized { .. })), "{error}");
                assert!(!error.to_string().contains("secret"), "{error}");
            });
        }
    });
    assert_eq!(server.lines(), ["POST /iam/v1/oauth2/token HTTP/1.1"]);
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

#[test]
fn callback_is_called_once_for_all_jobs_and_for_each_refusal() {
    const JOBS: usize = 50;
    let server = accepting_new_tokens();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let credentials = Credentials::from_fn(move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        // Gives the other jobs time to wait for it.
        for _ in 0..50_000 {
            thread::yield_now();
        }
        let token = if number == 0 { "old-1" } else { "new-1" };
        Ok(AccessToken::new(token).with_lifetime(Duration::from_secs(600)))
    });
    let client = builder(&server).credentials(credentials).build().unwrap();
    let all_here = Barrier::new(JOBS);
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                all_here.wait();
                client.attach("op1").status().unwrap();
            });
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn callback_that_fails_is_called_again_unless_it_is_refused() {
    let server = accepting_new_tokens();
    let run = |error: fn(&'static str) -> TokenError| {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let credentials =
            Credentials::from_fn(move || match count.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => Err(error("the vault is sealed")),
                _ => Ok(AccessToken::new("new-1")),
            });
        let client = builder(&server).credentials(credentials).build().unwrap();
        (client.attach("op1").status(), calls.load(Ordering::SeqCst))
    };
    let (status, calls) = run(TokenError::unavailable);
    assert_eq!((status.unwrap().facts.status.as_deref(), calls), (Some("started"), 3));
    let (status, calls) = run(TokenError::refused);
    let error = status.unwrap_err();
    assert!(matches!(error.job(), Some(Error::Unauthorized { .. })), "{error}");
    assert!(error.to_string().contains("no token available: the vault is sealed"), "{error}");
    assert_eq!(calls, 1);
}

#[test]
fn token_of_a_callback_is_masked() {
    let server = accepting_new_tokens();
    let credentials = Credentials::from_fn(|| Ok(AccessToken::new("old-1")));
    let client = builder(&server).credentials(credentials).build().unwrap();
    let error = client.attach("op1").status().unwrap_err().to_string();
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

#[test]
fn other_service_gets_tokens_of_another_endpoint() {
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
    let submitted =
        client.job(ExportJob::with_dialect(dialect.clone(), client.config())).submit().unwrap();
    let resumed = client
        .job(ExportJob::resume_with(dialect, &submitted.checkpoint, client.config()).unwrap());
    let (_, bytes) = resumed.bytes(100).unwrap();
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

#[test]
fn token_endpoint_that_repeats_the_credentials_is_masked() {
    let login = Server::start(|_, request| {
        let sent = header(request, "authorization").unwrap_or_default();
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
        let error = format!(r#"{{"error":"invalid_client","error_description":"{sent} {body}"}}"#);
        Action::Send(json("401 Unauthorized", &[], &error))
    });
    for auth in [ClientAuth::Basic, ClientAuth::Body] {
        let credentials = Credentials::client_at(login.url(), "id", "s3cret");
        let client = builder(&login).credentials(credentials.with_client_auth(auth));
        let error = client.build().unwrap().attach("op1").status().unwrap_err().to_string();
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
