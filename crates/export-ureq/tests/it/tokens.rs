//! The token source that the jobs of a client share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use export_ureq::{Credentials, Error};
use test_servers::{Action, Server, json, operation, quick, token};

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
