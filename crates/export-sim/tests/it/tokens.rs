//! The token endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::fixture::{Fixture, config, fixture, get, header, json, post, with};

fn request_token(
    fixture: &mut Fixture,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Response<Bytes> {
    let request = Request::post("/iam/v1/oauth2/token").body(Bytes::from(body.to_owned())).unwrap();
    let request = headers.iter().fold(request, |request, (name, value)| with(request, name, value));
    fixture.send(request)
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GOOD: &str = "grant_type=client_credentials&client_id=id&client_secret=secret";

#[test]
fn form_json_and_basic_are_accepted() {
    let mut fixture = fixture(config());
    let json_body =
        r#"{"grant_type":"client_credentials","client_id":"id","client_secret":"secret"}"#;
    let cases: [(&[_], &str); 3] = [
        (&[FORM], GOOD),
        (&[("content-type", "application/json")], json_body),
        // "id:secret"
        (&[FORM, ("authorization", "Basic aWQ6c2VjcmV0")], "grant_type=client_credentials"),
    ];
    for (headers, body) in cases {
        let response = request_token(&mut fixture, headers, body);
        assert_eq!(response.status(), 200, "{body}");
        let token = json(&response);
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(token["expires_in"], 3600);
        assert_eq!(token["scope"], "file:read file:write graph:read");
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let submit = post("/documents/d1/export", r#"{"format":"pdf"}"#);
        assert_eq!(fixture.send(with(submit, "authorization", &bearer)).status(), 202);
    }
}

#[test]
fn token_path_requires_matching_version() {
    let mut fixture = fixture(config());
    let mut status = |path: &str, version: Option<&str>| {
        let mut request = Request::post(path).header(FORM.0, FORM.1);
        if let Some(version) = version {
            request = request.header("x-version", version);
        }
        fixture.send(request.body(Bytes::from(GOOD)).unwrap()).status().as_u16()
    };
    assert_eq!(status("/iam/v1/oauth2/token", None), 200);
    assert_eq!(status("/oauth2/token", Some("2026-01-01")), 200);
    assert_eq!(status("/iam/v1/oauth2/token", Some("2026-01-01")), 404);
    assert_eq!(status("/oauth2/token", None), 404);
    assert_eq!(status("/oauth2/token", Some("2022-01-01")), 404);
}

#[test]
fn token_errors_use_oauth_format() {
    let mut fixture = fixture(config());
    let mut check = |headers: &[(&'static str, &str)], body: &str, status: u16, error: &str| {
        let response = request_token(&mut fixture, headers, body);
        let error_body = json(&response);
        assert_eq!(
            (response.status().as_u16(), error_body["error"].as_str()),
            (status, Some(error)),
            "{body}"
        );
        assert!(error_body["error_description"].is_string());
        // The schema has a URL or nothing.
        assert!(error_body.get("error_uri").is_none());
    };
    check(&[FORM], "", 400, "invalid_request");
    check(&[FORM], "grant_type=password&client_id=id&client_secret=secret", 400, "invalid_request");
    check(&[FORM], "grant_type=client_credentials&client_id=id", 400, "invalid_request");
    check(&[FORM], &GOOD.replace("=secret", "=wrong"), 401, "invalid_client");
    check(&[FORM], &GOOD.replace("=id", "=unknown"), 401, "invalid_client");
    check(&[FORM], &format!("{GOOD}&scope=file%3Aread+admin"), 400, "invalid_scope");
    check(&[FORM], &format!("{GOOD}&client_id=id"), 400, "invalid_request");
    check(&[FORM, ("authorization", "Basic aWQ6c2VjcmV0")], GOOD, 400, "invalid_request");
    check(
        &[FORM, ("authorization", "Basic ???")],
        "grant_type=client_credentials",
        401,
        "invalid_client",
    );
    check(&[("content-type", "text/plain")], GOOD, 400, "invalid_request");
    check(&[("content-type", "application/json")], "[]", 400, "invalid_request");
    check(&[FORM], "grant_type=%ff", 400, "invalid_request");
}

#[test]
fn token_has_requested_scopes() {
    let mut fixture = fixture(config());
    let response = request_token(&mut fixture, &[FORM], &format!("{GOOD}&scope=graph%3Aread"));
    let token = json(&response);
    assert_eq!(token["scope"], "graph:read");
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let submit = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    assert_eq!(fixture.send(with(submit, "authorization", &bearer)).status(), 403);
}

#[test]
fn token_expires_after_its_lifetime() {
    let mut fixture = fixture(config().with_token_lifetime(Duration::from_secs(599)));
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let response = request_token(&mut fixture, &[FORM], GOOD);
    assert_eq!(json(&response)["expires_in"], 599);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let bearer = format!("Bearer {}", json(&response)["access_token"].as_str().unwrap());
    let poll = with(get(&operation), "authorization", &bearer);
    fixture.wait(598_999);
    assert_eq!(fixture.send(poll.clone()).status(), 200);
    fixture.wait(1);
    assert_eq!(fixture.send(poll).status(), 401);
}

#[test]
fn special_characters_in_credentials_are_decoded() {
    let mut fixture = fixture(config().with_client("i d", "s:e&c=r%+é"));
    let form =
        "grant_type=client_credentials&client_id=i+d&client_secret=s%3Ae%26c%3Dr%25%2B%C3%A9";
    assert_eq!(request_token(&mut fixture, &[FORM], form).status(), 200);
    // "i+d:s%3Ae%26c%3Dr%25%2B%C3%A9"
    let basic = "Basic aStkOnMlM0FlJTI2YyUzRHIlMjUlMkIlQzMlQTk=";
    let response = request_token(
        &mut fixture,
        &[FORM, ("authorization", basic)],
        "grant_type=client_credentials",
    );
    assert_eq!(response.status(), 200);
}
