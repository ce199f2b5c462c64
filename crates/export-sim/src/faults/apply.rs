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
use crate::delivery::{Action, Throttle};
use crate::response::header_value;
use crate::service::errors;
use crate::{Endpoint, Payload, SimResponse, Timestamp};

/// The properties of the request that faults depend on.
#[derive(Debug)]
pub(crate) struct FaultContext {
    pub(crate) now: Timestamp,
    pub(crate) endpoint: Endpoint,
    /// The version of the API in error bodies.
    pub(crate) version: String,
    /// The requested URL.
    pub(crate) url: String,
    /// Scheme, host and port of the other origin.
    pub(crate) other: String,
    /// A signed URL of the file, if the request is for an operation or its file.
    pub(crate) signed: Option<String>,
}

/// Applies a fault to a response. The effects on the service itself were applied before.
pub(crate) fn apply(
    fault: &Fault,
    mut response: SimResponse,
    context: &FaultContext,
) -> SimResponse {
    match fault {
        Fault::Status { status, retry_after, body } => {
            response = error_response(*status, context.endpoint);
            errors::set_version(&mut response, &context.version);
            set_retry_after(&mut response, retry_after.as_ref(), context.now);
            set_body(&mut response, body);
        }
        Fault::Redirect { status, to } => {
            response = SimResponse::new(final_status(*status));
            let url;
            let to = match to {
                RedirectTo::Storage => context.signed.as_ref().unwrap_or(&context.url),
                RedirectTo::Itself => &context.url,
                RedirectTo::OtherPort => {
                    url = with_base(&context.other, &context.url);
                    &url
                }
                RedirectTo::Url(url) => url,
            };
            response.set_header(LOCATION, to);
        }
        Fault::Body { body } => set_body(&mut response, body),
        Fault::Json { set, remove } => response.edit_json(|body| {
            for (path, value) in set {
                set_member(body, path, value.clone());
            }
            for path in remove {
                remove_member(body, path);
            }
        }),
        Fault::Headers { set, remove } => {
            for (name, value) in set {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    response.set_header(name, value);
                }
            }
            for name in remove {
                response.headers_mut().remove(name);
            }
        }
        Fault::HugeHeaders { count, bytes } => {
            // Bounds the memory that the simulator itself needs.
            let bytes = (*bytes).min(1 << 20);
            let value = header_value(&"x".repeat(bytes));
            for n in 0..(*count).min(1000).min((16 << 20) / bytes.max(1)) {
                if let Ok(name) = HeaderName::from_bytes(format!("x-huge-{n}").as_bytes()) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
        }
        Fault::HeadLines { lines } => response.delivery.head.lines.extend(lines.iter().cloned()),
        Fault::Interim { statuses } => {
            for status in statuses {
                let line = format!("HTTP/1.1 {status} Not Yet\r\n\r\n");
                response.delivery.head.before.extend_from_slice(line.as_bytes());
            }
        }
        Fault::Http10 => response.delivery.head.http10 = true,
        Fault::Raw { text } => response.delivery.head.instead = Some(text.clone()),
        Fault::RetryAfter { value } => set_retry_after(&mut response, value.as_ref(), context.now),
        Fault::Location { url } => rewrite_location(&mut response, url, &context.other),
        Fault::ResourceUrl { url } => response.edit_json(|body| {
            if let Some(resource) = body.get("resourceUrl").and_then(Value::as_str) {
                match rewrite(url, resource, &context.other) {
                    Some(changed) => set_member(body, "resourceUrl", changed),
                    None => remove_member(body, "resourceUrl"),
                }
            }
        }),
        Fault::ContentRange { shift } => shift_range(&mut response, *shift),
        Fault::ContentEncoding { encoding } => encode(&mut response, encoding),
        Fault::Chunked => {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Fault::Close { at } => add_action(&mut response, *at, Action::Close),
        Fault::Reset { at } => add_action(&mut response, *at, Action::Reset),
        Fault::Stall { at, time } => {
            add_action(&mut response, *at, time.map_or(Action::Hang, Action::Pause));
        }
        Fault::Slow { bytes, pause } => {
            response.delivery.set_throttle(Throttle { bytes: *bytes, pause: *pause });
        }
        Fault::SlowHead { bytes, pause } => {
            response.delivery.head.throttle = Some(Throttle { bytes: *bytes, pause: *pause });
        }
        Fault::Truncate { to } => {
            let to = to.unwrap_or(response.payload().len() / 2);
            response.delivery.at_byte(to, Action::End);
        }
        Fault::Overlong { by, length } => {
            let by = (*by).min(16 << 20);
            if *length == LengthClaim::Honest && response.headers().contains_key(CONTENT_LENGTH) {
                let length = response.payload().len().saturating_add(by as u64);
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            response.delivery.set_surplus(Bytes::from(vec![b'+'; by]));
        }
        // These were applied to the service before it responded.
        Fault::Early
        | Fault::ExpireUrl
        | Fault::EndOperation { .. }
        | Fault::RevokeToken
        | Fault::ChangeArtifact
        | Fault::IgnoreRange => {}
    }
    response
}

/// An error in the format of the endpoint.
fn error_response(status: StatusCode, endpoint: Endpoint) -> SimResponse {
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

/// Replaces informational statuses, with which a response cannot end.
fn final_status(status: StatusCode) -> StatusCode {
    if status.is_informational() { StatusCode::BAD_GATEWAY } else { status }
}

fn set_body(response: &mut SimResponse, body: &BodyKind) {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    match body {
        BodyKind::Service => {}
        BodyKind::Nested => {
            let body = json!({ "error": { "code": reason.replace(' ', ""), "message": reason } });
            response.set_body(body.to_string());
            response.set_header(CONTENT_TYPE, "application/json");
        }
        BodyKind::Html => {
            let page = format!(
                "<!DOCTYPE html>\n<html><head><title>{reason}</title></head>\
                 <body><h1>{} {reason}</h1><p>gateway</p></body></html>\n",
                status.as_u16()
            );
            response.set_body(page);
            response.set_header(CONTENT_TYPE, "text/html");
        }
        BodyKind::Empty => {
            response.set_body(Bytes::new());
            response.headers_mut().remove(CONTENT_TYPE);
        }
        BodyKind::Garbage => response.set_body("{\"id\": \"4711\", \"status\": \"comp"),
        BodyKind::Page(length) => {
            response.set_body(Payload::padded("<!DOCTYPE html>\n<html><body>\n", *length));
            response.set_header(CONTENT_TYPE, "text/html");
        }
        BodyKind::Endless => {
            response.headers_mut().remove(CONTENT_LENGTH);
            response.set_body(Payload::padded("{\"id\": \"4711\", ", u64::MAX));
        }
        BodyKind::Text(text) => response.set_body(text.clone()),
    }
}

fn set_retry_after(response: &mut SimResponse, value: Option<&RetryAfter>, now: Timestamp) {
    let text = match value {
        None => {
            response.headers_mut().remove(RETRY_AFTER);
            return;
        }
        Some(RetryAfter::Seconds(seconds)) => seconds.to_string(),
        Some(RetryAfter::DateIn(seconds)) => now.http_date(*seconds),
        Some(RetryAfter::Text(text)) => text.clone(),
    };
    response.set_header(RETRY_AFTER, &text);
}

/// Finds the object that holds a member, and the member's name in it. `path` is a name or a JSON pointer.
fn locate<'a>(body: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return Some((body, path.to_owned()));
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    Some((body.pointer_mut(parent)?, name))
}

fn set_member(body: &mut Value, path: &str, value: Value) {
    if let Some((Value::Object(members), name)) = locate(body, path) {
        members.insert(name, value);
    }
}

fn remove_member(body: &mut Value, path: &str) {
    if let Some((Value::Object(members), name)) = locate(body, path) {
        members.remove(&name);
    }
}

fn rewrite_location(response: &mut SimResponse, form: &UrlForm, other: &str) {
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let Some(location) = location.map(str::to_owned) else { return };
    let changed = rewrite(form, &location, other);
    match (form, &changed) {
        (UrlForm::BodyOnly, _) | (_, None) => {
            response.headers_mut().remove(LOCATION);
        }
        (_, Some(url)) => response.set_header(LOCATION, url.as_str().unwrap_or_default()),
    }
    response.edit_json(|body| match (form, changed) {
        (UrlForm::HeaderOnly, _) | (_, None) => remove_member(body, "operationLocation"),
        (_, Some(url)) => set_member(body, "operationLocation", url),
    });
}

/// The URL in another form, or `None` if it is to be removed.
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
        UrlForm::OtherPort => with_base(other, url),
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

/// The same path and query at another base URL.
fn with_base(base: &str, url: &str) -> String {
    format!("{base}{}", path(url))
}

fn shift_range(response: &mut SimResponse, shift: i64) {
    let range = response.headers().get(CONTENT_RANGE).and_then(|it| it.to_str().ok());
    let parts = range.and_then(|it| it.strip_prefix("bytes ")?.split_once('-'));
    let Some((start, rest)) = parts else { return };
    let Some((end, length)) = rest.split_once('/') else { return };
    let shifted = |text: &str| Some(text.parse::<u64>().ok()?.saturating_add_signed(shift));
    if let (Some(start), Some(end)) = (shifted(start), shifted(end)) {
        let value = format!("bytes {start}-{end}/{length}");
        response.set_header(CONTENT_RANGE, &value);
    }
}

fn encode(response: &mut SimResponse, encoding: &str) {
    if encoding == "gzip" && response.payload().len() <= 4 << 20 {
        let plain = response.payload().to_bytes().unwrap_or_default();
        let media_type = response.headers().get(CONTENT_TYPE);
        let is_gzip = media_type.is_some_and(|media_type| media_type == "application/gzip")
            || plain.starts_with(b"\x1f\x8b");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing into memory does not fail.
        if !is_gzip
            && gzip.write_all(&plain).is_ok()
            && let Ok(compressed) = gzip.finish()
        {
            response.set_body(compressed);
        }
    }
    response.set_header(CONTENT_ENCODING, encoding);
}

fn add_action(response: &mut SimResponse, at: Moment, action: Action) {
    match at {
        Moment::BeforeHead => response.delivery.before_head(action),
        Moment::HeadByte(offset) => {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            response.delivery.head.at_byte(offset, action);
        }
        Moment::AfterHead => response.delivery.at_byte(0, action),
        Moment::Byte(offset) => response.delivery.at_byte(offset, action),
        Moment::End => response.delivery.at_end(action),
    }
}
