//! URLs as they may be shown: without signatures and user names.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::api_error::{MAX_TEXT, printable};
use crate::token::Secret;

/// Prints a URL without the values of its query, which may be signatures or tokens, and without a
/// user name.
///
/// ```
/// use export_core::Redacted;
///
/// let url = "https://store.example.com/f.pdf?X-Signature=abc&part=1".parse()?;
/// assert_eq!(
///     Redacted(&url).to_string(),
///     "https://store.example.com/f.pdf?X-Signature=***&part=***"
/// );
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is a view of one value")]
pub struct Redacted<'a>(pub &'a Uri);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(scheme), Some(authority)) = (self.0.scheme_str(), self.0.authority()) {
            let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
            write!(f, "{scheme}://{host_and_port}")?;
        }
        f.write_str(self.0.path())?;
        for (index, pair) in self.0.query().into_iter().flat_map(|q| q.split('&')).enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{name}=***")?,
                None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Redacts a URL that was refused and may be malformed. Any text before an `@` may be a user name and
/// is hidden.
pub(crate) fn redact_text(url: &str) -> String {
    let open = url.split(['?', '#']).next().unwrap_or_default();
    let parts = open.split_inclusive(['/', '\\']).flat_map(|part| match part.rsplit_once('@') {
        Some((_, shown)) => ["***@", shown],
        None => ["", part],
    });
    let shown = printable(Some(&parts.collect::<String>())).unwrap_or_default();
    format!("{shown}{}", if url.contains('?') { "?***" } else { "" })
}

/// A shorter secret is not masked: it would hide parts of ordinary words.
const MIN_SECRET: usize = 4;

/// Replaces secrets in a text of the service, which may repeat what it was sent.
pub(crate) fn mask<'t, 's>(
    text: &'t str,
    secrets: impl IntoIterator<Item = &'s str>,
) -> Cow<'t, str> {
    let is_cut = text.len() >= MAX_TEXT && text.chars().count() >= MAX_TEXT;
    let mut masked = Cow::Borrowed(text);
    for secret in secrets.into_iter().filter(|secret| secret.len() >= MIN_SECRET) {
        if masked.contains(secret) {
            masked = masked.replace(secret, "***").into();
        }
        let cut = is_cut.then(|| before_cut_secret(&masked, secret)).flatten();
        if let Some(shown) = cut {
            masked = format!("{shown}***").into();
        }
    }
    masked
}

/// What is before the start of a secret at the end of a text, if it ends in one.
fn before_cut_secret<'t>(text: &'t str, secret: &str) -> Option<&'t str> {
    let starts = secret.char_indices().map(|(at, _)| &secret[..at]).rev();
    let mut starts = starts.take_while(|start| start.len() >= MIN_SECRET);
    starts.find_map(|start| text.strip_suffix(start))
}

/// What encoders of URLs and of forms leave as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const FORM: &AsciiSet = &COMPONENT.add(b'~').remove(b'*');
const SCRIPT: &AsciiSet =
    &COMPONENT.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');

/// A secret in the forms in which URLs and forms may have it; none if it is the same in all.
pub(crate) fn url_forms(secret: &str) -> Vec<Secret> {
    let mut forms: Vec<Secret> = Vec::new();
    for set in [COMPONENT, FORM, SCRIPT] {
        let escaped = Zeroizing::new(utf8_percent_encode(secret, set).to_string());
        let plus = Zeroizing::new(escaped.replace("%20", "+"));
        for form in [&escaped, &plus] {
            for form in [Secret::new(form.as_str()), Secret::new(lower_hex(form))] {
                let is_known = |known: &Secret| known.expose() == form.expose();
                if form.expose() != secret && !forms.iter().any(is_known) {
                    forms.push(form);
                }
            }
        }
    }
    forms
}

/// The same text with `%2b` instead of `%2B`.
fn lower_hex(escaped: &str) -> String {
    let mut digits = 0;
    let lower = |c: char| match (c, digits) {
        ('%', _) => {
            digits = 2;
            c
        }
        (_, 0) => c,
        _ => {
            digits -= 1;
            c.to_ascii_lowercase()
        }
    };
    escaped.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_url_is_shown_without_secrets() {
        for (url, shown) in [
            ("https://u:p@h.example/x?sig=1#f", "https://***@h.example/x?***"),
            ("/x?sig=1", "/x?***"),
            ("https://h.example", "https://h.example"),
            ("//u:p@h.example/x", "//***@h.example/x"),
            ("https:\\\\u:p@h.example\\x", "https:\\\\***@h.example\\x"),
            ("https:u:p@h.example", "***@h.example"),
            ("https:.//u:p@h@example", "https:.//***@example"),
            ("/x/a@b/c", "/x/***@b/c"),
        ] {
            assert_eq!(redact_text(url), shown);
        }
        let long = format!("https://{}@h.example/x", "p".repeat(2_000));
        assert_eq!(redact_text(&long), "https://***@h.example/x");
    }

    #[test]
    fn secrets_are_masked_also_where_a_text_was_cut() {
        let secrets = ["s3cret-key", "abc"];
        assert_eq!(mask("no s3cret-key, s3cret-key", secrets), "no ***, ***");
        assert_eq!(mask("abcdef s3cret", secrets), "abcdef s3cret");
        let cut = format!("{}s3cret-k", "x".repeat(MAX_TEXT - 8));
        assert_eq!(mask(&cut, secrets), format!("{}***", "x".repeat(MAX_TEXT - 8)));
        let other = format!("{}s3c", "x".repeat(MAX_TEXT - 3));
        assert_eq!(mask(&other, secrets), other);
    }

    #[test]
    fn secrets_have_the_forms_of_urls() {
        let forms = url_forms("a+B *~'ü");
        let forms: Vec<&str> = forms.iter().map(Secret::expose).collect();
        assert_eq!(
            forms,
            [
                "a%2BB%20%2A~%27%C3%BC",
                "a%2bB%20%2a~%27%c3%bc",
                "a%2BB+%2A~%27%C3%BC",
                "a%2bB+%2a~%27%c3%bc",
                "a%2BB%20*%7E%27%C3%BC",
                "a%2bB%20*%7e%27%c3%bc",
                "a%2BB+*%7E%27%C3%BC",
                "a%2bB+*%7e%27%c3%bc",
                "a%2BB%20*~'%C3%BC",
                "a%2bB%20*~'%c3%bc",
                "a%2BB+*~'%C3%BC",
                "a%2bB+*~'%c3%bc",
            ]
        );
        assert_eq!(url_forms("aB-1.2_3").len(), 0);
    }

    #[test]
    fn query_values_are_hidden() {
        let shown = Redacted(&"https://u:p@h.example/x?k=secret&s".parse().unwrap()).to_string();
        assert_eq!(shown, "https://h.example/x?k=***&***");
        assert_eq!(format!("{:?}", Redacted(&"/x?k=secret".parse().unwrap())), "/x?k=***");
    }
}
