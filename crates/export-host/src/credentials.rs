//! Who is asking.

use std::fmt;

use export_core::{Config, InvalidToken, Token, TokenSource};
use zeroize::Zeroizing;

/// Who is asking: an OAuth client, or whoever holds a token.
///
/// What it holds is never printed, and is overwritten when it is dropped.
pub struct Credentials(Kind);

enum Kind {
    Client { id: String, secret: Zeroizing<String>, scope: Option<String> },
    Token(Zeroizing<String>),
}

impl Credentials {
    /// An OAuth 2.0 client: tokens are asked for when they are needed, and again when they end.
    #[must_use]
    pub fn client(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(Kind::Client { id: id.into(), secret: Zeroizing::new(secret.into()), scope: None })
    }

    /// A token that somebody else obtained. An export that outlives it ends, resumable.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self(Kind::Token(Zeroizing::new(token.into())))
    }

    /// Asks for these scopes, separated by spaces; without effect on a fixed token.
    #[must_use]
    pub fn with_scope(mut self, scopes: impl Into<String>) -> Self {
        if let Kind::Client { scope, .. } = &mut self.0 {
            *scope = Some(scopes.into());
        }
        self
    }

    /// The source of tokens for whoever drives jobs without a client.
    ///
    /// # Errors
    ///
    /// Fails if the token cannot stand in a header.
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
