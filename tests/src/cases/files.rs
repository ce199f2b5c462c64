//! Lists of files: pages, retries, and where a page may be.

use std::time::Duration;

use export_core::workiva::ApiVersion;

use super::{CLOSE_AFTER_HEAD, EVERY, HTML_PAGE, LOGIN, close_at, status, status_retry_after};
use crate::case::{Case, Goal};

/// The documents of the simulator's workspace, the trashed one included.
const DOCUMENTS: &str = "3 files: Annual report 2026, Q4 report, Q4 report (old)";

pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str| {
        Case::new(format!("files-{name}"))
            .with(|case| case.goal = Goal::Files("Document"))
            .ends(DOCUMENTS)
    };
    let next = |url: &str| format!(r#"{{"fault": "json", "set": {{"@nextLink": "{url}"}}}}"#);
    let ends = |case: Case, ends| case.ends(ends);
    vec![
        case("in-pages"),
        case("older-generation").with(|case| case.version = ApiVersion::V2022_01_01),
        case("other-kind").with(|case| case.goal = Goal::Files("NoSuchKind")).ends("0 files: "),
        case("throttled").rule("files", "2", &status_retry_after(429, "0")),
        case("unavailable").rule("files", "1", &status(503)),
        case("token-revoked").rule("files", "2", r#"{"fault": "revoke_token"}"#),
        case("cut-off").rule("files", "2", &close_at(20)),
        case("closed-after-head").rule("files", "1", CLOSE_AFTER_HEAD),
        case("gateway").rule("files", "1", HTML_PAGE),
        // The service refuses the filter, and lists all kinds without it.
        case("filter-refused").rule("files", "1", &status(400)),
        case("bad-request")
            .rule("files", EVERY, &status(400))
            .ends("cannot list the files: poll was refused with 400 Bad Request"),
        case("forbidden")
            .with(|case| case.scopes = &["file:write"])
            .ends("the access token lacks the scope file:read"),
        case("login-page")
            .rule("files", EVERY, LOGIN)
            .with(|case| case.limits = case.limits.with_job_timeout(Duration::from_millis(200)))
            .ends("cannot list the files"),
        ends(
            case("next-elsewhere").rule("files", "1", &next("https://evil.example/files")),
            "the URL https://evil.example/files from the service is refused",
        ),
        ends(
            case("next-in-a-circle").rule("files", EVERY, &next("/files?$next=312e312e")),
            "the pages of the list do not end",
        ),
        ends(
            case("no-list").rule("files", "1", r#"{"fault": "json", "remove": ["data"]}"#),
            "the list of files has no data",
        ),
    ]
}
