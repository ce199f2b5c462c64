//! TLS handshakes with a loopback server and generated certificates.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use export_host::{CaBundle, IssuerTrust, TlsOptions, tls_verdict};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, ServerName};
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
    let ca = ours.server_with("localhost", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    assert_eq!(
        result(ca, "localhost"),
        "its certificate is that of a CA, which may not be used by a server: issue one for the \
         server with basicConstraints CA:FALSE"
    );
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
fn self_signed_certificate_is_trusted_unless_it_is_of_a_ca() {
    for (is_ca, expected) in [
        (IsCa::ExplicitNoCa, "hello"),
        (IsCa::NoCa, "hello"),
        (IsCa::Ca(BasicConstraints::Unconstrained), "its certificate is that of a CA, which"),
    ] {
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let bundle = CaBundle::pem(certificate.pem());
        let result = outcome(client(TlsOptions::new().with_ca_bundle(bundle)), server, "localhost");
        assert!(result.starts_with(expected), "{result}");
    }
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
    assert_eq!(result, "it rejected the TLS handshake: no application protocol");
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
fn bundle_is_read_in_every_form() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let (one, two) = (first.pem(), second.pem());
    let lines = |text: &str, end: &str| text.replace("\r\n", "\n").replace('\n', end);
    for bundle in [
        format!("{one}\u{feff}{two}"),
        format!("\u{feff}{two}\u{feff}{one}"),
        format!("{}{two}", one.trim_end()),
        format!("{}{}", lines(&one, "\r\n"), lines(&two, "\r")),
        format!("# a comment\nsubject=CN=first\n{one} text {}", lines(&two, "\n  ")),
        format!("{one}{}", two.replace("CERTIFICATE", "X509 CERTIFICATE")),
        format!("0 s:CN = first\n{}{two}", lines(&one, "")),
    ] {
        for authority in [&first, &second] {
            let trusting = client(TlsOptions::new().with_ca_bundle(CaBundle::pem(bundle.clone())));
            assert_eq!(
                outcome(trusting, authority.server("localhost"), "localhost"),
                "hello",
                "{bundle}"
            );
        }
    }
    let latin1 = [b"# Zertifikat f\xfcr alle\n", one.as_bytes()].concat();
    for bundle in [latin1, first.der()] {
        let trusting = client(TlsOptions::new().with_ca_bundle(CaBundle::pem(bundle)));
        assert_eq!(outcome(trusting, first.server("localhost"), "localhost"), "hello");
    }
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

    let (one, key) = (Authority::new("one").pem(), KeyPair::generate().unwrap());
    let pem = key.serialize_pem();
    let certificate = |content: &str| {
        format!("{one}-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
    };
    // The line after the certificate.
    let line = one.lines().count() + 1;
    let at = |line: usize, reason: &str| format!("is invalid at line {line}: {reason}");
    let mark = "expected -----BEGIN CERTIFICATE-----";
    let secret = "a private key, which no CA bundle needs: remove it";
    let trusted = "a TRUSTED CERTIFICATE, which only OpenSSL reads: convert it with `openssl x509`";
    let end = "a certificate without -----END CERTIFICATE-----";
    for (text, reason) in [
        (String::new(), "contains no certificate".into()),
        ("a text".into(), "contains no certificate".into()),
        ("\u{feff}".into(), "contains no certificate".into()),
        (certificate("!!!"), at(line, "a certificate that is not base64, or not complete")),
        (certificate("AAA"), at(line, "a certificate that is not base64, or not complete")),
        (certificate("AAAA"), at(line, "it is not an X.509 certificate")),
        (certificate(""), at(line, "it is not an X.509 certificate")),
        (format!("{one}{pem}"), at(line, secret)),
        (pem.replace(['\r', '\n'], ""), at(1, secret)),
        (pem.replace("PRIVATE", "EC PRIVATE"), at(1, secret)),
        (
            format!("# text\n\n{}", one.replace("CERTIFICATE", "TRUSTED CERTIFICATE")),
            at(3, trusted),
        ),
        (format!("{one}{}", one.replace("CERTIFICATE", "PKCS7")), at(line, mark)),
        (format!("{one}{}", one.replace("-----BEGIN", "----BEGIN")), at(line, mark)),
        (
            format!("{one}{}", one.replace("-----BEGIN CERTIFICATE-----", "")),
            at(2 * line - 2, mark),
        ),
        (one.replace("-----", "\u{2014}"), at(1, mark)),
        (format!("{one}{}", one.replace("-----END CERTIFICATE-----", "")), at(line, end)),
        (one.replace("-----END CERTIFICATE-----", "") + &one, at(1, end)),
    ] {
        fs::write(&path, &text).unwrap();
        assert_eq!(result(), format!("the CA bundle PATH {reason}"), "{text}");
    }
    for (bytes, reason) in [
        (&key.serialize_der()[..], "is a private key, not a certificate"),
        (b"0\x82\x01\x01\x02\x01\x03", "is invalid at line 1: it is not an X.509 certificate"),
        (b"\xff\xfe-\0-\0", "is UTF-16: save it as UTF-8"),
        (
            b"0\x82\x09\xcf\x02\x01\x030\x82\x09\x85\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x82\x09\x76",
            "is a PKCS#12 store (.p12, .pfx), not a certificate: convert it with `openssl pkcs12 \
             -nokeys`",
        ),
        (
            b"0\x82\x03\x28\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82\x03\x19",
            "is PKCS#7 (.p7b), not a certificate: convert it with `openssl pkcs7 -inform DER \
             -print_certs`",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(result(), format!("the CA bundle PATH {reason}"));
    }
}

#[cfg(unix)]
#[test]
fn bundle_without_an_end_is_refused() {
    let options = TlsOptions::new().with_ca_bundle(CaBundle::file("/dev/zero"));
    let error = options.client_config().unwrap_err().to_string();
    assert!(error.ends_with("cannot be read: it is longer than 16777216 bytes"), "{error}");
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
