//! Credentials of a client.

use std::fmt;

use export_core::Config;
use export_core::token::{InvalidToken, Token, TokenSource};
use zeroize::Zeroizing;

/// The credentials of an OAuth client, or a token.
///
/// They are never printed, and are overwritten when they are dropped.
pub struct Credentials(Kind);

enum Kind {
    Client { id: String, secret: Zeroizing<String>, scope: Option<String> },
    Token(Zeroizing<String>),
}

impl Credentials {
    /// An OAuth 2.0 client: tokens are requested when they are needed, and renewed when they
    /// expire.
    #[must_use]
    pub fn client(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(Kind::Client { id: id.into(), secret: Zeroizing::new(secret.into()), scope: None })
    }

    /// A token that was obtained elsewhere. When it expires, running exports end and can be
    /// resumed.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(Zeroizing::new(token.into())))
    }

    /// Requests these scopes, separated by spaces. Has no effect on a token.
    #[must_use]
    pub fn with_scope(mut self, scopes: impl Into<String>) -> Self {
        if let Kind::Client { scope, .. } = &mut self.0 {
            *scope = Some(scopes.into());
        }
        self
    }

    /// A token source, for programs that drive jobs without a client.
    ///
    /// # Errors
    ///
    /// Fails if the token is not a legal header value.
    pub fn source(&self, config: &Config) -> Result<TokenSource, InvalidToken> {
        Ok(match &self.0 {
            Kind::Token(token) => TokenSource::fixed(Token::fixed(token)?),
            Kind::Client { id, secret, scope } => {
                let source = TokenSource::client_credentials(id, secret, config);
                match scope {
                    Some(scope) => source.with_scope(scope),
                    None => source,
                }
            }
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
