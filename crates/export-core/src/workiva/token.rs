//! The token endpoint: OAuth 2.0 client credentials.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::errors;
use super::lenient::{Number, Text};
use super::routes::Endpoint;
use crate::api_error::{ApiError, ErrorOrigin};
use crate::config::Config;
use crate::dialect::Head;
use crate::headers::{ContentCoding, content_coding};
use crate::json::{NotJson, cannot_be_json, parse_object};
use crate::redact::url_forms;
use crate::token::Secret;
use crate::token_source::{TokenEndpoint, TokenReading, TokenSource};

impl TokenSource {
    /// A source that requests tokens with OAuth 2.0 client credentials (RFC 6749, 4.4).
    #[must_use]
    pub fn client_credentials(id: &str, secret: &str, config: &Config) -> Self {
        let client = ClientCredentials {
            config: config.clone(),
            id: id.into(),
            secrets: secrets(id, secret),
        };
        Self::with_endpoint(Box::new(client), *config.limits())
    }
}

/// The secret as it is and in the forms in which a server may repeat it: of a URL, of a form, and of
/// HTTP Basic authentication with the ID, to which some proxies turn the form.
fn secrets(id: &str, secret: &str) -> Arc<[Secret]> {
    let escaped = escaped(secret);
    let pairs = [format!("{id}:{secret}"), format!("{}:{escaped}", self::escaped(id))];
    // Without padding, each is found with padding too.
    let basic = pairs.into_iter().map(Zeroizing::new).flat_map(|pair| {
        [STANDARD_NO_PAD.encode(pair.as_bytes()), URL_SAFE_NO_PAD.encode(pair.as_bytes())]
    });
    let forms = basic.map(Secret::new).chain(url_forms(secret));
    iter::once(Secret::new(secret)).chain(forms).collect()
}

#[derive(Debug)]
struct ClientCredentials {
    config: Config,
    id: String,
    /// The secret of the client, first as it is.
    secrets: Arc<[Secret]>,
}

impl TokenEndpoint for ClientCredentials {
    /// **Source:** RFC 6749, 4.4.2, with the credentials in the body as in Workiva's API reference.
    fn request(&self, scope: Option<&str>) -> Request<Vec<u8>> {
        let mut request = Request::new(form(&[
            ("grant_type", Some("client_credentials")),
            ("client_id", Some(&self.id)),
            ("client_secret", self.secrets.first().map(Secret::expose)),
            ("scope", scope),
        ]));
        let route = Endpoint::Token.in_version(self.config.api_version());
        let url = format!("{}{}", self.config.base_url(), route.map_or("", |route| route.path));
        *request.uri_mut() = url.parse().unwrap_or_default();
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let version = route.and_then(|route| route.version_header(self.config.api_version()));
        headers.extend(version.map(|version| (HeaderName::from_static("x-version"), version)));
        request
    }

    fn secrets(&self) -> Arc<[Secret]> {
        Arc::clone(&self.secrets)
    }

    fn read<'b>(&self, head: &Head<'_>, body: &'b [u8]) -> TokenReading<'b> {
        read_token(head, body)
    }
}

/// Everything but the unreserved characters of RFC 3986. A form would leave a few more as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn form(fields: &[(&str, Option<&str>)]) -> Vec<u8> {
    // A byte takes at most three when encoded. With this capacity the buffer never moves, which
    // would leave a copy of the secret in memory.
    let max_len = |(name, value): &(&str, Option<&str>)| {
        2 + name.len() + 3 * value.map_or(0, |value| value.len())
    };
    let mut form = Vec::with_capacity(fields.iter().map(max_len).sum());
    for (name, value) in fields {
        let Some(value) = value else { continue };
        if !form.is_empty() {
            form.push(b'&');
        }
        form.extend_from_slice(name.as_bytes());
        form.push(b'=');
        for part in utf8_percent_encode(value, ESCAPED) {
            form.extend_from_slice(part.as_bytes());
        }
    }
    form
}

/// Reads a response, leniently except for the token itself.
///
/// **Source:** RFC 6749, 5.1 and 5.2. The scope is not compared with the requested one: the two may
/// differ, and a request that lacks a scope is refused by the service with a reason.
fn read_token<'a>(head: &Head<'_>, body: &'a [u8]) -> TokenReading<'a> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct TokenResponse<'a> {
        #[serde(borrow)]
        access_token: Text<'a>,
        expires_in: Number,
        token_type: Text<'a>,
        scope: Text<'a>,
    }

    match head.status() {
        StatusCode::OK => {}
        status if status.is_success() => {
            return TokenReading::Malformed(
                "the token endpoint responded with a success status other than 200",
            );
        }
        _ => return refusal(errors::read(head, body)),
    }
    if cannot_be_json(head) {
        return TokenReading::Foreign(page(head, body));
    }
    let response = match parse_object::<TokenResponse<'_>>(head, body) {
        Ok(response) => response,
        Err(NotJson::Page) => return TokenReading::Foreign(page(head, body)),
        Err(NotJson::Broken(_)) if content_coding(head.headers()) != ContentCoding::Identity => {
            return TokenReading::Malformed(
                "the token response is compressed, although that was not requested",
            );
        }
        Err(NotJson::Broken(_)) => {
            return TokenReading::Malformed("the token response is not a JSON object");
        }
    };
    if response.token_type.get().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return TokenReading::Malformed(
            "the token endpoint issued a token that is not a bearer token",
        );
    }
    match response.access_token.into_inner() {
        None => TokenReading::Malformed("the token response has no access_token"),
        Some(text) if !text.bytes().all(|b| b.is_ascii_graphic()) => {
            TokenReading::Malformed("the token endpoint issued a token with invalid characters")
        }
        Some(text) => TokenReading::Issued {
            text,
            expires_in: response.expires_in.whole(),
            scope: response.scope.into_inner(),
        },
    }
}

