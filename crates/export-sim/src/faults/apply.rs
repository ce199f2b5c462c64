use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION,
    RETRY_AFTER,
};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::fault::Fault;
use super::values::{BodyKind, LengthClaim, Moment, RedirectTo, RetryAfter, UrlForm};
use crate::answer::header_value;
use crate::delivery::{Act, Pace};
use crate::service::errors;
use crate::{Answer, Endpoint, Payload, Timestamp};

/// What a fault may need to know of the request.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) now: Timestamp,
    pub(crate) endpoint: Endpoint,
    /// The URL that was asked for.
    pub(crate) url: String,
    /// Scheme, host and port of the origin that was not asked.
    pub(crate) other: String,
    /// A signed URL of the file, if the request is about one.
    pub(crate) signed: Option<String>,
}

/// Does to an answer what the fault says. What concerns the service itself has been done before.
pub(crate) fn apply(fault: &Fault, mut answer: Answer, context: &Context) -> Answer {
    match fault {
        Fault::Status { status, retry_after, body } => {
            answer = error_answer(*status, context.endpoint);
            set_retry_after(&mut answer, retry_after.as_ref(), context.now);
            set_body(&mut answer, body);
        }
        Fault::Redirect { status, to } => {
            answer = Answer::new(final_status(*status));
            let elsewhere;
            let to = match to {
                RedirectTo::Storage => context.signed.as_ref().unwrap_or(&context.url),
                RedirectTo::Itself => &context.url,
                RedirectTo::OtherPort => {
                    elsewhere = at(&context.other, &context.url);
                    &elsewhere
                }
                RedirectTo::Url(url) => url,
            };
            answer.set_header(LOCATION, to);
        }
        Fault::Body { body } => set_body(&mut answer, body),
        Fault::Json { set, remove } => edit_json(&mut answer, |body| {
            for (place, value) in set {
                put(body, place, value.clone());
            }
            for place in remove {
                take(body, place);
            }
        }),
        Fault::Headers { set, remove } => {
            for (name, value) in set {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    answer.set_header(name, value);
                }
            }
            for name in remove {
                answer.headers_mut().remove(name);
            }
        }
        Fault::HugeHeaders { count, bytes } => {
            // Large is large; more would only hurt the simulator itself.
            let value = header_value(&"x".repeat((*bytes).min(1 << 20)));
            for n in 0..(*count).min(1000) {
                if let Ok(name) = HeaderName::from_bytes(format!("x-huge-{n}").as_bytes()) {
                    answer.headers_mut().insert(name, value.clone());
                }
            }
        }
        Fault::HeadLines { lines } => answer.delivery.head.lines.extend(lines.iter().cloned()),
        Fault::Interim { statuses } => {
            for status in statuses {
                let line = format!("HTTP/1.1 {status} Not Yet\r\n\r\n");
                answer.delivery.head.before.extend_from_slice(line.as_bytes());
            }
        }
        Fault::Http10 => answer.delivery.head.http10 = true,
        Fault::Raw { text } => answer.delivery.head.instead = Some(text.clone()),
        Fault::RetryAfter { value } => set_retry_after(&mut answer, value.as_ref(), context.now),
        Fault::Location { url } => relocate(&mut answer, url, &context.other),
        Fault::ResourceUrl { url } => edit_json(&mut answer, |body| {
            if let Some(resource) = body.get("resourceUrl").and_then(Value::as_str) {
                match rewrite(url, resource, &context.other) {
                    Some(changed) => put(body, "resourceUrl", changed),
                    None => take(body, "resourceUrl"),
                }
            }
        }),
        Fault::ContentRange { shift } => shift_range(&mut answer, *shift),
        Fault::ContentEncoding { encoding } => encode(&mut answer, encoding),
        Fault::Chunked => {
            answer.headers_mut().remove(CONTENT_LENGTH);
        }
        Fault::Close { at } => act(&mut answer, *at, Act::Close),
        Fault::Reset { at } => act(&mut answer, *at, Act::Reset),
        Fault::Stall { at, time } => {
            act(&mut answer, *at, time.map_or(Act::Hang, Act::Pause));
        }
        Fault::Slow { bytes, pause } => {
            answer.delivery.at_pace(Pace { bytes: *bytes, pause: *pause });
        }
        Fault::SlowHead { bytes, pause } => {
            answer.delivery.head.pace = Some(Pace { bytes: *bytes, pause: *pause });
        }
        Fault::Truncate { to } => {
            let to = to.unwrap_or(answer.payload().len() / 2);
            answer.delivery.at_byte(to, Act::End);
        }
        Fault::Overlong { by, length } => {
            let by = (*by).min(16 << 20);
            if *length == LengthClaim::Honest && answer.headers().contains_key(CONTENT_LENGTH) {
                let length = answer.payload().len().saturating_add(by as u64);
                answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            answer.delivery.add_surplus(Bytes::from(vec![b'+'; by]));
        }
        // These have changed the service, and so the answer.
        Fault::Early
        | Fault::ExpireUrl
        | Fault::EndOperation { .. }
        | Fault::RevokeToken
        | Fault::ChangeArtifact
        | Fault::IgnoreRange => {}
    }
    answer
}

