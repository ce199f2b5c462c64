//! Where a token may go, and where nobody goes.

use export_sim::Certificate;

use crate::case::{Case, FILE};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (form, over_tls, ends) in [
        ("relative", "", FILE),
        ("scheme_relative", "", FILE),
        ("body_only", "", FILE),
        ("header_only", "", FILE),
        ("missing", "", "with no Location header and no operationLocation"),
        ("empty", "", "with no Location header and no operationLocation"),
        ("null", "", "with no Location header and no operationLocation"),
        ("foreign", "", "it leads to another origin than the base URL's"),
        ("http", "-over-tls", "it leads to another origin than the base URL's"),
        ("cluster_domain", "", "a URL holds ${WORKIVA_CLUSTER_DOMAIN}"),
        ("user_info", "", "it has a user name in it"),
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
        ("cluster_domain", "", "a URL holds ${WORKIVA_CLUSTER_DOMAIN}"),
        ("user_info", "", "it has a user name in it"),
    ] {
        let fault = format!(r#"{{"fault": "resource_url", "url": "{form}"}}"#);
        let name = format!("resource-{}{over_tls}", form.replace('_', "-"));
        let case = Case::new(name).rule("operation", "1", &fault).ends(ends);
        cases.push(maybe_tls(case, over_tls));
    }
    cases.extend([
        Case::new("tls-wrong-name")
            .with(|case| case.tls = Some(Certificate::WrongName))
            .ends("its certificate is not for 127.0.0.1 but for wrong-name.example.net"),
        Case::new("tls-expired")
            .with(|case| case.tls = Some(Certificate::Expired))
            .ends("its certificate has expired"),
    ]);
    cases
}

fn maybe_tls(case: Case, over_tls: &str) -> Case {
    case.with(|case| {
        case.tls = (!over_tls.is_empty()).then_some(Certificate::Valid);
    })
}