/// The error for a response that is not the service's.
fn page(head: &Head<'_>, body: &[u8]) -> ApiError {
    let read = errors::read(head, body);
    match read.origin() {
        ErrorOrigin::Gateway => read,
        ErrorOrigin::Service | ErrorOrigin::Unknown => ApiError::new(ErrorOrigin::Gateway),
    }
}

fn refusal(error: ApiError) -> TokenReading<'static> {
    match (error.origin(), error.code()) {
        (ErrorOrigin::Gateway, _) => TokenReading::Foreign(error),
        (_, Some("server_error" | "temporarily_unavailable")) => TokenReading::Busy(error),
        _ => TokenReading::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(status: u16, body: &str) -> String {
        let headers = HeaderMap::new();
        let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
        match read_token(&head, body.as_bytes()) {
            TokenReading::Issued { text, expires_in, .. } => format!("{text} {expires_in:?}"),
            TokenReading::Busy(_) => "busy".into(),
            TokenReading::Foreign(page) => format!("foreign: {page}"),
            TokenReading::Refused(error) => error.to_string(),
            TokenReading::Malformed(what) => what.into(),
        }
    }

    #[test]
    fn secret_is_percent_encoded() {
        let config = Config::new("http://127.0.0.1:1").unwrap();
        let scope = Some("file:read graph:read");
        let client =
            ClientCredentials { config, id: "id".into(), secrets: secrets("id", "a&b=c d+ü%\0") };
        let request = client.request(scope);
        assert_eq!(
            core::str::from_utf8(request.body()).unwrap(),
            "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%20d%2B%C3%BC%25%00\
             &scope=file%3Aread%20graph%3Aread"
        );
    }

    #[test]
    fn form_buffer_is_allocated_once() {
        let worst = "%".repeat(1_000);
        let fields = [("a", Some(&*worst)), ("b", None), ("c", Some(&*worst))];
        assert_eq!(form(&fields).capacity(), 2 + 1 + 3_000 + 2 + 1 + 2 + 1 + 3_000);
    }

    #[test]
    fn lifetime_is_read_from_any_number() {
        for (number, seconds) in [
            ("599", "Some(599)"),
            ("\"3600\"", "Some(3600)"),
            ("3599.9", "Some(3599)"),
            ("\"3599.9\"", "Some(3599)"),
            ("0", "Some(0)"),
            ("-5", "Some(0)"),
            ("1e30", "Some(18446744073709551615)"),
            ("null", "None"),
            ("\"soon\"", "None"),
            ("\"inf\"", "None"),
            ("{}", "None"),
            ("[1]", "None"),
            ("true", "None"),
        ] {
            let body = format!(r#"{{"access_token":"t","expires_in":{number}}}"#);
            assert_eq!(read(200, &body), format!("t {seconds}"), "{number}");
        }
        assert_eq!(read(200, r#"{"access_token":" a\/b ","token_type":"BEARER"}"#), "a/b None");
    }

    #[test]
    fn invalid_token_response_is_refused() {
        let not_json = "the token response is not a JSON object";
        let missing = "the token response has no access_token";
        let illegal = "the token endpoint issued a token with invalid characters";
        for (body, said) in [
            ("", not_json),
            ("[]", not_json),
            (r#"{"access_token":"t""#, not_json),
            ("<html>", "foreign: no reason was given"),
            ("<title>Sign in</title>", "foreign: Sign in"),
            ("{}", missing),
            (r#"{"access_token":" "}"#, missing),
            (r#"{"access_token":7}"#, missing),
            (r#"{"access_token":"a b"}"#, illegal),
            (r#"{"access_token":"a\r\nx: y"}"#, illegal),
            (r#"{"access_token":"ü"}"#, illegal),
            (
                r#"{"access_token":"t","token_type":"mac"}"#,
                "the token endpoint issued a token that is not a bearer token",
            ),
        ] {
            assert_eq!(read(200, body), said, "{body}");
        }
    }

    #[test]
    fn refusal_keeps_its_reason_and_outage_is_busy() {
        let invalid = r#"{"error":"invalid_client","error_description":"unknown client"}"#;
        assert_eq!(read(401, invalid), "invalid_client: unknown client");
        assert_eq!(read(400, r#"{"error":"temporarily_unavailable"}"#), "busy");
        assert_eq!(read(400, r#"{"error":"server_error"}"#), "busy");
        assert_eq!(read(403, "<title>no</title>"), "foreign: no");
        assert_eq!(read(401, ""), "no reason was given");
    }

    #[test]
    fn token_in_an_error_response_is_not_shown() {
        let body = r#"{"access_token":"t"}"#;
        assert_eq!(read(500, body), "no reason was given");
        assert_eq!(
            read(201, body),
            "the token endpoint responded with a success status other than 200"
        );
    }
}
