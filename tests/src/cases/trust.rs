//! Certificates, TLS handshakes and unreachable servers.

use std::time::Duration;

use export_sim::{Certificate, Downloads};

use super::EVERY;
use crate::case::{BaseUrl, Case, TrustedCa};

/// An untrusted server must be detected within this time.
const SOON: Duration = Duration::from_secs(2);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(protocols());
    cases.extend(handshakes());
    cases.extend(unreachable());
    cases
}

fn tls(name: &str, certificate: Certificate) -> Case {
    Case::new(format!("tls-{name}")).with(|case| {
        case.tls = Some(certificate);
        case.within = SOON;
    })
}

fn certificates() -> Vec<Case> {
    vec![
        tls("unknown-ca", Certificate::Valid).with(|case| case.trusted_ca = TrustedCa::Other).ends(
            "its certificate was issued by a CA that this machine does not trust; if it is \
                 your company's CA, pass its CA bundle",
        ),
        tls("wrong-name", Certificate::WrongName)
            .ends("its certificate is not valid for 127.0.0.1, only for wrong-name.example.net"),
        tls("expired", Certificate::Expired).ends("its certificate has expired"),
        tls("valid", Certificate::Valid),
        tls("valid-and-signed-urls", Certificate::Valid)
            .with(|case| case.downloads = Downloads::Signed),
    ]
}

/// Only one side uses TLS.
fn protocols() -> Vec<Case> {
    let other = |name: &str| {
        Case::new(format!("tls-{name}")).with(|case| {
            case.base_url = BaseUrl::OtherScheme;
            case.within = SOON;
        })
    };
    vec![
        other("to-http-server")
            .with(|case| case.trusted_ca = TrustedCa::Other)
            .ends("it does not speak TLS on this port"),
        other("server-over-http")
            .with(|case| case.tls = Some(Certificate::Valid))
            .ends("it expects TLS on this port, but the URL is http"),
    ]
}

/// Connections that fail during the TLS handshake.
fn handshakes() -> Vec<Case> {
    let handshake = |name: &str, then: &str| {
        tls(&format!("handshake-{name}"), Certificate::Valid).first_connection(then)
    };
    vec![
        handshake("closed", "close"),
        handshake("reset", "reset"),
        handshake("closed-email", "close").sends_email(),
        handshake("reset-email", "reset").sends_email(),
        handshake("hangs-email", "hang").sends_email().with(|case| {
            case.limits.request_timeout = Duration::from_secs(1);
            case.within = 2 * SOON;
        }),
        handshake("garbage", "garbage").ends("it does not speak TLS on this port"),
    ]
}

/// Unreachable servers, where it is certain that nothing was sent.
fn unreachable() -> Vec<Case> {
    let at = |name: &str, base_url: BaseUrl| {
        Case::new(format!("unreachable-{name}")).with(|case| case.base_url = base_url)
    };
    let other_ca = |case: &mut Case| case.trusted_ca = TrustedCa::Other;
    const NOT_SENT: &str =
        "submit failed 4 times in a row; the last time: the request could not be sent";
    vec![
        at("closed-port", BaseUrl::ClosedPort).with(fixed_token).ends(NOT_SENT),
        at("closed-port-email", BaseUrl::ClosedPort).sends_email().with(fixed_token).ends(NOT_SENT),
        at("token-endpoint", BaseUrl::ClosedPort)
            .ends("submit failed: the request could not be sent"),
        at("unknown-host", BaseUrl::UnknownHost).with(other_ca).with(fixed_token).ends(NOT_SENT),
        at("unknown-host-email", BaseUrl::UnknownHost)
            .sends_email()
            .with(other_ca)
            .with(fixed_token)
            .ends(NOT_SENT),
        Case::new("unreachable-file")
            .rule(
                "operation",
                EVERY,
                r#"{"fault": "resource_url", "url": {"literal": "http://127.0.0.1:1/f?sig=1"}}"#,
            )
            .ends("the request could not be sent"),
    ]
}

fn fixed_token(case: &mut Case) {
    case.login = crate::case::Login::Token;
}
