//! JSON bodies, and how to recognise one that is something else.

use serde::Deserialize;

use crate::dialect::Head;

/// What a body is if it is not a JSON object.
pub(crate) enum NotJson {
    /// It begins with `<`: a page.
    Page,
    /// It is broken; the text says how.
    Broken(&'static str),
}

/// Parses a JSON object. Plain text that is something else is a page.
pub(crate) fn parse_object<'a, T: Deserialize<'a>>(
    head: &Head<'_>,
    body: &'a [u8],
) -> Result<T, NotJson> {
    let text = without_bom(body);
    let parsed = parse(text);
    if is_plain_text(head) { parsed.map_err(|_| NotJson::Page) } else { parsed }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, NotJson> {
    match text.first() {
        None => Err(NotJson::Broken("the body is empty")),
        Some(b'<') => Err(NotJson::Page),
        Some(b'{') => {
            serde_json::from_slice(text).map_err(|_| NotJson::Broken("the body is not valid JSON"))
        }
        Some(_) => Err(NotJson::Broken("the body is not a JSON object")),
    }
}

/// Whether the response has a media type that is not JSON.
pub(crate) fn is_other_than_json(head: &Head<'_>) -> bool {
    head.media_type().is_some_and(|media| {
        let suffix = media.len().checked_sub("+json".len()).and_then(|at| media.get(at..));
        !media.eq_ignore_ascii_case("application/json")
            && !suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    })
}

/// Whether the body need not be read to know that it is not JSON. Plain text may be: some proxies
/// and servers send JSON as such.
pub(crate) fn cannot_be_json(head: &Head<'_>) -> bool {
    is_other_than_json(head) && !is_plain_text(head)
}

fn is_plain_text(head: &Head<'_>) -> bool {
    head.media_type().is_some_and(|media| media.eq_ignore_ascii_case("text/plain"))
}

/// The body without a byte order mark and without white space at either end.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}
