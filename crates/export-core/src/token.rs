//! Bearer tokens, and a source of them that all jobs of a client share.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::api_error::MAX_TEXT;
use crate::redact::{mask, url_forms};

pub use crate::token_source::{Ticket, TokenInfo, TokenSource, TokenStep};

/// A bearer token.
///
/// Its text cannot be read back, only sent in an `Authorization` header. The memory is overwritten
/// when the last copy is dropped, including the header of a request.
#[derive(Clone)]
pub struct Token {
    id: TokenId,
    header: HeaderValue,
    /// What it was requested with.
    secrets: Arc<[Secret]>,
}

/// Identifies a token without holding its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(pub(crate) u64);

/// The error for a text that is not a token: it is empty, or has bytes other than visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is empty or contains invalid characters")]
#[non_exhaustive]
pub struct InvalidToken;

const BEARER: &str = "Bearer ";

impl Token {
    /// A token that was obtained elsewhere. If the service refuses it, it cannot be replaced.
    ///
    /// # Errors
    ///
    /// Fails if the text is empty or not visible ASCII.
    ///
    /// ```
    /// use export_core::token::Token;
    ///
    /// let token = Token::fixed("eyJhbGciOi")?;
    /// assert_eq!(format!("{token:?}"), "Token(***)");
    /// # Ok::<(), export_core::token::InvalidToken>(())
    /// ```
    pub fn fixed(text: &str) -> Result<Self, InvalidToken> {
        Self::issued(TokenId(0), text.trim(), Arc::default())
    }

    /// A token that was requested with these secrets.
    pub(crate) fn issued(
        id: TokenId,
        text: &str,
        secrets: Arc<[Secret]>,
    ) -> Result<Self, InvalidToken> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let header = secret_header(BEARER, text).ok_or(InvalidToken)?;
        Ok(Self { id, header, secrets })
    }

    /// The id of the token.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// The value of a header that carries the token, with this text in front.
    pub(crate) fn header_with(&self, prefix: &str) -> HeaderValue {
        if prefix == BEARER {
            return self.header.clone();
        }
        secret_header(prefix, self.expose()).expect("the prefix and the token were checked")
    }

    fn expose(&self) -> &str {
        let text = self.header.as_bytes().strip_prefix(BEARER.as_bytes());
        text.and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Replaces the token, and the secret of the client that requested it, in a text of the service:
    /// an error may repeat what was sent, also as it is encoded in a URL or for HTTP Basic
    /// authentication. Secrets of less than 4 bytes are not replaced.
    ///
    /// ```
    /// use export_core::token::Token;
    ///
    /// let token = Token::fixed("eyJhbGciOi")?;
    /// assert_eq!(token.mask("bad token eyJhbGciOi"), "bad token ***");
    /// # Ok::<(), export_core::token::InvalidToken>(())
    /// ```
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        // Texts are masked for each response. Most are shorter than a token, and have no room for one or for what a
        // cut has left of it. The forms of a URL are no shorter, and have a percent sign.
        let fits = text.len() >= self.header.len().saturating_sub(BEARER.len()).min(MAX_TEXT);
        let in_url = fits && text.contains('%');
        let forms = if in_url { url_forms(self.expose()) } else { Vec::new() };
        let secrets = forms.iter().chain(&*self.secrets).map(Secret::expose);
        mask(text, fits.then(|| self.expose()).into_iter().chain(secrets))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// The value of an `Authorization` header, whose memory is overwritten when it is dropped.
pub(crate) fn secret_header(scheme: &str, secret: &str) -> Option<HeaderValue> {
    let mut value = Zeroizing::new(Vec::with_capacity(scheme.len() + secret.len()));
    value.extend_from_slice(scheme.as_bytes());
    value.extend_from_slice(secret.as_bytes());
    let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Where a token request has the credentials of an OAuth client (RFC 6749, 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// In an `Authorization` header, as all servers accept that follow the RFC.
    #[default]
    Basic,
    /// In the body, beside the grant.
    Body,
}

/// Which token the next request needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenNeed {
    /// The token that the service has just refused, and that must not be sent again.
    pub refused: Option<TokenId>,
}

impl TokenNeed {
    /// Any token.
    #[must_use]
    pub const fn any() -> Self {
        Self { refused: None }
    }

    /// Any token but this one.
    #[must_use]
    pub const fn other_than(refused: TokenId) -> Self {
        Self { refused: Some(refused) }
    }
}

/// A secret that is overwritten when it is dropped, and never printed.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn token_header_is_sensitive() {
        let token = Token::fixed(" secret ").unwrap();
        assert_eq!(token.header_with(BEARER), "Bearer secret");
        assert!(!format!("{:?} {:?}", token, token.header_with(BEARER)).contains("secret"));
    }

    #[test]
    fn invalid_header_value_is_not_a_token() {
        for text in ["", " ", "a b", "a\r\nx: y", "ü", "a\u{7f}"] {
            assert_eq!(Token::fixed(text).map(|_| ()), Err(InvalidToken), "{text:?}");
        }
    }
}
