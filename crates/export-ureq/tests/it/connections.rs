//! Settings of connections: a certificate of the client, addresses of hosts, and which connections are
//! kept.

use std::net::{IpAddr, Ipv4Addr};

use export_ureq::{CaBundle, Client, ClientBuilder, ClientCertificate, FailureKind, HttpVersions};
use test_servers::{
    Action, Authority, Server, failures, json, one_attempt, operation, service, spec, whole,
};

use crate::clients::builder_at;

/// A certificate of this authority for a client.
fn certificate(authority: &Authority) -> ClientCertificate {
    let (certificate, key) = authority.issue("client", |_| {});
    ClientCertificate::pem(certificate.pem(), key.serialize_pem())
}

#[test]
fn certificate_is_shown_to_the_service_and_not_to_a_storage_host() {
    let ours = Authority::new("ours");
    let storage = Server::tls(ours.server_for_known_clients("localhost"), |_, _| whole());
    let file = format!("{}/file", storage.url());
    let service = Server::tls(ours.server_for_known_clients("localhost"), move |_, _| {
        let body = format!(r#"{{"id":"op1","status":"completed","resourceUrl":"{file}"}}"#);
        Action::Send(json("200 OK", &[], &body))
    });
    let builder = builder_at(&service.url()).ca_bundle(ours.bundle()).limits(one_attempt());
    let (client, kinds) = failures(builder.client_certificate(certificate(&ours)));
    client.attach("op1").status().unwrap();
    let error = client.attach("op1").bytes(1_000).unwrap_err().to_string();
    assert!(error.contains("it requires a client certificate"), "{error}");
    assert_eq!(*kinds.lock().unwrap(), [FailureKind::Untrusted]);
    assert!(storage.requests().is_empty());
}

#[test]
fn invalid_certificate_is_an_error_of_the_builder() {
    let ours = Authority::new("ours");
    let (_, other_key) = ours.issue("client", |_| {});
    let (chain, _) = ours.issue("client", |_| {});
    let wrong = ClientCertificate::pem(chain.pem(), other_key.serialize_pem());
    let builder = builder_at("https://localhost:1").ca_bundle(ours.bundle());
    let error = builder.client_certificate(wrong).build().unwrap_err().to_string();
    assert_eq!(error, "invalid client certificate: its key is that of another certificate");
}

#[test]
fn invalid_bundle_is_an_error_also_over_plain_http() {
    let bundle = CaBundle::pem("no certificate");
    let error = builder_at("http://127.0.0.1:1").ca_bundle(bundle).build().unwrap_err();
    assert_eq!(error.to_string(), "the CA bundle given as text contains no certificate");
}

/// A client of a host whose name only its resolver knows.
fn resolving(
    server: &Server,
    resolve: impl Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync + 'static,
) -> ClientBuilder<Client> {
    builder_at(&server.url())
        .plain_http_base_url(format!("http://service.invalid:{}", server.address().port()))
        .limits(one_attempt())
        .resolver(resolve)
}

#[test]
fn resolver_sets_the_addresses_of_a_host() {
    let server = Server::start(|_, _| operation("started"));
    let here = |host: &str| {
        assert_eq!(host, "service.invalid");
        Some(vec![Ipv4Addr::LOCALHOST.into()])
    };
    resolving(&server, here).build().unwrap().attach("op1").status().unwrap();
    let host = format!("host: service.invalid:{}", server.address().port());
    assert!(server.requests()[0].contains(&host), "{}", server.requests()[0]);
    for unknown in [None, Some(Vec::new())] {
        let (client, kinds) = failures(resolving(&server, move |_| unknown.clone()));
        client.attach("op1").status().unwrap_err();
        assert_eq!(*kinds.lock().unwrap(), [FailureKind::NotSent]);
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn http1_is_used_with_a_server_that_prefers_http2() {
    let ours = Authority::new("ours");
    let mut config = ours.server("localhost");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // It speaks HTTP/1.1, whatever it has agreed to.
    let server = Server::tls(config, |_, _| operation("started"));
    let builder = builder_at(&server.url()).ca_bundle(ours.bundle()).limits(one_attempt());
    let client = builder.http_versions(HttpVersions::Http1).build().unwrap();
    client.attach("op1").status().unwrap();
}

#[test]
fn idle_connections_are_kept_as_set() {
    let connections = |set: fn(ClientBuilder<Client>) -> ClientBuilder<Client>| {
        let server = service(|_, _| whole());
        let client = set(builder_at(&server.url())).build().unwrap();
        client.export(spec()).bytes(1_000).unwrap();
        server.connections()
    };
    assert_eq!(connections(|builder| builder), 1);
    assert_eq!(connections(|builder| builder.max_idle_per_host(0)), 3);
}
