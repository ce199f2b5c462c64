//! Whether a secret was seen where it must not be.

use export_sim::{Endpoint, Origin, RecordedRequest, Server};

use crate::case::{Case, Login, SECRET, TOKEN};

/// Panics unless the secret and the tokens stayed where they belong.
pub(crate) fn check(case: &Case, server: &Server, transcript: &str) {
    let requests = server.requests();
    let mut secrets = vec![SECRET, TOKEN];
    if let Login::Secret(secret) = case.login {
        secrets.push(secret);
    }
    secrets.extend(requests.iter().filter_map(token));
    for request in &requests {
        let open = open_parts(request);
        for secret in &secrets {
            assert!(!open.contains(secret), "{}: a secret went out in {open}", case.name);
        }
        if request.origin() == Origin::Storage {
            for name in ["authorization", "x-version", "cookie", "proxy-authorization"] {
                assert!(request.header(name).is_none(), "{}: {name} in {open}", case.name);
            }
        }
    }
    for secret in &secrets {
        assert!(!transcript.contains(secret), "{}: a secret in {transcript}", case.name);
    }
}

fn token(request: &RecordedRequest) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

/// Everything of a request but the places that are there for secrets.
fn open_parts(request: &RecordedRequest) -> String {
    let is_api = request.origin() == Origin::Api;
    let mut open = format!("{} {}\n", request.method(), request.target());
    for (name, value) in request.headers() {
        if !(is_api && name == "authorization") {
            open += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    if !(is_api && request.endpoint() == Endpoint::Token) {
        open += &String::from_utf8_lossy(request.body());
    }
    open
}
