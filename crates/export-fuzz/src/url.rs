//! URLs from the service: where requests go, and what they disclose.

use export_core::origins::Origin;
use export_core::{Config, Error, ExportJob, FailureKind, Phase};
use http::{HeaderValue, Response, StatusCode};
use url::Url;

use crate::harness::{Harness, Sent, TOKEN, contains_secret};
use crate::origin::Allowed;
use crate::script::{ScriptedReply, ScriptedResponse, lines};

/// Base URLs, and the other allowed origins.
const SETTINGS: [(&str, &[&str]); 5] = [
    ("https://api.app.wdesk.com", &[]),
    ("https://api.app.wdesk.com:8443/wk", &["https://files.example.com"]),
    ("https://[2001:db8::1]/", &["http://192.0.2.7:8080"]),
    ("http://127.0.0.1:8080", &[]),
    ("https://wk.example/a/b", &[]),
];

/// Where the service sends the URL.
const PLACES: [&str; 4] = ["location", "redirect of a poll", "resource", "redirect of a download"];

/// The first line is the index of a setting, the second the URL.
pub(crate) fn check(data: &[u8]) {
    if contains_secret(TOKEN, data) {
        return;
    }
    let mut lines = lines(data);
    let number = lines.next().unwrap_or_default().first().copied().unwrap_or_default();
    let (base, also) = SETTINGS[usize::from(number.wrapping_sub(b'0')) % SETTINGS.len()];
    let url = lines.next().unwrap_or_default();
    let mut config = Config::new(base).unwrap();
    for origin in also {
        config = config.with_allowed_origin(origin).unwrap();
    }
    let allowed = Allowed::new(&[&[base], also].concat());
    if let Ok(text) = std::str::from_utf8(url) {
        check_origin(&config, &allowed, text);
    }
    for place in PLACES {
        check_place(&config, &allowed, url, place);
    }
}

/// An origin is trusted only if another URL parser reads the same one.
fn check_origin(config: &Config, allowed: &Allowed, text: &str) {
    let Ok(origin) = Origin::parse(text) else { return };
    let again = Origin::parse(&origin.to_string());
    assert_eq!(again.as_ref(), Ok(&origin), "the origin of an origin is another");
    if config.origins().trusts(&origin) {
        assert!(allowed.has(text.trim_matches(' ')), "{text:?} is trusted as {origin}");
    }
}

fn check_place(config: &Config, allowed: &Allowed, url: &[u8], place: &str) {
    let Ok(value) = HeaderValue::from_bytes(url) else { return };
    let text = String::from_utf8_lossy(url);
    let response = |status: u16, location: Option<&HeaderValue>, body| {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap();
        head.headers_mut().extend(location.map(|url| (http::header::LOCATION, url.clone())));
        ScriptedReply::Response(ScriptedResponse::new(head, body))
    };
    let quoted = serde_json::to_string(&text).unwrap();
    let at_url = format!(r#"{{"status":"completed","resourceUrl":{quoted}}}"#);
    let usual = HeaderValue::from_static("/operations/op1");
    let accepted = response(202, Some(if place == "location" { &value } else { &usual }), b"");
    let moved = response(307, Some(&value), b"");
    let completed = match place {
        "resource" => response(200, None, at_url.as_bytes()),
        _ => response(200, None, br#"{"status":"completed","resourceUrl":"/f"}"#),
    };
    let file = response(200, None, b"%PDF-1.7");
    let gone = ScriptedReply::Failure(FailureKind::Sink);

    let spec = export_core::workiva::ExportSpec::document(
        "d1",
        export_core::workiva::DocumentExport::pdf(),
    );
    let job = ExportJob::new(spec, config).unwrap();
    let mut harness = Harness::new(config, allowed);
    // The request whose response has the URL, and the request to that URL.
    let (mut from, mut to) = (None, None);
    let outcome = harness.run(job, |index, sent| {
        let is_first = from.is_none();
        let has_url = match sent.phase {
            Phase::Submit => place == "location",
            Phase::Poll => place == "resource" || place == "redirect of a poll",
            Phase::Fetch => place == "redirect of a download",
            other => unreachable!("{other} is no request of Workiva"),
        };
        match (has_url && is_first, from.is_some() && to.is_none()) {
            (true, _) => from = Some(sent.url.clone()),
            (false, true) => to = Some((sent.url.clone(), is_trusted(sent))),
            _ => {}
        }
        match sent.phase {
            _ if index > 8 => &gone,
            Phase::Submit => &accepted,
            Phase::Poll | Phase::Fetch if has_url && is_first && place.starts_with("redirect") => {
                &moved
            }
            Phase::Poll => &completed,
            _ => &file,
        }
    });
    if let (Some(from), Some((to, true))) = (&from, &to) {
        // A poll that was redirected to a login page is sent to the same URL again.
        if from != to {
            assert_same(allowed, from, &text, to);
        }
    }
    if let Err(error @ Error::UntrustedUrl { .. }) = &outcome {
        assert_hidden(&text, &error.to_string());
    }
}

fn is_trusted(sent: &Sent) -> bool {
    sent.headers.contains_key("authorization")
}

/// Asserts that a browser would also send the request with the token to an allowed origin.
fn assert_same(allowed: &Allowed, from: &str, text: &str, to: &str) {
    assert!(allowed.has(to), "a token to {to}");
    if text.contains("WORKIVA_CLUSTER_DOMAIN") {
        return;
    }
    let parsed = Url::parse(from).unwrap().join(text);
    let same = parsed.as_ref().is_ok_and(|url| allowed.has_url(url));
    assert!(same, "a token to {to}, but another parser reads {parsed:?} from {text:?}");
}

/// Asserts that the query and the user name of a URL are not printed.
fn assert_hidden(text: &str, shown: &str) {
    let text = text.trim();
    let open = text.split(['?', '#']).next().unwrap_or_default();
    let behind = text.get(open.len() + 1..).unwrap_or_default();
    let authority = open.split_once("//").map_or("", |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    for secret in [behind, user] {
        let is_secret = secret.len() > 8 && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        // A text that is also in the visible part is not a secret.
        let is_open = open.replacen(user, "", 1).contains(secret);
        assert!(!is_secret || is_open || !shown.contains(secret), "{secret} in {shown}");
    }
}
