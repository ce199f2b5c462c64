//! What must not be seen.

use http::HeaderValue;

use crate::case::SECRET;

/// The client's secret, and the tokens that were met last.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    words: Vec<String>,
}

/// Older tokens are forgotten: whatever shows one shows it soon.
const MOST_TOKENS: usize = 3;

impl Secrets {
    pub(super) fn new() -> Self {
        Self { words: vec![SECRET.to_owned()] }
    }

    pub(super) fn learn_token(&mut self, header: &HeaderValue) {
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        if let Some(token) = token.filter(|token| !self.words.iter().any(|word| word == token)) {
            if self.words.len() > MOST_TOKENS {
                self.words.remove(1);
            }
            self.words.push(token.to_owned());
        }
    }

    /// Whether a text holds one of them, or the signature of a URL.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.words.iter().any(|word| text.contains(word.as_str()))
    }

    /// Whether a text that is kept or shown holds a secret, or the signature of a URL.
    pub(super) fn is_shown_in(&self, text: &str) -> bool {
        let mut signatures = text.split("signature=").skip(1);
        self.is_in(text) || signatures.any(|value| !value.starts_with("***"))
    }
}
