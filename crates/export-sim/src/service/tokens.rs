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
use crate::{Answer, Config, Timestamp};

/// The clients, and the tokens they have.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    clients: Vec<(String, String)>,
    scopes: Vec<String>,
    lifetime: Duration,
    grants: HashMap<String, Grant>,
}

/// What a token is good for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    /// None for a token that the configuration gave.
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

    /// The bearer token of a request and what it is good for, if it is good for anything now.
    pub(crate) fn authorize<'a>(
        &self,
        now: Timestamp,
        headers: &'a HeaderMap,
    ) -> Option<(&'a str, &Grant)> {
        let token = bearer(headers)?;
        let grant = self.grants.get(token)?;
        grant.expires.is_none_or(|end| now < end).then_some((token, grant))
    }

    /// Makes the token of a request worthless.
    pub(crate) fn revoke(&mut self, headers: &HeaderMap) {
        if let Some(token) = bearer(headers) {
            self.grants.remove(token);
        }
    }

    /// Answers a request for a token.
    pub(crate) fn issue(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let grant = match Ask::read(headers, body).and_then(|ask| self.grant(now, &ask)) {
            Ok(grant) => grant,
            Err(refusal) => return refusal.into(),
        };
        self.grants.retain(|_, grant| grant.expires.is_none_or(|end| now < end));
        let token = format!("sim.{:016x}{:016x}", random.next(), random.next());
        let answer = json!({
            "access_token": token,
            "expires_in": self.lifetime.as_secs(),
            "token_type": "Bearer",
            "scope": grant.scopes.join(" "),
        });
        self.grants.insert(token, grant);
        Answer::json(StatusCode::OK, &answer).with_header(CACHE_CONTROL, "no-store")
    }

    fn grant(&self, now: Timestamp, ask: &Ask) -> Result<Grant, Refusal> {
        match ask.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::Request("grant_type must be client_credentials")),
            None => return Err(Refusal::Request("grant_type is missing")),
        }
        let (Some(id), Some(secret)) = (&ask.client_id, &ask.client_secret) else {
            return Err(Refusal::Request("client_id or client_secret is missing"));
        };
        if !self.clients.iter().any(|(known, its)| known == id && its == secret) {
            return Err(Refusal::Client("the client is not known"));
        }
        let wanted = ask.scope.as_deref().unwrap_or_default().split_ascii_whitespace();
        let wanted: Vec<_> = wanted.map(str::to_owned).collect();
        if wanted.iter().any(|scope| !self.scopes.contains(scope)) {
            return Err(Refusal::Scope("the client may not have one of the scopes"));
        }
        let scopes = if wanted.is_empty() { self.scopes.clone() } else { wanted };
        Ok(Grant { user: id.clone(), scopes, expires: Some(now.after(self.lifetime)) })
    }
}

impl Grant {
    pub(crate) fn allows(&self, scope: &str) -> bool {
        self.scopes.iter().any(|it| it == scope)
    }
}

/// Why there is no token, with a description.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Client(&'static str),
    Request(&'static str),
    Scope(&'static str),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let bad = StatusCode::BAD_REQUEST;
        match refusal {
            Refusal::Request(description) => iam(bad, "invalid_request", description),
            Refusal::Scope(description) => iam(bad, "invalid_scope", description),
            Refusal::Client(description) => {
                iam(StatusCode::UNAUTHORIZED, "invalid_client", description)
                    .with_header(WWW_AUTHENTICATE, "Basic")
            }
        }
    }
}

/// The parameters of a request for a token.
#[derive(Debug, Default)]
struct Ask {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

impl Ask {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let mut ask = Self::default();
        let parameters = match media_type(headers).as_deref() {
            Some("application/x-www-form-urlencoded") => form(body),
            Some("application/json") => json_members(body),
            _ => return Err(Refusal::Request("the body must be a form or JSON")),
        };
        for (name, value) in parameters.ok_or(Refusal::Request("the body cannot be read"))? {
            let place = match name.as_str() {
                "grant_type" => &mut ask.grant_type,
                "client_id" => &mut ask.client_id,
                "client_secret" => &mut ask.client_secret,
                "scope" => &mut ask.scope,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Refusal::Request("a parameter is given twice"));
            }
        }
        if headers.contains_key(AUTHORIZATION) {
            let (id, secret) = basic(headers).ok_or(Refusal::Client("this is not HTTP Basic"))?;
            if ask.client_secret.is_some() || ask.client_id.is_some_and(|it| it != id) {
                return Err(Refusal::Request("the client is given in two ways"));
            }
            (ask.client_id, ask.client_secret) = (Some(id), Some(secret));
        }
        Ok(ask)
    }
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// The id and the secret of HTTP Basic, which are form-encoded first (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (its, credentials) = value.to_str().ok()?.split_once(' ')?;
    its.eq_ignore_ascii_case(scheme).then_some(credentials.trim())
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
