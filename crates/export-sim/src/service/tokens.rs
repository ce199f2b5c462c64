use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::errors::iam;
use super::media_type;
use crate::random::Random;
use crate::{Config, SimResponse, Timestamp};

/// The registered clients and the valid tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    clients: Vec<(String, String)>,
    scopes: Vec<String>,
    lifetime: Duration,
    grants: HashMap<String, Grant>,
}

/// The permissions of a token.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    /// `None` for configured tokens, which do not expire.
    expires: Option<Timestamp>,
}

impl Tokens {
    pub(crate) fn new(config: &Config) -> Self {
        let owned = |text: &str| text.to_owned();
        let grant =
            || Grant { user: "sim".to_owned(), scopes: config.scopes.clone(), expires: None };
        Self {
            clients: config
                .clients()
                .iter()
                .map(|(id, secret)| (owned(id), owned(secret)))
                .collect(),
            scopes: config.scopes.clone(),
            lifetime: config.token_lifetime,
            grants: config.tokens().iter().map(|token| (owned(token), grant())).collect(),
        }
    }

    /// The bearer token of a request and its grant, if the token is valid now.
    pub(crate) fn authorize<'a>(
        &self,
        now: Timestamp,
        headers: &'a HeaderMap,
    ) -> Option<(&'a str, &Grant)> {
        let token = bearer(headers)?;
        let grant = self.grants.get(token)?;
        grant.expires.is_none_or(|end| now < end).then_some((token, grant))
    }

    /// Revokes the token of a request.
    pub(crate) fn revoke(&mut self, headers: &HeaderMap) {
        if let Some(token) = bearer(headers) {
            self.grants.remove(token);
        }
    }

    /// Handles a request to the token endpoint.
    pub(crate) fn issue(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        headers: &HeaderMap,
        body: &[u8],
    ) -> SimResponse {
        let request = TokenRequest::parse(headers, body);
        let grant = match request.and_then(|request| self.grant(now, &request)) {
            Ok(grant) => grant,
            Err(error) => return error.into(),
        };
        self.grants.retain(|_, grant| grant.expires.is_none_or(|end| now < end));
        let token = format!("sim.{:016x}{:016x}", random.next(), random.next());
        let response = json!({
            "access_token": token,
            "expires_in": self.lifetime.as_secs(),
            "token_type": "Bearer",
            "scope": grant.scopes.join(" "),
        });
        self.grants.insert(token, grant);
        SimResponse::json(StatusCode::OK, &response).with_header(CACHE_CONTROL, "no-store")
    }

    fn grant(&self, now: Timestamp, request: &TokenRequest) -> Result<Grant, TokenError> {
        match request.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(TokenError::Request("grant_type must be client_credentials")),
            None => return Err(TokenError::Request("grant_type is missing")),
        }
        let (Some(id), Some(secret)) = (&request.client_id, &request.client_secret) else {
            return Err(TokenError::Request("client_id or client_secret is missing"));
        };
        if !self.clients.iter().any(|(known, its)| known == id && its == secret) {
            return Err(TokenError::Client("the client is not known"));
        }
        let requested = request.scope.as_deref().unwrap_or_default().split_ascii_whitespace();
        let requested: Vec<_> = requested.map(str::to_owned).collect();
        if requested.iter().any(|scope| !self.scopes.contains(scope)) {
            return Err(TokenError::Scope("a requested scope is not allowed for the client"));
        }
        let scopes = if requested.is_empty() { self.scopes.clone() } else { requested };
        Ok(Grant { user: id.clone(), scopes, expires: Some(now.after(self.lifetime)) })
    }
}

impl Grant {
    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.iter().any(|it| it == scope)
    }
}

/// Why a token request is rejected, with a description.
#[derive(Clone, Copy, Debug)]
enum TokenError {
    Client(&'static str),
    Request(&'static str),
    Scope(&'static str),
}

impl From<TokenError> for SimResponse {
    fn from(error: TokenError) -> Self {
        let bad_request = StatusCode::BAD_REQUEST;
        match error {
            TokenError::Request(description) => iam(bad_request, "invalid_request", description),
            TokenError::Scope(description) => iam(bad_request, "invalid_scope", description),
            TokenError::Client(description) => {
                iam(StatusCode::UNAUTHORIZED, "invalid_client", description)
                    .with_header(WWW_AUTHENTICATE, "Basic")
            }
        }
    }
}

/// The parameters of a token request.
#[derive(Debug, Default)]
struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

impl TokenRequest {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, TokenError> {
        let mut request = Self::default();
        let parameters = match media_type(headers).as_deref() {
            Some("application/x-www-form-urlencoded") => form(body),
            Some("application/json") => json_members(body),
            _ => return Err(TokenError::Request("the body must be a form or JSON")),
        };
        for (name, value) in parameters.ok_or(TokenError::Request("the body is malformed"))? {
            let parameter = match name.as_str() {
                "grant_type" => &mut request.grant_type,
                "client_id" => &mut request.client_id,
                "client_secret" => &mut request.client_secret,
                "scope" => &mut request.scope,
                _ => continue,
            };
            if parameter.replace(value).is_some() {
                return Err(TokenError::Request("a parameter is given twice"));
            }
        }
        if headers.contains_key(AUTHORIZATION) {
            let (id, secret) =
                basic(headers).ok_or(TokenError::Client("invalid HTTP Basic credentials"))?;
            if request.client_secret.is_some() || request.client_id.is_some_and(|it| it != id) {
                return Err(TokenError::Request("the client credentials are given twice"));
            }
            (request.client_id, request.client_secret) = (Some(id), Some(secret));
        }
        Ok(request)
    }
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// The client id and secret from HTTP Basic, where they are form-encoded (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

/// The credentials of this scheme. `None` if there is more than one `Authorization` header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (actual, credentials) = value.to_str().ok()?.split_once(' ')?;
    actual.eq_ignore_ascii_case(scheme).then_some(credentials.trim())
}

fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = std::str::from_utf8(body).ok()?.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
        .collect()
}

fn form_decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

fn json_members(body: &[u8]) -> Option<Vec<(String, String)>> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return None };
    let text = |(name, value)| match value {
        Value::String(value) => Some((name, value)),
        _ => None,
    };
    members.into_iter().map(text).collect()
}
