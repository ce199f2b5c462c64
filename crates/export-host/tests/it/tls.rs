//! A server on loopback, with certificates made for the occasion.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use export_host::{Authority as Knows, CaBundle, TlsOptions, tls_verdict};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn bundle(&self) -> CaBundle {
        CaBundle::pem(self.pem.clone())
    }

    fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

fn client(options: TlsOptions) -> ClientConfig {
    options.client_config().unwrap()
}

/// What comes of one connection: the greeting, or the verdict.
fn outcome(client: ClientConfig, server: ServerConfig, name: &'static str) -> String {
    meet(client, name, move |stream| {
        let connection = ServerConnection::new(Arc::new(server)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // The client may refuse, which is what most of these tests are about.
        let _ = stream.write_all(b"hello");
        let _ = stream.flush();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn meet(
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
fn a_server_of_the_bundle_s_authority_is_believed() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    assert_eq!(outcome(trusting, authority.server(|_| {}), "localhost"), "hello");
}

#[test]
fn a_bundle_is_read_from_a_file_with_more_than_one_certificate() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, format!("# a comment\n{}\n{}", first.pem, second.pem)).unwrap();
    for authority in [&first, &second] {
        let trusting = client(TlsOptions::new().with_ca_bundle(path.as_path()));
        assert_eq!(outcome(trusting, authority.server(|_| {}), "localhost"), "hello");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_plain_words() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let said = |server, name| {
        outcome(client(TlsOptions::new().with_ca_bundle(ours.bundle())), server, name)
    };
    assert_eq!(
        said(theirs.server(|_| {}), "localhost"),
        "its certificate comes from an authority that this machine does not know; if it is your \
         company's, give its CA bundle"
    );
    assert_eq!(
        said(ours.server(|_| {}), "api.example.com"),
        "its certificate is not for api.example.com but for localhost"
    );
    let old = ours.server(|params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert_eq!(said(old, "localhost"), "its certificate has expired");
    let early = ours.server(|params| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    assert_eq!(
        said(early, "localhost"),
        "its certificate is not valid yet; this machine's clock may be wrong"
    );
}

#[test]
fn a_witness_tells_what_was_shown_whether_it_was_believed_or_not() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let options = TlsOptions::new().with_ca_bundle(ours.bundle());
    let expired = ours.server(|params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    for (server, authority) in [
        (ours.server(|_| {}), Knows::Bundle),
        (theirs.server(|_| {}), Knows::Nobody),
        (expired, Knows::NotAsked),
    ] {
        let (config, witness) = options.witnessed_client_config().unwrap();
        assert!(witness.shown().is_none());
        let said = outcome(config, server, "localhost");
        assert_eq!(said == "hello", authority == Knows::Bundle, "{said}");
        let shown = witness.shown().unwrap();
        assert_eq!(shown.authority, authority);
        assert!(shown.certificate.starts_with(&[0x30]), "a sequence, as DER has it");
    }
}

#[test]
fn a_port_without_tls_is_called_that() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    let said = meet(trusting, "localhost", |mut stream| {
        let mut hello = [0; 1_024];
        assert!(stream.read(&mut hello).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    assert_eq!(said, "it does not speak TLS on this port");
}

#[test]
fn a_handshake_that_the_server_refuses_is_a_verdict() {
    let authority = Authority::new("ours");
    let mut trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    trusting.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut server = authority.server(|_| {});
    server.alpn_protocols = vec![b"something-else".to_vec()];
    let said = outcome(trusting, server, "localhost");
    assert_eq!(said, "it refuses the TLS handshake: NoApplicationProtocol");
}

#[test]
fn a_connection_that_breaks_off_in_the_handshake_is_no_verdict() {
    let authority = Authority::new("ours");
    let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
    let said = meet(trusting, "localhost", |mut stream| {
        let mut hello = [0; 1_024];
        assert!(stream.read(&mut hello).unwrap() > 0);
    });
    assert!(said.starts_with("no verdict: "), "{said}");
}

#[test]
fn a_bundle_that_is_empty_broken_or_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let said = || {
        let options = TlsOptions::new().with_ca_bundle(CaBundle::file(&path));
        let text = options.client_config().unwrap_err().to_string();
        text.replace(&path.display().to_string(), "PATH")
    };
    assert!(said().starts_with("the CA bundle PATH cannot be read: "), "{}", said());
    fs::write(&path, "").unwrap();
    assert_eq!(said(), "the CA bundle PATH holds no certificate");
    fs::write(&path, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(said().starts_with("the CA bundle PATH is not PEM: "), "{}", said());
    fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(said().starts_with("the CA bundle PATH is broken at certificate 1: "), "{}", said());
    fs::write(&path, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert_eq!(said(), "the CA bundle PATH holds no certificate");
}

/// The system's store is found by environment variables, which a test cannot change for itself:
/// it runs itself a second time.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_authorities_is_told_what_to_do_and_works_with_a_bundle() {
    const CHILD: &str = "EXPORT_HOST_TEST_WITHOUT_AUTHORITIES";
    if env::var_os(CHILD).is_some() {
        let error = TlsOptions::new().client_config().unwrap_err().to_string();
        assert!(error.contains("no certificate authorities"), "{error}");
        assert!(error.contains("ca-certificates"), "{error}");
        let authority = Authority::new("ours");
        let trusting = client(TlsOptions::new().with_ca_bundle(authority.bundle()));
        assert_eq!(outcome(trusting, authority.server(|_| {}), "localhost"), "hello");
        return;
    }
    let empty = tempfile::tempdir().unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "tls::a_machine_without_authorities_is_told_what_to_do_and_works_with_a_bundle",
        ])
        .env(CHILD, "1")
        .env("SSL_CERT_DIR", empty.path())
        .env_remove("SSL_CERT_FILE")
        .status()
        .unwrap();
    assert!(status.success());
}
