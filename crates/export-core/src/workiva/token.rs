//! The token endpoint: OAuth 2.0 client credentials.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
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
use crate::origins::Access;
use crate::redact::url_forms;
use crate::token::{ClientAuth, Secret, secret_header};
use crate::token_source::{TokenEndpoint, TokenReading, TokenSource};
use crate::url::{UrlError, parse};

impl TokenSource {
    /// A source that requests tokens with OAuth 2.0 client credentials (RFC 6749, 4.4).
    #[must_use]
    pub fn client_credentials(id: &str, secret: &str, config: &Config) -> Self {
        let route = Endpoint::Token.in_version(config.api_version());
        let url = format!("{}{}", config.base_url(), route.map_or("", |route| route.path));
        let client = ClientCredentials {
            url: url.parse().unwrap_or_default(),
            access: Access::Trusted,
            version: route.and_then(|route| route.version_header(config.api_version())),
            // As in Workiva's API reference.
            auth: ClientAuth::Body,
            id: id.into(),
            secrets: secrets(id, secret),
        };
        Self::with_endpoint(Box::new(client), *config.limits())
    }

    /// A source that requests tokens with OAuth 2.0 client credentials from another endpoint, for the
    /// API of another service.
    ///
    /// ```
    /// use export_core::Config;
    /// use export_core::token::{ClientAuth, TokenNeed, TokenSource, TokenStep};
    ///
    /// let config = Config::new("https://api.example.com")?;
    /// let url = "https://login.example.com/oauth2/token";
    /// let source =
    ///     TokenSource::client_credentials_at(url, "id", "secret", ClientAuth::Basic, &config)?;
    /// let mut source = source.with_scope("exports:read");
    /// let step = source.step(export_core::Timestamp::EPOCH, TokenNeed::any());
    /// let TokenStep::Transmit(request, _ticket) = step else { panic!() };
    /// assert_eq!(request.uri(), url);
    /// assert_eq!(request.body(), b"grant_type=client_credentials&scope=exports%3Aread");
    /// # Ok::<(), export_core::origins::UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if `url` is not a URL, or is plain http to another machine whose origin is not that of
    /// the base URL or an allowed one: the secret would cross the network unencrypted.
    pub fn client_credentials_at(
        url: &str,
        id: &str,
        secret: &str,
        auth: ClientAuth,
        config: &Config,
    ) -> Result<Self, UrlError> {
        let (url, origin) = parse(url)?;
        let access = match config.origins().trusts(&origin) {
            true => Access::Trusted,
            false if origin.is_https() || origin.is_loopback() => Access::Anonymous,
            false => return Err(UrlError::PlainHttp),
        };
        let (id, secrets) = (id.into(), secrets(id, secret));
        let client = ClientCredentials { url, access, version: None, auth, id, secrets };
        Ok(Self::with_endpoint(Box::new(client), *config.limits()))
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
    url: Uri,
    access: Access,
    version: Option<HeaderValue>,
    auth: ClientAuth,
    id: String,
    /// The secret of the client, first as it is.
    secrets: Arc<[Secret]>,
}

impl TokenEndpoint for ClientCredentials {
    /// **Source:** RFC 6749, 4.4.2.
    fn request(&self, scope: Option<&str>) -> Request<Vec<u8>> {
        let secret = self.secrets.first().map_or("", Secret::expose);
        let in_body = matches!(self.auth, ClientAuth::Body);
        let mut request = Request::new(form(&[
            ("grant_type", Some("client_credentials")),
            ("client_id", in_body.then_some(&*self.id)),
            ("client_secret", in_body.then_some(secret)),
            ("scope", scope),
        ]));
        *request.uri_mut() = self.url.clone();
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let version = self.version.clone();
        headers.extend(version.map(|version| (HeaderName::from_static("x-version"), version)));
        if !in_body {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            let pair = Zeroizing::new(format!("{}:{}", escaped(&self.id), escaped(secret)));
            let basic = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            headers.extend(secret_header("Basic ", &basic).map(|value| (AUTHORIZATION, value)));
        }
        request
    }

    fn access(&self) -> Access {
        self.access
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
    use crate::time::Timestamp;
    use crate::token::{TokenNeed, TokenStep};

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

    fn request(mut source: TokenSource) -> Request<Vec<u8>> {
        match source.step(Timestamp::EPOCH, TokenNeed::any()) {
            TokenStep::Transmit(request, _ticket) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn credentials_are_in_a_header_or_in_the_body() {
        let config = Config::new("https://api.example.com").unwrap();
        let url = "https://login.example.com/t?v=2";
        let source = |auth| {
            TokenSource::client_credentials_at(url, "an id", "s3cret:&", auth, &config).unwrap()
        };
        let basic = request(source(ClientAuth::Basic));
        assert_eq!(basic.uri(), url);
        // The encoding of `an%20id:s3cret%3A%26`.
        let header = "Basic YW4lMjBpZDpzM2NyZXQlM0ElMjY=";
        assert_eq!(basic.headers()["authorization"], header);
        assert!(basic.headers()["authorization"].is_sensitive());
        assert_eq!(basic.body(), b"grant_type=client_credentials");
        assert!(!basic.headers().contains_key("x-version"));
        let echo = format!("{header} is not valid");
        assert_eq!(source(ClientAuth::Basic).mask(&echo), "Basic ***= is not valid");

        let body = request(source(ClientAuth::Body));
        assert!(!body.headers().contains_key("authorization"));
        let fields: &[u8] =
            b"grant_type=client_credentials&client_id=an%20id&client_secret=s3cret%3A%26";
        assert_eq!(body.body(), fields);
    }

    #[test]
    fn secret_is_sent_to_another_machine_with_tls_only() {
        let config = Config::with_plain_http("http://192.0.2.1").unwrap();
        let access = |url: &str| {
            let at = TokenSource::client_credentials_at(url, "i", "s", ClientAuth::Basic, &config);
            at.map(|mut source| match source.step(Timestamp::EPOCH, TokenNeed::any()) {
                TokenStep::Transmit(_, ticket) => ticket.access(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(access("https://login.example.com/t"), Ok(Access::Anonymous));
        assert_eq!(access("http://127.0.0.1:9/t"), Ok(Access::Anonymous));
        assert_eq!(access("http://192.0.2.1/t"), Ok(Access::Trusted));
        assert_eq!(access("http://192.0.2.2/t"), Err(UrlError::PlainHttp));
        assert_eq!(access("https://id:s@login.example.com/t"), Err(UrlError::UserInfo));
        assert_eq!(access("/t"), Err(UrlError::Syntax));
    }

    #[test]
    fn secret_is_percent_encoded() {
        let config = Config::new("http://127.0.0.1:1").unwrap();
        let source = TokenSource::client_credentials("id", "a&b=c d+ü%\0", &config);
        let body = request(source.with_scope("file:read graph:read")).into_body();
        assert_eq!(
            core::str::from_utf8(&body).unwrap(),
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
