//! Credentials of a client.

use std::fmt;

use export_core::Config;
use export_core::origins::Origins;
use export_core::token::{ClientAuth, Token, TokenSource};
use zeroize::Zeroizing;

use crate::builder::BuildError;
use crate::token_fn::{AccessToken, AsyncTokenFn, BlockingTokenFn, TokenError};

/// The credentials of an OAuth client, a token, or a callback that returns tokens. `F` is the
/// callback of an adapter.
///
/// They are never printed, and are overwritten when they are dropped.
pub struct Credentials<F>(Kind<F>);

enum Kind<F> {
    Callback(F),
    Client(OAuthClient),
    Token(Zeroizing<String>),
}

struct OAuthClient {
    /// The token endpoint, if it is not the service's.
    url: Option<String>,
    auth: ClientAuth,
    id: String,
    secret: Zeroizing<String>,
    scope: Option<String>,
}

impl<F> Credentials<F> {
    /// An OAuth 2.0 client: tokens are requested when they are needed, and renewed when they
    /// expire.
    #[must_use]
    pub fn client(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::oauth_client(None, id.into(), secret.into())
    }

    /// An OAuth 2.0 client whose tokens come from another endpoint than Workiva's, for the API of
    /// another service: `https`, or `http` on this machine. Headers that the caller adds to requests
    /// are not sent there, unless its origin is that of the base URL or an allowed one.
    #[must_use]
    pub fn client_at(
        url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<String>,
    ) -> Self {
        Self::oauth_client(Some(url.into()), id.into(), secret.into())
    }

    fn oauth_client(url: Option<String>, id: String, secret: String) -> Self {
        let (secret, auth) = (Zeroizing::new(secret), ClientAuth::default());
        Self(Kind::Client(OAuthClient { url, auth, id, secret, scope: None }))
    }

    /// A token that was obtained elsewhere. When it expires, running exports end and can be
    /// resumed.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(Zeroizing::new(token.into())))
    }

    /// Requests these scopes, separated by spaces. Has no effect on a token, and on those of a
    /// callback.
    #[must_use]
    pub fn with_scope(mut self, scopes: impl Into<String>) -> Self {
        if let Kind::Client(client) = &mut self.0 {
            client.scope = Some(scopes.into());
        }
        self
    }

    /// Sets where a token request to [another endpoint](Self::client_at) has the ID and the secret.
    /// **In a header** by default.
    #[must_use]
    pub fn with_client_auth(mut self, auth: ClientAuth) -> Self {
        if let Kind::Client(client) = &mut self.0 {
            client.auth = auth;
        }
        self
    }

    /// A token source, for programs that drive jobs without a client. That of a callback asks for
    /// tokens ([`TokenStep::Ask`](export_core::token::TokenStep::Ask)).
    ///
    /// # Errors
    ///
    /// Fails if the token is not a legal header value, or if the URL of the token endpoint is invalid.
    pub fn source(&self, config: &Config) -> Result<TokenSource, BuildError> {
        Ok(match &self.0 {
            Kind::Callback(_) => TokenSource::external(*config.limits()),
            Kind::Token(token) => TokenSource::fixed(Token::fixed(token)?),
            Kind::Client(OAuthClient { url, auth, id, secret, scope }) => {
                let source = match url {
                    None => TokenSource::client_credentials(id, secret, config),
                    Some(url) => TokenSource::client_credentials_at(url, id, secret, *auth, config)
                        .map_err(BuildError::TokenUrl)?,
                };
                match scope {
                    Some(scope) => source.with_scope(scope),
                    None => source,
                }
            }
        })
    }

    /// The origins that may be sent the token, and that of the token endpoint.
    pub(crate) fn origins(&self, config: &Config) -> Result<Origins, BuildError> {
        let origins = config.origins().clone();
        match &self.0 {
            Kind::Client(OAuthClient { url: Some(url), .. }) => {
                origins.with_allowed(url).map_err(BuildError::TokenUrl)
            }
            _ => Ok(origins),
        }
    }

    /// The callback, if there is one.
    pub(crate) fn into_callback(self) -> Option<F> {
        match self.0 {
            Kind::Callback(callback) => Some(callback),
            Kind::Client(_) | Kind::Token(_) => None,
        }
    }
}

impl Credentials<AsyncTokenFn> {
    /// Tokens of a callback: from a vault, or the identity of a workload.
    ///
    /// It is called when the first token is needed, before a token expires, and when the service
    /// refuses one. All jobs of a client share one call and its token. A call that takes longer than
    /// [`Limits::request_timeout`](export_core::Limits::request_timeout) is dropped, and counts as an
    /// [unavailable](TokenError::unavailable) token.
    #[must_use]
    pub fn from_fn<F, T>(get: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        Self(Kind::Callback(AsyncTokenFn::new(get)))
    }
}

impl Credentials<BlockingTokenFn> {
    /// Tokens of a callback: from a vault, or the identity of a workload.
    ///
    /// It is called when the first token is needed, before a token expires, and when the service
    /// refuses one, on the thread of a job that needs the token. All jobs of a client share one call
    /// and its token. It should return within
    /// [`Limits::request_timeout`](export_core::Limits::request_timeout): it cannot be interrupted,
    /// also not by stopping the job, and other jobs wait no longer than that.
    #[must_use]
    pub fn from_fn<F>(get: F) -> Self
    where
        F: Fn() -> Result<AccessToken, TokenError> + Send + 'static,
    {
        Self(Kind::Callback(BlockingTokenFn::new(get)))
    }
}

impl<F> fmt::Debug for Credentials<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
