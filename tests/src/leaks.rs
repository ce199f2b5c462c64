//! Detects leaked secrets.

use export_sim::{Endpoint, Origin, RecordedRequest, Server};

use crate::case::{Case, Login, SECRET, TOKEN};

/// Returns the client secret, the tokens and the URL signatures of a case.
///
/// Panics if one of them was sent in the wrong part of a request or to the wrong origin, or if it
/// appears in `printed`.
pub(crate) fn check(case: &Case, server: &Server, printed: &[&str]) -> Vec<String> {
    let requests = server.requests();
    let mut logins = vec![SECRET, TOKEN];
    if let Login::Secret(secret) = case.login {
        logins.push(secret);
    }
    logins.extend(requests.iter().filter_map(token));
    for request in &requests {
        let text = without_credentials(request);
        for secret in &logins {
            assert!(!text.contains(secret), "{}: secret sent in {text}", case.name);
        }
        if request.origin() == Origin::Storage {
            for name in ["authorization", "x-version", "cookie", "proxy-authorization"] {
                assert!(request.header(name).is_none(), "{}: {name} in {text}", case.name);
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

/// A request as text, without the parts that carry credentials to the API: the `Authorization`
/// header and the body of a token request.
fn without_credentials(request: &RecordedRequest) -> String {
    let is_api = request.origin() == Origin::Api;
    let mut text = format!("{} {}\n", request.method(), request.target());
    for (name, value) in request.headers() {
        if !(is_api && name == "authorization") {
            text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    if !(is_api && request.endpoint() == Endpoint::Token) {
        text += &String::from_utf8_lossy(request.body());
    }
    text
}
