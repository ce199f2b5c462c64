//! URLs as they may be shown: without signatures and user names.

use alloc::format;
use alloc::string::String;
use core::fmt;

use http::Uri;

use crate::api_error::printable;

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

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

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
    fn query_values_are_hidden() {
        let shown = Redacted(&"https://u:p@h.example/x?k=secret&s".parse().unwrap()).to_string();
        assert_eq!(shown, "https://h.example/x?k=***&***");
        assert_eq!(format!("{:?}", Redacted(&"/x?k=secret".parse().unwrap())), "/x?k=***");
    }
}