/// The error as the endpoint itself would word it.
fn error_answer(status: StatusCode, endpoint: Endpoint) -> Answer {
    let status = final_status(status);
    let message = status.canonical_reason().unwrap_or("Error");
    match endpoint {
        Endpoint::Storage => errors::storage(status, &message.replace(' ', ""), message),
        Endpoint::Token => {
            let error = match status.as_u16() {
                401 => "invalid_client",
                403 => "access_denied",
                429 | 503 => "temporarily_unavailable",
                500..=599 => "server_error",
                _ => "invalid_request",
            };
            errors::iam(status, error, message)
        }
        _ => errors::refuse(status, message),
    }
}

/// An informational status is no answer; servers cannot end with one.
fn final_status(status: StatusCode) -> StatusCode {
    if status.is_informational() { StatusCode::BAD_GATEWAY } else { status }
}

fn set_body(answer: &mut Answer, body: &BodyKind) {
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    match body {
        BodyKind::Service => {}
        BodyKind::Nested => {
            let body = json!({ "error": { "code": reason.replace(' ', ""), "message": reason } });
            answer.set_body(body.to_string());
            answer.set_header(CONTENT_TYPE, "application/json");
        }
        BodyKind::Html => {
            let page = format!(
                "<!DOCTYPE html>\n<html><head><title>{reason}</title></head>\
                 <body><h1>{} {reason}</h1><p>gateway</p></body></html>\n",
                status.as_u16()
            );
            answer.set_body(page);
            answer.set_header(CONTENT_TYPE, "text/html");
        }
        BodyKind::Empty => {
            answer.set_body(Bytes::new());
            answer.headers_mut().remove(CONTENT_TYPE);
        }
        BodyKind::Garbage => answer.set_body("{\"id\": \"4711\", \"status\": \"comp"),
        BodyKind::Page(length) => {
            answer.set_body(Payload::padded("<!DOCTYPE html>\n<html><body>\n", *length));
            answer.set_header(CONTENT_TYPE, "text/html");
        }
        BodyKind::Endless => {
            answer.headers_mut().remove(CONTENT_LENGTH);
            answer.set_body(Payload::padded("{\"id\": \"4711\", ", u64::MAX));
        }
        BodyKind::Text(text) => answer.set_body(text.clone()),
    }
}

fn set_retry_after(answer: &mut Answer, value: Option<&RetryAfter>, now: Timestamp) {
    let text = match value {
        None => {
            answer.headers_mut().remove(RETRY_AFTER);
            return;
        }
        Some(RetryAfter::Seconds(seconds)) => seconds.to_string(),
        Some(RetryAfter::DateIn(seconds)) => now.http_date(*seconds),
        Some(RetryAfter::Text(text)) => text.clone(),
    };
    answer.set_header(RETRY_AFTER, &text);
}

/// Changes the answer's body, if that is JSON.
fn edit_json(answer: &mut Answer, edit: impl FnOnce(&mut Value)) {
    let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|it| it == "application/json");
    let Some(bytes) = is_json.then(|| answer.payload().to_bytes().ok()).flatten() else { return };
    let Ok(mut body) = serde_json::from_slice::<Value>(&bytes) else { return };
    edit(&mut body);
    answer.set_body(body.to_string());
}

