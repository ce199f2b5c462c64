//! Whom the client talks to at all.

use std::time::Duration;

use export_sim::{Certificate, Downloads};

use super::EVERY;
use crate::case::{Address, Case, Trust};

/// Whoever is not the right one is told from it at once.
const SOON: Duration = Duration::from_secs(2);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = certificates();
    cases.extend(protocols());
    cases.extend(handshakes());
    cases.extend(nobody());
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
        tls("unknown-authority", Certificate::Valid).with(|case| case.trust = Trust::Another).ends(
            "its certificate comes from an authority that this machine does not know; if it \
                 is your company's, give its CA bundle",
        ),
        tls("wrong-name", Certificate::WrongName)
            .ends("its certificate is not for 127.0.0.1 but for wrong-name.example.net"),
        tls("expired", Certificate::Expired).ends("its certificate has expired"),
        tls("valid", Certificate::Valid),
        tls("valid-and-signed-urls", Certificate::Valid)
            .with(|case| case.downloads = Downloads::Signed),
    ]
}

/// One speaks TLS and the other does not.
fn protocols() -> Vec<Case> {
    let other = |name: &str| {
        Case::new(format!("tls-{name}")).with(|case| {
            case.address = Address::OtherScheme;
            case.within = SOON;
        })
    };
    vec![
        other("to-a-server-without")
            .with(|case| case.trust = Trust::Another)
            .ends("it does not speak TLS on this port"),
        other("of-a-server-unasked")
            .with(|case| case.tls = Some(Certificate::Valid))
            .ends("it speaks TLS on this port, and the URL says http"),
    ]
}

/// A connection that does not come to a request.
fn handshakes() -> Vec<Case> {
    let handshake = |name: &str, then: &str| {
        tls(&format!("handshake-{name}"), Certificate::Valid).first_connection(then)
    };
    vec![
        handshake("closed", "close"),
        handshake("reset", "reset"),
        handshake("closed-mailed", "close").mails(),
        handshake("reset-mailed", "reset").mails(),
        handshake("hangs-mailed", "hang").mails().with(|case| {
            case.limits.attempt = Duration::from_secs(1);
            case.within = 2 * SOON;
        }),
        handshake("babbles", "garbage").ends("it does not speak TLS on this port"),
    ]
}

/// Nobody is there, which proves that nothing was sent.
fn nobody() -> Vec<Case> {
    let at = |name: &str, address: Address| {
        Case::new(format!("nobody-{name}")).with(|case| case.address = address)
    };
    let named = |case: &mut Case| case.trust = Trust::Another;
    const NOT_SENT: &str =
        "submit failed 4 times in a row; the last time: the request could not be sent";
    vec![
        at("listens", Address::NobodyThere).with(brings_a_token).ends(NOT_SENT),
        at("listens-mailed", Address::NobodyThere).mails().with(brings_a_token).ends(NOT_SENT),
        at("listens-for-a-token", Address::NobodyThere)
            .ends("submit failed: the request could not be sent"),
        at("has-the-name", Address::NoSuchName).with(named).with(brings_a_token).ends(NOT_SENT),
        at("has-the-name-mailed", Address::NoSuchName)
            .mails()
            .with(named)
            .with(brings_a_token)
            .ends(NOT_SENT),
        Case::new("nobody-listens-for-the-file")
            .rule(
                "operation",
                EVERY,
                r#"{"fault": "resource_url", "url": {"literal": "http://127.0.0.1:1/f?sig=1"}}"#,
            )
            .ends("the request could not be sent"),
    ]
}

fn brings_a_token(case: &mut Case) {
    case.login = crate::case::Login::Token;
}
