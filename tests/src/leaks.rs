//! Whether a secret was seen where it must not be.

use export_sim::{Endpoint, Origin, RecordedRequest, Server};

use crate::case::{Case, Login, SECRET, TOKEN};

/// Panics unless the secret, the tokens and the signatures stayed where they belong; returns them.
pub(crate) fn check(case: &Case, server: &Server, printed: &[&str]) -> Vec<String> {
    let requests = server.requests();
    let mut logins = vec![SECRET, TOKEN];
    if let Login::Secret(secret) = case.login {
        logins.push(secret);
    }
    logins.extend(requests.iter().filter_map(token));
    for request in &requests {
        let open = open_parts(request);
        for secret in &logins {
            assert!(!open.contains(secret), "{}: a secret went out in {open}", case.name);
        }
        if request.origin() == Origin::Storage {
            for name in ["authorization", "x-version", "cookie", "proxy-authorization"] {
                assert!(request.header(name).is_none(), "{}: {name} in {open}", case.name);
            }
        }
    }
    let signatures = requests.iter().filter_map(signature);
    let mut secrets: Vec<_> = logins.into_iter().chain(signatures).map(str::to_owned).collect();
    secrets.sort_unstable();
    secrets.dedup();
    for secret in &secrets {
        for text in printed {
            assert!(!text.contains(secret), "{}: {secret} in {text}", case.name);
        }
    }
    secrets
}

fn token(request: &RecordedRequest) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

fn signature(request: &RecordedRequest) -> Option<&str> {
    request.target().split_once("signature=").map(|(_, signature)| signature)
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
