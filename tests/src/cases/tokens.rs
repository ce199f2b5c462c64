//! The token endpoint, and tokens that expire or are rejected.

use std::time::Duration;

use super::{
    CLOSE_BEFORE_HEAD, EVERY, GARBAGE, HTML_PAGE, LOOP, close_at, status, status_body,
    status_retry_after,
};
use crate::case::{Case, Login};

pub(super) fn cases() -> Vec<Case> {
    let token = |name: &str, nth: &str, fault: &str| {
        Case::new(format!("token-{name}")).rule("token", nth, fault)
    };
    vec![
        Case::new("token-wrong-secret")
            .with(|case| case.login = Login::Secret("another-secret"))
            .ends("the token endpoint refused the credentials: invalid_client"),
        token("429", "1", &status(429)),
        token("429-retry-after-1", "1", &status_retry_after(429, "1")),
        token("503", r#"{"to": 2}"#, &status(503)),
        token("500-persistent", EVERY, &status(500)).ends(
            "500 Internal Server Error: server_error: Internal Server Error (the token endpoint)",
        ),
        token("502-gateway-page", "1", &status_body(502, "html")),
        token("unanswered", "1", CLOSE_BEFORE_HEAD),
        token("cut", "1", &close_at(10)),
        token("garbage", EVERY, GARBAGE).ends("the token response is not a JSON object"),
        token("html-page", EVERY, HTML_PAGE).ends("a gateway or proxy responded"),
        token("redirect", EVERY, LOOP).ends("a gateway or proxy responded"),
        token("without-access-token", EVERY, r#"{"fault": "json", "remove": ["access_token"]}"#)
            .ends("the token response has no access_token"),
        token("without-expires-in", EVERY, r#"{"fault": "json", "remove": ["expires_in"]}"#),
        Case::new("token-without-scope")
            .with(|case| case.scopes = &["graph:read"])
            .ends("submit was refused with 403 Forbidden: 403Forbidden: the access token lacks"),
        Case::new("token-expires-during-export")
            .with(|case| case.token_lifetime = Duration::from_secs(2))
            .rule("submit", "1", r#"{"fault": "retry_after", "value": 2}"#),
        Case::new("token-refused-at-submit").rule("submit", "1", &status(401)),
        Case::new("token-refused-at-submit-persistent")
            .rule("submit", EVERY, &status(401))
            .ends("submit: not authorised: 401 Unauthorized: 401Unauthorized: Unauthorized"),
        Case::new("token-revoked-at-poll").rule("operation", "1", r#"{"fault": "revoke_token"}"#),
        Case::new("token-revoked-at-poll-persistent")
            .rule("operation", EVERY, &status(401))
            .ends("poll: not authorised: 401 Unauthorized: 401Unauthorized: Unauthorized"),
        Case::new("token-revoked-at-download").rule(
            "download",
            "1",
            r#"{"fault": "revoke_token"}"#,
        ),
    ]
}
