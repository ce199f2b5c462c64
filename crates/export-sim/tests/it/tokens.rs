//! How a client comes to a token.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::world::{World, config, get, header, json, post, with, world};

fn ask(world: &mut World, headers: &[(&'static str, &str)], body: &str) -> Response<Bytes> {
    let request = Request::post("/iam/v1/oauth2/token").body(Bytes::from(body.to_owned())).unwrap();
    let request = headers.iter().fold(request, |request, (name, value)| with(request, name, value));
    world.send(request)
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const GOOD: &str = "grant_type=client_credentials&client_id=id&client_secret=secret";

#[test]
fn a_form_a_json_body_and_http_basic_are_all_taken() {
    let mut world = world(config());
    let json_body =
        r#"{"grant_type":"client_credentials","client_id":"id","client_secret":"secret"}"#;
    let cases: [(&[_], &str); 3] = [
        (&[FORM], GOOD),
        (&[("content-type", "application/json")], json_body),
        // "id:secret"
        (&[FORM, ("authorization", "Basic aWQ6c2VjcmV0")], "grant_type=client_credentials"),
    ];
    for (headers, body) in cases {
        let answer = ask(&mut world, headers, body);
        assert_eq!(answer.status(), 200, "{body}");
        let token = json(&answer);
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(token["expires_in"], 3600);
        assert_eq!(token["scope"], "file:read file:write graph:read");
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let submit = post("/documents/d1/export", r#"{"format":"pdf"}"#);
        assert_eq!(world.send(with(submit, "authorization", &bearer)).status(), 202);
    }
}

#[test]
fn each_token_path_goes_with_its_version() {
    let mut world = world(config());
    let mut status = |path: &str, version: Option<&str>| {
        let mut request = Request::post(path).header(FORM.0, FORM.1);
        if let Some(version) = version {
            request = request.header("x-version", version);
        }
        world.send(request.body(Bytes::from(GOOD)).unwrap()).status().as_u16()
    };
    assert_eq!(status("/iam/v1/oauth2/token", None), 200);
    assert_eq!(status("/oauth2/token", Some("2026-01-01")), 200);
    assert_eq!(status("/iam/v1/oauth2/token", Some("2026-01-01")), 404);
    assert_eq!(status("/oauth2/token", None), 404);
    assert_eq!(status("/oauth2/token", Some("2022-01-01")), 404);
}

#[test]
fn a_refusal_has_the_shape_of_the_identity_service() {
    let mut world = world(config());
    let mut check = |headers: &[(&'static str, &str)], body: &str, status: u16, error: &str| {
        let answer = ask(&mut world, headers, body);
        let refusal = json(&answer);
        assert_eq!(
            (answer.status().as_u16(), refusal["error"].as_str()),
            (status, Some(error)),
            "{body}"
        );
        assert!(refusal["error_description"].is_string());
        assert!(refusal.get("error_uri").is_some());
    };
    check(&[FORM], "", 400, "invalid_request");
    check(&[FORM], "grant_type=password&client_id=id&client_secret=secret", 400, "invalid_request");
    check(&[FORM], "grant_type=client_credentials&client_id=id", 400, "invalid_request");
    check(&[FORM], &GOOD.replace("=secret", "=wrong"), 401, "invalid_client");
    check(&[FORM], &GOOD.replace("=id", "=nobody"), 401, "invalid_client");
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
fn a_token_has_the_scopes_that_were_asked_for() {
    let mut world = world(config());
    let answer = ask(&mut world, &[FORM], &format!("{GOOD}&scope=graph%3Aread"));
    let token = json(&answer);
    assert_eq!(token["scope"], "graph:read");
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let submit = post("/documents/d1/export", r#"{"format":"pdf"}"#);
    assert_eq!(world.send(with(submit, "authorization", &bearer)).status(), 403);
}

#[test]
fn a_token_expires_when_it_said_it_would() {
    let mut world = world(config().with_token_lifetime(Duration::from_secs(599)));
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let answer = ask(&mut world, &[FORM], GOOD);
    assert_eq!(json(&answer)["expires_in"], 599);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let bearer = format!("Bearer {}", json(&answer)["access_token"].as_str().unwrap());
    let poll = with(get(&operation), "authorization", &bearer);
    world.wait(598_999);
    assert_eq!(world.send(poll.clone()).status(), 200);
    world.wait(1);
    assert_eq!(world.send(poll).status(), 401);
}

#[test]
fn credentials_with_odd_characters_survive_every_way() {
    let mut world = world(config().with_client("i d", "s:e&c=r%+é"));
    let form =
        "grant_type=client_credentials&client_id=i+d&client_secret=s%3Ae%26c%3Dr%25%2B%C3%A9";
    assert_eq!(ask(&mut world, &[FORM], form).status(), 200);
    // "i+d:s%3Ae%26c%3Dr%25%2B%C3%A9"
    let basic = "Basic aStkOnMlM0FlJTI2YyUzRHIlMjUlMkIlQzMlQTk=";
    let answer =
        ask(&mut world, &[FORM, ("authorization", basic)], "grant_type=client_credentials");
    assert_eq!(answer.status(), 200);
}
