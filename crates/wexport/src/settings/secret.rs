//! Reading a secret: what is one, and what is not.

use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroizing;

/// Why a text is no secret. It never says what the text was.
#[derive(Debug)]
pub(super) enum SecretError {
    Unreadable(io::Error),
    Binary,
    TooLong,
    Empty,
    Lines(usize),
    /// `Bearer` stands in front of it.
    Scheme,
    Blank,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            Self::Binary => f.write_str("it is no text"),
            Self::TooLong => write!(f, "it is longer than {LONGEST} bytes"),
            Self::Empty => f.write_str("it is empty"),
            Self::Lines(lines) => write!(f, "it has {lines} lines, and a secret is one"),
            Self::Scheme => f.write_str("leave out the word Bearer in front of the token"),
            Self::Blank => f.write_str("there is a blank or another sign that no token has"),
        }
    }
}

/// The longest secret that is read, in **bytes**.
const LONGEST: u64 = 65_536;

/// Reads a text, without the blanks and line breaks around it.
pub(super) fn read(source: impl Read) -> Result<Zeroizing<String>, SecretError> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(LONGEST + 1).read_to_end(&mut bytes).map_err(SecretError::Unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::TooLong);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::Binary)?;
    trimmed(text)
}

/// The text without what is around it: a file and a variable often end in a line break.
pub(super) fn trimmed(text: &str) -> Result<Zeroizing<String>, SecretError> {
    match text.trim() {
        "" => Err(SecretError::Empty),
        text => Ok(Zeroizing::new(text.into())),
    }
}

/// A secret that is one line.
pub(super) fn one_line(text: Zeroizing<String>) -> Result<Zeroizing<String>, SecretError> {
    match text.lines().count() {
        1 => Ok(text),
        lines => Err(SecretError::Lines(lines)),
    }
}

/// A line that can be a token.
pub(super) fn token(text: Zeroizing<String>) -> Result<Zeroizing<String>, SecretError> {
    let text = one_line(text)?;
    match text.split_once(' ') {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => Err(SecretError::Scheme),
        _ if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text),
        _ => Err(SecretError::Blank),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(bytes: &[u8]) -> String {
        match read(bytes).and_then(token) {
            Ok(token) => token.to_string(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn a_token_is_one_line_of_signs_whatever_blanks_are_around_it() {
        assert_eq!(token_of(b"a-token"), "a-token");
        assert_eq!(token_of(b" \t a-token\r\n\n"), "a-token");
        assert_eq!(token_of(b" \n"), "it is empty");
        assert_eq!(token_of(b"one\ntwo\nthree"), "it has 3 lines, and a secret is one");
        assert_eq!(token_of(b"\xff\xfe"), "it is no text");
        assert_eq!(token_of(&[b'x'; 65_536]).len(), 65_536);
        assert_eq!(token_of(&[b'x'; 65_537]), "it is longer than 65536 bytes");
        assert_eq!(token_of(b"bearer a-token"), SecretError::Scheme.to_string());
        assert_eq!(token_of(b"a token"), SecretError::Blank.to_string());
        assert_eq!(token_of("tök".as_bytes()), SecretError::Blank.to_string());
    }
}
