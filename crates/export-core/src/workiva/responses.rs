//! The responses to a submit and a poll: the URL of the operation, and its status.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;

use super::errors;
use super::lenient::{Lenient, Text};
use crate::dialect::{Head, OperationFacts, Reading};
use crate::json::{cannot_be_json, is_other_than_json, parse_object, without_bom};
use crate::phase::Phase;
use crate::url::MAX_URL;

/// Returns the value of `${WORKIVA_CLUSTER_DOMAIN}`, if it is known. Called only when it is needed.
pub(super) type Cluster<'a> = &'a dyn Fn() -> Option<String>;

/// Reads the response to a submit or a poll.
pub(super) fn read<'b>(
    phase: Phase,
    head: &Head<'b>,
    body: Option<&'b [u8]>,
    cluster: Cluster<'_>,
) -> Reading<'b> {
    match (phase, head.status()) {
        (Phase::Submit, StatusCode::ACCEPTED) => accepted(head, body, cluster),
        (Phase::Poll, status) if status.is_redirection() => Reading::Redirect,
        (Phase::Poll, StatusCode::OK) if !cannot_be_json(head) => match body {
            None => Reading::NeedBody,
            Some(body) => operation(head, body, cluster),
        },
        (Phase::Poll | Phase::Submit, _) if is_other_than_json(head) => Reading::Foreign,
        (Phase::Poll, StatusCode::ACCEPTED) => Reading::Pending(OperationFacts::default()),
        (Phase::Submit, _) => Reading::Malformed("expected 202 or an error for a submit"),
        (Phase::Poll, _) => Reading::Malformed("expected 200, 202, 303 or an error for a poll"),
        (Phase::Fetch | Phase::Cancel, _) => Reading::Malformed("not a response of the API"),
    }
}

/// Reads a 202.
///
/// **Source:** Workiva's API reference: the URL is in `Location`. Later revisions repeat it as
/// `operationLocation` in the body, and some responses had it only there (observed).
fn accepted<'b>(head: &Head<'b>, body: Option<&'b [u8]>, cluster: Cluster<'_>) -> Reading<'b> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Accepted<'a> {
        #[serde(borrow)]
        operation_location: Text<'a>,
    }

    let location =
        head.headers().get(LOCATION).and_then(|value| core::str::from_utf8(value.as_bytes()).ok());
    if let Some(location) = location.map(str::trim).filter(|location| !location.is_empty()) {
        return accepted_at(location.into(), cluster);
    }
    if cannot_be_json(head) {
        return Reading::Foreign;
    }
    let Some(body) = body else { return Reading::NeedBody };
    if without_bom(body).is_empty() {
        return Reading::Malformed(NO_LOCATION);
    }
    match parse_object::<Accepted<'_>>(head, body) {
        Ok(accepted) => match accepted.operation_location.into_inner() {
            Some(location) => accepted_at(location, cluster),
            None => Reading::Malformed(NO_LOCATION),
        },
        Err(not_json) => not_json.into(),
    }
}

const NO_LOCATION: &str =
    "the export was accepted, but without a Location header or an operationLocation in the body";

fn accepted_at<'b>(location: Cow<'b, str>, cluster: Cluster<'_>) -> Reading<'b> {
    match with_cluster(location, cluster) {
        Some(operation) => Reading::Accepted { operation, facts: OperationFacts::default() },
        None => Reading::Malformed(NO_CLUSTER),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Operation<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    resource_url: Text<'a>,
    original_request: Text<'a>,
    created: Lenient<ActionTime<'a>>,
    updated: Lenient<ActionTime<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ActionTime<'a> {
    #[serde(borrow)]
    date_time: Text<'a>,
}

fn operation<'b>(head: &Head<'b>, body: &'b [u8], cluster: Cluster<'_>) -> Reading<'b> {
    let operation = match parse_object::<Operation<'_>>(head, body) {
        Ok(operation) => operation,
        Err(not_json) => return not_json.into(),
    };
    let status = Status::of(operation.status.get());
    let facts = OperationFacts {
        status: operation.status.into_inner(),
        original_request: operation.original_request.into_inner(),
        created: operation.created.0.date_time.into_inner(),
        updated: operation.updated.0.date_time.into_inner(),
        ..OperationFacts::default()
    };
    let details = match status {
        Status::Completed => errors::details(without_bom(body)),
        // They are the reason.
        Status::Failed | Status::Pending => Vec::new(),
    };
    let facts = details.into_iter().fold(facts, OperationFacts::with_detail);
    match status {
        Status::Pending => Reading::Pending(facts),
        Status::Failed => Reading::Failed(errors::of_operation(without_bom(body)), facts),
        Status::Completed => match operation.resource_url.into_inner() {
            None => Reading::CompletedWithoutUrl(facts),
            Some(resource) => match with_cluster(resource, cluster) {
                Some(resource) => Reading::ReadyAt { resource, facts },
                None => Reading::Malformed(NO_CLUSTER),
            },
        },
    }
}

