//! URLs from the service: where the token is sent, and which URLs are not followed.

use std::time::Duration;

use export_sim::Certificate;

use super::EVERY;
use crate::case::{Case, FILE};

const ELSEWHERE: &str = "its origin is not that of the base URL";
const USER_INFO: &str = "from the service is refused: it contains a user name";
const NO_URL: &str = "from the service is refused: it is not a URL";
const NO_WEB: &str = "from the service is refused: it is neither http nor https";
const NOT_SENT: &str = "the request could not be sent";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (form, over_tls, ends) in [
        ("relative", "", FILE),
        ("scheme_relative", "", FILE),
        ("body_only", "", FILE),
        ("header_only", "", FILE),
        ("missing", "", "without a Location header or an operationLocation"),
        ("empty", "", "without a Location header or an operationLocation"),
        ("null", "", "without a Location header or an operationLocation"),
        ("foreign", "", ELSEWHERE),
        ("other_port", "", ELSEWHERE),
        ("other_port", "-over-tls", ELSEWHERE),
        ("http", "-over-tls", ELSEWHERE),
        ("cluster_domain", "", "cannot expand ${WORKIVA_CLUSTER_DOMAIN} in a URL"),
        ("user_info", "", "it contains a user name"),
    ] {
        let fault = format!(r#"{{"fault": "location", "url": "{form}"}}"#);
        let name = format!("location-{}{over_tls}", form.replace('_', "-"));
        let case = Case::new(name).rule("submit", "1", &fault).ends(ends);
        cases.push(maybe_tls(case, over_tls));
    }
    for (form, over_tls, ends) in [
        ("relative", "", FILE),
        ("scheme_relative", "", FILE),
        ("http", "-over-tls", "it is plain http"),
        ("cluster_domain", "", "cannot expand ${WORKIVA_CLUSTER_DOMAIN} in a URL"),
        ("user_info", "", "it contains a user name"),
    ] {
        let fault = format!(r#"{{"fault": "resource_url", "url": "{form}"}}"#);
        let name = format!("resource-{}{over_tls}", form.replace('_', "-"));
        let case = Case::new(name).rule("operation", "1", &fault).ends(ends);
        cases.push(maybe_tls(case, over_tls));
    }
    cases.extend(literal());
    cases
}

/// URLs with other schemes, and URLs of internal addresses.
fn literal() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, url, location, resource) in [
        ("file", "file:///etc/passwd", NO_URL, NO_URL),
        ("ftp", "ftp://127.0.0.1/f", NO_WEB, NO_WEB),
        ("data", "data:application/pdf,x", NO_URL, NO_URL),
        ("spaces", "https://127.0.0.1:1/ /f", ELSEWHERE, NOT_SENT),
        ("no-host", "https:///f", NO_URL, NO_URL),
        ("metadata", "http://169.254.169.254/latest/", ELSEWHERE, "it is plain http"),
        ("loopback-port", "http://127.0.0.1:1/f", ELSEWHERE, NOT_SENT),
    ] {
        let literal = format!(r#""url": {{"literal": "{url}"}}"#);
        cases.extend([
            Case::new(format!("location-{name}"))
                .rule("submit", "1", &format!(r#"{{"fault": "location", {literal}}}"#))
                .ends(location),
            Case::new(format!("resource-{name}"))
                .rule("operation", EVERY, &format!(r#"{{"fault": "resource_url", {literal}}}"#))
                .ends(resource),
        ]);
    }
    cases.push(
        Case::new("resource-other-port")
            .rule("operation", EVERY, r#"{"fault": "resource_url", "url": "other_port"}"#)
            .with(|case| case.limits.min_poll_interval = Duration::ZERO)
            .ends("fetch was refused with 404"),
    );
    for (endpoint, named) in [("submit", "submit"), ("operation", "poll"), ("download", "download")]
    {
        for (name, to, ends) in [
            ("other-port", r#""other_port""#, ["gateway", "gateway", "404"]),
            ("file", r#"{"url": "file:///etc/passwd"}"#, [NO_URL, NO_URL, NO_URL]),
            (
                "user-info",
                r#"{"url": "http://user:password@127.0.0.1:1/f"}"#,
                [USER_INFO, USER_INFO, USER_INFO],
            ),
        ] {
            let of = ["submit", "operation", "download"].iter().position(|it| *it == endpoint);
            cases.push(
                Case::new(format!("{named}-redirect-to-{name}"))
                    .rule(endpoint, EVERY, &format!(r#"{{"fault": "redirect", "to": {to}}}"#))
                    .with(|case| case.limits.min_poll_interval = Duration::ZERO)
                    .ends(of.map_or("", |of| ends[of])),
            );
        }
    }
    cases
}

fn maybe_tls(case: Case, over_tls: &str) -> Case {
    case.with(|case| {
        case.tls = (!over_tls.is_empty()).then_some(Certificate::Valid);
    })
}
