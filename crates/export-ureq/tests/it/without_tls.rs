//! Builds without cryptography for TLS: `cargo test --no-default-features -- without_tls::`.

use export_ureq::{FailureKind, OwnAgent};
use test_servers::{Action, Server, failures, header, json, operation};

use crate::clients::builder_at;
use crate::transport::builder;

const NO_TLS: &str = "this program was built without TLS: enable the feature `aws-lc-rs` or `ring` of \
                      its HTTP client, or send requests with a transport of your own";

#[test]
fn client_that_needs_tls_is_not_built() {
    let error = builder_at("https://localhost:1").build().unwrap_err();
    assert_eq!(error.to_string(), NO_TLS);
}

#[test]
fn own_transport_needs_no_tls() {
    let own = OwnAgent::new(ureq::Agent::new_with_defaults());
    builder_at("https://localhost:1").transport(own).build().unwrap();
}

#[test]
fn service_over_plain_http_works() {
    let server = Server::start(|_, _| operation("started"));
    builder_at(&server.url()).build().unwrap().attach("op1").status().unwrap();
}

#[test]
fn file_over_https_is_untrusted() {
    let server = Server::start(|_, request| {
        let file = format!("https://{}/file", header(request, "host").unwrap());
        let body = format!(r#"{{"id":"op1","status":"completed","resourceUrl":"{file}"}}"#);
        Action::Send(json("200 OK", &[], &body))
    });
    let (client, kinds) = failures(builder(&server.url()));
    let error = client.attach("op1").bytes(1).unwrap_err();
    assert_eq!(*kinds.lock().unwrap(), [FailureKind::Untrusted], "{error}");
    assert!(error.to_string().contains(NO_TLS), "{error}");
}
