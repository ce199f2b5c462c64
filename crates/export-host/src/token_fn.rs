//! Callbacks that return tokens.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use export_core::{Failure, FailureKind};
use zeroize::Zeroizing;

/// A token that a callback returns. It is never printed, and is overwritten when it is dropped.
///
/// ```
/// use std::time::Duration;
///
/// use export_host::AccessToken;
///
/// let token = AccessToken::new("eyJhbGciOi").with_lifetime(Duration::from_secs(600));
/// assert_eq!(format!("{token:?}"), "AccessToken(***)");
/// ```
pub struct AccessToken {
    text: Zeroizing<String>,
    lifetime: Option<Duration>,
}

impl AccessToken {
    /// A bearer token. Without a [lifetime](Self::with_lifetime), it is used for some minutes.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()), lifetime: None }
    }

    /// Sets how long the token is valid from now on. The callback is called again
    /// [`Limits::token_margin`](export_core::Limits::token_margin) before its end.
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The token, for a [`TokenSource`](export_core::token::TokenSource).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How long it is valid, if that is known.
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(***)")
    }
}

/// Why a callback returns no token. The text of the error is shown to users, and must not contain
/// secrets.
///
/// ```
/// use export_host::TokenError;
///
/// let sealed = TokenError::unavailable("the vault is sealed");
/// assert_eq!(sealed.to_string(), "the vault is sealed");
/// ```
#[derive(Debug)]
pub struct TokenError {
    kind: FailureKind,
    error: Box<dyn StdError + Send + Sync>,
}

impl TokenError {
    /// The credentials are wrong: running exports end as not authorised, and can be resumed.
    #[must_use]
    pub fn refused(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::Unauthorized, error: error.into() }
    }

    /// There is no token now, because what issues it cannot be reached, for example. The callback is
    /// called again, backing off, as a request without a response is sent again.
    #[must_use]
    pub fn unavailable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind: FailureKind::NoToken, error: error.into() }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for TokenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::new(error.kind).with_source(error)
    }
}

/// A callback that returns a future.
#[derive(Clone)]
pub struct AsyncTokenFn(Arc<dyn Fn() -> TokenFuture + Send + Sync>);

type TokenFuture = Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send>>;

impl AsyncTokenFn {
    pub(crate) fn new<F, T>(get: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<AccessToken, TokenError>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(get())))
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// Fails if there is no token.
    pub async fn call(&self) -> Result<AccessToken, TokenError> {
        (self.0)().await
    }
}

impl fmt::Debug for AsyncTokenFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncTokenFn")
    }
}

/// A callback that blocks. One call runs at a time.
#[derive(Clone)]
pub struct BlockingTokenFn(Arc<Mutex<BoxedTokenFn>>);

type BoxedTokenFn = Box<dyn Fn() -> Result<AccessToken, TokenError> + Send>;

impl BlockingTokenFn {
    pub(crate) fn new<F>(get: F) -> Self
    where
        F: Fn() -> Result<AccessToken, TokenError> + Send + 'static,
    {
        Self(Arc::new(Mutex::new(Box::new(get))))
    }

    /// Calls it, unless the last call has not returned.
    ///
    /// # Errors
    ///
    /// Fails if there is no token.
    pub fn call(&self) -> Result<AccessToken, TokenError> {
        match self.0.try_lock() {
            Ok(get) => get(),
            // It has panicked, and may do better now.
            Err(TryLockError::Poisoned(get)) => (get.into_inner())(),
            Err(TryLockError::WouldBlock) => {
                Err(TokenError::unavailable("the callback has not returned yet"))
            }
        }
    }
}

impl fmt::Debug for BlockingTokenFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockingTokenFn")
    }
}
