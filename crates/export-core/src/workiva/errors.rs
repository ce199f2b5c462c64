//! Error responses, in all formats that were observed.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::lenient::{List, Text, TextOr};
use crate::api_error::{ApiError, ErrorOrigin, MAX_DETAILS};
use crate::dialect::{Head, begins_a_page};
use crate::headers::{ContentCoding, content_coding};
use crate::json::without_bom;

/// Reads the body of a 4xx or 5xx.
pub(super) fn read(head: &Head<'_>, body: &[u8]) -> ApiError {
    let text = without_bom(body);
    let error = if text.is_empty() {
        ApiError::new(ErrorOrigin::Unknown)
    } else if let Some(error) = document(text) {
        error
    } else {
        notice(head, text)
    };
    error.with_request_id(head.text("x-request-id"))
}

/// Reads why an operation failed: its `details`, or its error document.
pub(super) fn of_operation(body: &[u8]) -> ApiError {
    let document = serde_json::from_slice::<Document<'_>>(body).unwrap_or_default();
    let mut reasons = document.reasons();
    let mut details = reasons.details.0.iter();
    let mut error = ApiError::new(ErrorOrigin::Service);
    if reasons.code.get().is_none() && reasons.message.get().is_none() {
        if let Some(first) = details.next() {
            error = error.with_target(first.target.get());
            reasons = Reasons { code: &first.code, message: &first.message, ..reasons };
        }
    }
    error = error.with_code(reasons.code.get()).with_message(reasons.message.get());
    details.fold(error, with_detail)
}

/// Reads the `details` of an operation that is completed.
pub(super) fn details<'b>(body: &[u8]) -> Vec<Cow<'b, str>> {
    let document = serde_json::from_slice::<Document<'_>>(body).unwrap_or_default();
    let text = |detail: &Detail<'_>| {
        let parts = [detail.code.get(), detail.message.get(), detail.target.get()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(": ").into())
    };
    document.details.0.iter().filter_map(text).take(MAX_DETAILS).collect()
}

/// Reads an error document of the service. `None` if the text is not one.
fn document(text: &[u8]) -> Option<ApiError> {
    let document: Document<'_> = serde_json::from_slice(text).ok()?;
    let reasons = document.reasons();
    let (code, message) = (reasons.code.get(), reasons.message.get());
    // Gateways also send {"message": ..}; only the service adds a code or nests the error.
    let origin = match (&document.error, code, message) {
        (_, Some(_), _) | (TextOr::Object(_), _, Some(_)) => ErrorOrigin::Service,
        (_, None, Some(_)) => ErrorOrigin::Unknown,
        (_, None, None) => return None,
    };
    let error = ApiError::new(origin)
        .with_code(code)
        .with_message(message)
        .with_target(reasons.target.get());
    Some(reasons.details.0.iter().fold(error, with_detail))
}

/// Reads a body that is not an error document: the title of a page, the XML of an object store, or
/// plain text.
fn notice(head: &Head<'_>, text: &[u8]) -> ApiError {
    if content_coding(head.headers()) != ContentCoding::Identity {
        // Not a text.
        return ApiError::new(ErrorOrigin::Unknown);
    }
    const MAX_BYTES_READ: usize = 4_096;
    const MAX_CHARS_SHOWN: usize = 200;
    let shown = String::from_utf8_lossy(&text[..text.len().min(MAX_BYTES_READ)]);
    let is_html = head.media_type().is_some_and(|media| media.eq_ignore_ascii_case("text/html"));
    let code = element(&shown, "Code");
    if is_html || begins_a_page(text) || (text.starts_with(b"<") && code.is_none()) {
        return ApiError::new(ErrorOrigin::Gateway).with_message(element(&shown, "title"));
    }
    if text.starts_with(b"<") {
        // An object store refuses a signed URL. It is neither the service nor a gateway.
        let message = element(&shown, "Message");
        return ApiError::new(ErrorOrigin::Unknown).with_code(code).with_message(message);
    }
    if text.starts_with(b"{") || text.starts_with(b"[") {
        // Unknown JSON is not shown, since it may contain a token.
        return ApiError::new(ErrorOrigin::Unknown);
    }
    let end = shown.char_indices().nth(MAX_CHARS_SHOWN).map_or(shown.len(), |(end, _)| end);
    ApiError::new(ErrorOrigin::Unknown).with_message(Some(&shown[..end]))
}

/// The text of the first element with this name.
fn element<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let opening = page.match_indices('<').find_map(|(at, _)| {
        let rest = &page[at + 1..];
        let found = rest.get(..name.len())?.eq_ignore_ascii_case(name);
        let rest = rest.get(name.len()..)?;
        (found && rest.starts_with(['>', ' '])).then_some(rest)
    })?;
    let (_, text) = opening.split_once('>')?;
    Some(text.split('<').next().unwrap_or(text))
}

fn with_detail(error: ApiError, detail: &Detail<'_>) -> ApiError {
    let (code, message, target) = (detail.code.get(), detail.message.get(), detail.target.get());
    if code.or(message).or(target).is_none() {
        error
    } else {
        error.with_detail(code, message, target)
    }
}

/// An error document in any of three formats. Flat: `code`, `message`, `target` and `details`.
/// Nested: the same fields in `error`. The token endpoint's (RFC 6749, 5.2): `error` is the code, and
/// `error_description` the message.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Document<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    message: Text<'a>,
    target: Text<'a>,
    details: List<Detail<'a>>,
    error: TextOr<'a, Nested<'a>>,
    error_description: Text<'a>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Detail<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    message: Text<'a>,
    target: Text<'a>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Nested<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    message: Text<'a>,
    target: Text<'a>,
    details: List<Detail<'a>>,
}

struct Reasons<'a, 'b> {
    code: &'b Text<'a>,
    message: &'b Text<'a>,
    target: &'b Text<'a>,
    details: &'b List<Detail<'a>>,
}

impl<'a> Document<'a> {
    fn reasons(&self) -> Reasons<'a, '_> {
        let flat = Reasons {
            code: &self.code,
            message: &self.message,
            target: &self.target,
            details: &self.details,
        };
        match &self.error {
            TextOr::Neither => flat,
            TextOr::Object(inner) => Reasons {
                code: &inner.code,
                message: &inner.message,
                target: &inner.target,
                details: &inner.details,
            },
            TextOr::Text(word) => {
                let described = self.error_description.get().is_some();
                let message = if described { &self.error_description } else { &self.message };
                Reasons { code: word, message, ..flat }
            }
        }
    }
}
