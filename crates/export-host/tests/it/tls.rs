//! TLS handshakes with a loopback server and generated certificates.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use export_host::{CaBundle, IssuerTrust, TlsOptions, tls_verdict};
use rcgen::{KeyPair, date_time_ymd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};
use test_servers::Authority;

fn client(options: TlsOptions) -> ClientConfig {
    options.client_config().unwrap()
}

/// The result of one connection: the server's greeting, or the verdict.
fn outcome(client: ClientConfig, server: ServerConfig, name: &'static str) -> String {
    connect(client, name, move |stream| {
        let connection = ServerConnection::new(Arc::new(server)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // Ignores errors: in most tests the client refuses the connection.
        let _ = stream.write_all(b"hello");
        let _ = stream.flush();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn connect(
    client: ClientConfig,
    name: &'static str,
    serve: impl FnOnce(TcpStream) + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(listener.accept().unwrap().0));
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    let mut greeting = String::new();
    let read = stream.read_to_string(&mut greeting);
    drop(stream);
    server.join().unwrap();
    match read {
        Ok(_) => greeting,
        Err(error) => tls_verdict(&error).unwrap_or_else(|| format!("no verdict: {error}")),
    }
}

#[test]
fn server_of_a_bundle_authority_is_trusted() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    assert_eq!(outcome(trusting, authority.server("localhost"), "localhost"), "hello");
}

#[test]
fn bundle_file_may_hold_many_certificates() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, format!("# a comment\n{}\n{}", first.pem(), second.pem())).unwrap();
    for authority in [&first, &second] {
        let trusting = client(TlsOptions::new().with_ca_bundle(path.as_path()));
        assert_eq!(outcome(trusting, authority.server("localhost"), "localhost"), "hello");
    }
}

#[test]
fn certificate_errors_are_explained() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let result = |server, name| {
        outcome(client(TlsOptions::new().with_ca_bundle(ours.bundle())), server, name)
    };
    assert_eq!(
        result(theirs.server("localhost"), "localhost"),
        "its certificate was issued by a CA that this machine does not trust; if it is your \
         company's CA, pass its CA bundle"
    );
    assert_eq!(
        result(ours.server("localhost"), "api.example.com"),
        "its certificate is not valid for api.example.com, only for localhost"
    );
    let nameless = ours.server_with("localhost", |params| params.subject_alt_names.clear());
    assert_eq!(
        result(nameless, "localhost"),
        "its certificate is not valid for localhost, and has no names"
    );
    let old = ours.server_with("localhost", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert_eq!(result(old, "localhost"), "its certificate has expired");
    let early = ours.server_with("localhost", |params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    assert_eq!(
        result(early, "localhost"),
        "its certificate is not valid yet; this machine's clock may be wrong"
    );
}

#[test]
fn recorder_keeps_untrusted_certificates() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let options = TlsOptions::new().with_ca_bundle(ours.bundle());
    let expired = ours.server_with("localhost", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    for (server, issuer) in [
        (ours.server("localhost"), IssuerTrust::Bundle),
        (theirs.server("localhost"), IssuerTrust::Untrusted),
        (expired, IssuerTrust::NotChecked),
    ] {
        let (config, recorder) = options.recording_client_config().unwrap();
        assert!(recorder.last().is_none());
        let result = outcome(config, server, "localhost");
        assert_eq!(result == "hello", issuer == IssuerTrust::Bundle, "{result}");
        let presented = recorder.last().unwrap();
        assert_eq!(presented.issuer, issuer);
        assert!(presented.certificate.starts_with(&[0x30]), "not a DER sequence");
    }
}

#[test]
fn port_without_tls_is_named() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    let result = connect(trusting, "localhost", |mut stream| {
        let mut hello = [0; 1_024];
        assert!(stream.read(&mut hello).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    assert_eq!(result, "it does not speak TLS on this port");
}

#[test]
fn refused_handshake_is_a_verdict() {
    let authority = Authority::new("ours");
    let mut trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    trusting.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut server = authority.server("localhost");
    server.alpn_protocols = vec![b"something-else".to_vec()];
    let result = outcome(trusting, server, "localhost");
    assert_eq!(result, "it rejected the TLS handshake: NoApplicationProtocol");
}

#[test]
fn broken_handshake_is_no_verdict() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    let result = connect(trusting, "localhost", |mut stream| {
        let mut hello = [0; 1_024];
        assert!(stream.read(&mut hello).unwrap() > 0);
    });
    assert!(result.starts_with("no verdict: "), "{result}");
}

#[test]
fn invalid_bundles_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let result = || {
        let options = TlsOptions::new().with_ca_bundle(CaBundle::file(&path));
        let text = options.client_config().unwrap_err().to_string();
        text.replace(&path.display().to_string(), "PATH")
    };
    assert!(result().starts_with("the CA bundle PATH cannot be read: "), "{}", result());
    fs::write(&path, "").unwrap();
    assert_eq!(result(), "the CA bundle PATH contains no certificate");
    fs::write(&path, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(result().starts_with("the CA bundle PATH is not PEM: "), "{}", result());
    fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(
        result().starts_with("the CA bundle PATH is invalid at certificate 1: "),
        "{}",
        result()
    );
    fs::write(&path, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert_eq!(result(), "the CA bundle PATH contains no certificate");
}

/// The system's store is set by environment variables, which a test cannot change in its own
/// process: it runs itself a second time.
#[cfg(target_os = "linux")]
#[test]
fn without_system_roots_a_bundle_is_enough() {
    const CHILD: &str = "EXPORT_HOST_TEST_WITHOUT_AUTHORITIES";
    if env::var_os(CHILD).is_some() {
        let error = TlsOptions::new().client_config().unwrap_err().to_string();
        assert!(error.contains("no certificate authorities"), "{error}");
        assert!(error.contains("ca-certificates"), "{error}");
        let authority = Authority::new("ours");
        let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
        assert_eq!(outcome(trusting, authority.server("localhost"), "localhost"), "hello");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls::without_system_roots_a_bundle_is_enough"])
        .env(CHILD, "1")
        .env("SSL_CERT_DIR", empty.path())
        .env_remove("SSL_CERT_FILE")
        .status()
        .unwrap();
    assert!(status.success());
}