/// The object that a member is in, and its name there.
fn place<'a>(body: &'a mut Value, place: &str) -> Option<(&'a mut Value, String)> {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return Some((body, place.to_owned()));
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    Some((body.pointer_mut(parent)?, name))
}

fn put(body: &mut Value, at: &str, value: Value) {
    if let Some((Value::Object(members), name)) = place(body, at) {
        members.insert(name, value);
    }
}

fn take(body: &mut Value, at: &str) {
    if let Some((Value::Object(members), name)) = place(body, at) {
        members.remove(&name);
    }
}

fn relocate(answer: &mut Answer, form: &UrlForm, other: &str) {
    let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let Some(location) = location.map(str::to_owned) else { return };
    let changed = rewrite(form, &location, other);
    match (form, &changed) {
        (UrlForm::BodyOnly, _) | (_, None) => {
            answer.headers_mut().remove(LOCATION);
        }
        (_, Some(url)) => answer.set_header(LOCATION, url.as_str().unwrap_or_default()),
    }
    edit_json(answer, |body| match (form, changed) {
        (UrlForm::HeaderOnly, _) | (_, None) => take(body, "operationLocation"),
        (_, Some(url)) => put(body, "operationLocation", url),
    });
}

/// The URL in another form; none if it is to be missing.
fn rewrite(form: &UrlForm, url: &str, other: &str) -> Option<Value> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let path = path(url);
    Some(Value::String(match form {
        UrlForm::BodyOnly | UrlForm::HeaderOnly => url.to_owned(),
        UrlForm::Missing => return None,
        UrlForm::Null => return Some(Value::Null),
        UrlForm::Empty => String::new(),
        UrlForm::Relative => path.to_owned(),
        UrlForm::SchemeRelative => format!("//{rest}"),
        UrlForm::Foreign => format!("https://exports.example.net{path}"),
        UrlForm::OtherPort => at(other, url),
        UrlForm::Http => format!("http://{rest}"),
        UrlForm::ClusterDomain => format!("https://api.${{WORKIVA_CLUSTER_DOMAIN}}{path}"),
        UrlForm::UserInfo => format!("{scheme}://user:password@{rest}"),
        UrlForm::Literal(text) => text.clone(),
    }))
}

/// The path and query of a URL.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// The same path at another base.
fn at(base: &str, url: &str) -> String {
    format!("{base}{}", path(url))
}

fn shift_range(answer: &mut Answer, shift: i64) {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|it| it.to_str().ok());
    let parts = range.and_then(|it| it.strip_prefix("bytes ")?.split_once('-'));
    let Some((start, rest)) = parts else { return };
    let Some((end, length)) = rest.split_once('/') else { return };
    let moved = |text: &str| Some(text.parse::<u64>().ok()?.saturating_add_signed(shift));
    if let (Some(start), Some(end)) = (moved(start), moved(end)) {
        let value = format!("bytes {start}-{end}/{length}");
        answer.set_header(CONTENT_RANGE, &value);
    }
}

fn encode(answer: &mut Answer, encoding: &str) {
    if encoding == "gzip" && answer.payload().len() <= 4 << 20 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let plain = answer.payload().to_bytes().unwrap_or_default();
        // Writing into memory does not fail.
        if gzip.write_all(&plain).is_ok()
            && let Ok(packed) = gzip.finish()
        {
            answer.set_body(packed);
        }
    }
    answer.set_header(CONTENT_ENCODING, encoding);
}

fn act(answer: &mut Answer, at: Moment, act: Act) {
    match at {
        Moment::BeforeHead => answer.delivery.before_head(act),
        Moment::HeadByte(offset) => {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            answer.delivery.head.at_byte(offset, act);
        }
        Moment::AfterHead => answer.delivery.at_byte(0, act),
        Moment::Byte(offset) => answer.delivery.at_byte(offset, act),
        Moment::End => answer.delivery.at_end(act),
    }
}
