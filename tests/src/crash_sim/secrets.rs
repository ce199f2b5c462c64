//! The secrets that must not leak.

use http::HeaderValue;

use crate::case::SECRET;

/// The client's secret and the most recent tokens.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    secrets: Vec<String>,
}

/// Older tokens are dropped: a leak would show a recent token as well.
const MAX_TOKENS: usize = 3;

impl Secrets {
    pub(super) fn new() -> Self {
        Self { secrets: vec![SECRET.to_owned()] }
    }

    pub(super) fn add_token(&mut self, header: &HeaderValue) {
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        if let Some(token) = token.filter(|token| !self.secrets.iter().any(|it| it == token)) {
            if self.secrets.len() > MAX_TOKENS {
                self.secrets.remove(1);
            }
            self.secrets.push(token.to_owned());
        }
    }

    /// Whether a text contains one of the secrets.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Whether a stored or printed text contains a secret or the signature of a URL.
    pub(super) fn is_shown_in(&self, text: &str) -> bool {
        let mut signatures = text.split("signature=").skip(1);
        self.is_in(text) || signatures.any(|value| !value.starts_with("***"))
    }
}
