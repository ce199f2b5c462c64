//! Reads and validates secrets.

#[cfg(feature = "store")]
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroizing;

#[cfg(feature = "store")]
use crate::problem::Problem;

/// Why a secret is invalid. The error does not contain the text.
#[derive(Debug)]
pub(super) enum SecretError {
    Read(io::Error),
    NotUtf8,
    /// It begins with the byte order mark of UTF-16.
    Utf16,
    /// It begins and ends with this quote.
    Quoted(char),
    TooLong,
    Empty,
    /// It has this number of lines.
    MultipleLines(usize),
    /// The token has the prefix `Bearer`.
    BearerPrefix,
    InvalidCharacter,
    #[cfg(feature = "store")]
    ControlCharacter,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "it cannot be read: {error}"),
            Self::NotUtf8 => f.write_str("it is not valid UTF-8"),
            Self::Utf16 => f.write_str("it is UTF-16: save it as UTF-8"),
            Self::Quoted(quote) => {
                write!(
                    f,
                    "it is in quotes ({quote}): remove them, since they are sent as part of it"
                )
            }
            Self::TooLong => write!(f, "it is longer than {MAX_LENGTH} bytes"),
            Self::Empty => f.write_str("it is empty"),
            Self::MultipleLines(lines) => write!(f, "it has {lines} lines, expected one"),
            Self::BearerPrefix => f.write_str("it starts with 'Bearer', expected only the token"),
            Self::InvalidCharacter => {
                f.write_str("it has a space or another character that a token cannot have")
            }
            #[cfg(feature = "store")]
            Self::ControlCharacter => {
                f.write_str("it contains a line break or another control character")
            }
        }
    }
}

/// The longest secret that is read, in **bytes**.
pub(super) const MAX_LENGTH: u64 = 65_536;

/// Reads a secret, without surrounding whitespace.
pub(super) fn read(source: impl Read) -> Result<Zeroizing<String>, SecretError> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MAX_LENGTH + 1).read_to_end(&mut bytes).map_err(SecretError::Read)?;
    parse(&bytes)
}

/// The secret in these bytes, without surrounding whitespace.
pub(super) fn parse(bytes: &[u8]) -> Result<Zeroizing<String>, SecretError> {
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(SecretError::TooLong);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(SecretError::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| SecretError::NotUtf8)?;
    trimmed(text)
}

/// Removes surrounding whitespace, since files and variables often end in a line break, and a byte
/// order mark. Refuses quotes around the secret: `docker run --env-file` keeps those of its file.
pub(super) fn trimmed(text: &str) -> Result<Zeroizing<String>, SecretError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    match quote(text) {
        Some(quote) => Err(SecretError::Quoted(quote)),
        None if text.is_empty() => Err(SecretError::Empty),
        None => Ok(Zeroizing::new(text.into())),
    }
}

/// The quote that a text is in, if it is in quotes.
pub(super) fn quote(text: &str) -> Option<char> {
    let text = text.trim();
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    (text.len() > 1 && text.ends_with(quote)).then_some(quote)
}

/// The value of a variable of another program, without surrounding whitespace. It may be secret.
///
/// # Errors
///
/// Fails with the name of the variable if the value is empty, in quotes or not UTF-8, or contains a
/// control character, which no header may have.
#[cfg(feature = "store")]
pub(crate) fn trimmed_variable(name: &str, value: OsString) -> Result<String, Problem> {
    let text = value.into_string().map_err(|_| SecretError::NotUtf8);
    let text = text.and_then(|text| trimmed(&text));
    match text {
        Ok(text) if !text.contains(char::is_control) => Ok(text.as_str().into()),
        Ok(_) => Err(SecretError::ControlCharacter),
        Err(error) => Err(error),
    }
    .map_err(|error| Problem::usage(format!("invalid value for {name}: {error}")))
}

/// Checks that a secret is one line.
pub(super) fn one_line(text: Zeroizing<String>) -> Result<Zeroizing<String>, SecretError> {
    match text.lines().count() {
        1 => Ok(text),
        lines => Err(SecretError::MultipleLines(lines)),
    }
}

/// Checks that a secret can be a token.
pub(super) fn token(text: Zeroizing<String>) -> Result<Zeroizing<String>, SecretError> {
    let text = one_line(text)?;
    match text.split_once(' ') {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => {
            Err(SecretError::BearerPrefix)
        }
        _ if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text),
        _ => Err(SecretError::InvalidCharacter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(bytes: &[u8]) -> String {
        match read(bytes).and_then(token) {
            Ok(token) => token.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_token_is_one_line_of_visible_ascii() {
        assert_eq!(token_of(b"a-token"), "a-token");
        assert_eq!(token_of(b" \t a-token\r\n\n"), "a-token");
        assert_eq!(token_of(b" \n"), "it is empty");
        assert_eq!(token_of(b"one\ntwo\nthree"), "it has 3 lines, expected one");
        assert_eq!(token_of(b"a\xff"), "it is not valid UTF-8");
        assert_eq!(token_of(b"\xff\xfea\0"), "it is UTF-16: save it as UTF-8");
        assert_eq!(token_of(b"\xef\xbb\xbfa-token\r\n"), "a-token");
        assert_eq!(token_of(b"\xef\xbb\xbf\n"), "it is empty");
        for quoted in ["\"a-token\"", "'a-token'", "''"] {
            assert!(token_of(quoted.as_bytes()).starts_with("it is in quotes"), "{quoted}");
        }
        assert_eq!(token_of(b"'a-token"), "'a-token");
        assert_eq!(token_of(&[b'x'; 65_536]).len(), 65_536);
        assert_eq!(token_of(&[b'x'; 65_537]), "it is longer than 65536 bytes");
        assert_eq!(token_of(b"bearer a-token"), SecretError::BearerPrefix.to_string());
        assert_eq!(token_of(b"a token"), SecretError::InvalidCharacter.to_string());
        assert_eq!(token_of("tök".as_bytes()), SecretError::InvalidCharacter.to_string());
    }
}