enum Status {
    Pending,
    Completed,
    Failed,
}

impl Status {
    /// Classifies a status word. An unknown word counts as pending, since the list may grow.
    ///
    /// **Source:** Workiva's API reference for `completed`, `cancelled` and `failed`; the others were
    /// observed by other clients.
    fn of(word: Option<&str>) -> Self {
        let is_one_of = |known: &[&str]| {
            word.is_some_and(|word| known.iter().any(|known| known.eq_ignore_ascii_case(word)))
        };
        if is_one_of(&["completed", "succeeded", "success"]) {
            Self::Completed
        } else if is_one_of(&["failed", "cancelled", "canceled", "error"]) {
            Self::Failed
        } else {
            Self::Pending
        }
    }
}

const NO_CLUSTER: &str = "cannot expand ${WORKIVA_CLUSTER_DOMAIN} in a URL: the host of the base URL \
                          does not begin with \"api.\"";

/// Substitutes `${WORKIVA_CLUSTER_DOMAIN}`, which some responses contain unexpanded (observed),
/// with its braces plain or percent-encoded. `None` if the domain is not known.
pub(super) fn with_cluster<'u>(url: Cow<'u, str>, cluster: Cluster<'_>) -> Option<Cow<'u, str>> {
    const NAME: &str = "WORKIVA_CLUSTER_DOMAIN";
    const OPENINGS: [&str; 3] = ["${", "$%7B", "%24%7B"];
    const CLOSINGS: [&str; 2] = ["}", "%7D"];

    // A URL that is too long is refused later, and must not grow before that.
    if !url.contains(NAME) || url.len() > MAX_URL {
        return Some(url);
    }
    let mut done = String::with_capacity(url.len());
    let mut rest = &*url;
    while let Some((before, after)) = rest.split_once(NAME) {
        let opening = OPENINGS.iter().find_map(|opening| strip_end(before, opening));
        let closing = CLOSINGS.iter().find_map(|closing| strip_start(after, closing));
        if let (Some(before), Some(after)) = (opening, closing) {
            done.push_str(before);
            done.push_str(&cluster()?);
            rest = after;
        } else {
            done.push_str(before);
            done.push_str(NAME);
            rest = after;
        }
    }
    done.push_str(rest);
    Some(done.into())
}

/// `text` without `end` at its end, ignoring the case of ASCII letters.
fn strip_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (kept, found) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    found.eq_ignore_ascii_case(end).then_some(kept)
}

/// `text` without `start` at its start, ignoring the case of ASCII letters.
fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (found, kept) = text.split_at_checked(start.len())?;
    found.eq_ignore_ascii_case(start).then_some(kept)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cluster_domain_is_substituted() {
        let put = |url: &str| {
            with_cluster(url.into(), &|| Some("app.wdesk.com".into())).unwrap().into_owned()
        };
        for placeholder in [
            "${WORKIVA_CLUSTER_DOMAIN}",
            "$%7BWORKIVA_CLUSTER_DOMAIN%7D",
            "%24%7bWORKIVA_CLUSTER_DOMAIN%7d",
        ] {
            let url = alloc::format!("https://api.{placeholder}/x?y={placeholder}");
            assert_eq!(put(&url), "https://api.app.wdesk.com/x?y=app.wdesk.com");
        }
        for other in [
            "",
            "/x",
            "${OTHER}",
            "WORKIVA_CLUSTER_DOMAIN",
            "${WORKIVA_CLUSTER_DOMAIN",
            "ü}WORKIVA_CLUSTER_DOMAINü",
        ] {
            assert_eq!(put(other), other);
        }
    }

    #[test]
    fn unknown_cluster_domain_is_none_if_needed() {
        assert_eq!(with_cluster("/x".into(), &|| None).as_deref(), Some("/x"));
        assert_eq!(with_cluster("https://${WORKIVA_CLUSTER_DOMAIN}/x".into(), &|| None), None);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_a_panic(
            status in 100..600u16,
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..64),
                "([{}\\[\\]:,\"<>$ ]|\"(status|resourceUrl|details|error|code)\":|\"failed\"|\"completed\"|null|-?1e?9|\\\\u[0-9a-f]{4}|\\$\\{WORKIVA_CLUSTER_DOMAIN\\}){0,24}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let headers = HeaderMap::new();
            let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
            for phase in [Phase::Submit, Phase::Poll, Phase::Fetch] {
                let needs_body = read(phase, &head, Some(&body), &|| None) == Reading::NeedBody;
                prop_assert!(!needs_body, "the body was given");
            }
            errors::read(&head, &body);
            errors::of_operation(&body);
        }
    }
}
