//! `Content-Disposition`: the file name that the service sends.

use alloc::string::String;
use alloc::vec::Vec;

use http::HeaderValue;
use percent_encoding::percent_decode;

use crate::file_name::safe_file_name;

/// The file name in the header, reduced to a [safe one](safe_file_name).
///
/// **Source:** RFC 6266 for the header, RFC 8187 for `filename*`, which is preferred. The parser is
/// lenient: it accepts a name in raw UTF-8, a missing disposition type and an unclosed quote.
pub(crate) fn file_name(value: &HeaderValue) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    for (name, value) in (Parameters { rest: value.as_bytes() }) {
        if name.eq_ignore_ascii_case(b"filename*") {
            extended = extended.or_else(|| safe_file_name(&decode_extended(&value)?));
        } else if name.eq_ignore_ascii_case(b"filename") {
            plain = plain.or_else(|| safe_file_name(&decode(value)));
        }
    }
    extended.or(plain)
}

/// The `name=value` pairs between the semicolons; anything else is skipped.
struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.is_empty() {
                return None;
            }
            let name = self.take_until(b";=").trim_ascii_end();
            if let Some((b'=', after)) = self.rest.split_first() {
                self.rest = after.trim_ascii_start();
                let value = self.value();
                self.take_until(b";");
                self.rest = self.rest.get(1..).unwrap_or_default();
                return Some((name, value));
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }
}

impl<'a> Parameters<'a> {
    fn take_until(&mut self, ends: &[u8]) -> &'a [u8] {
        let end = self.rest.iter().position(|b| ends.contains(b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> Vec<u8> {
        let Some((b'"', mut quoted)) = self.rest.split_first() else {
            return self.take_until(b";").trim_ascii_end().into();
        };
        let mut value = Vec::with_capacity(quoted.len());
        while let Some((&byte, after)) = quoted.split_first() {
            quoted = after;
            match (byte, after.split_first()) {
                (b'"', _) => break,
                (b'\\', Some((&escaped, after))) => {
                    value.push(escaped);
                    quoted = after;
                }
                _ => value.push(byte),
            }
        }
        self.rest = quoted;
        value
    }
}

/// Decodes a name without a charset: UTF-8 if valid, otherwise ISO-8859-1 as in RFC 9110, 5.5.
fn decode(name: Vec<u8>) -> String {
    String::from_utf8(name).unwrap_or_else(|error| latin_1(error.as_bytes()))
}

/// Decodes `charset'language'percent-encoded` (RFC 8187, 3.2).
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode(encoded).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(latin_1(&bytes))
    } else {
        None
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(value: &[u8]) -> Option<String> {
        file_name(&HeaderValue::from_bytes(value).unwrap())
    }

    #[test]
    fn standard_forms_are_read() {
        for (value, expected) in [
            ("attachment; filename=report.pdf", "report.pdf"),
            ("attachment; filename=\"Annual Report.pdf\"", "Annual Report.pdf"),
            ("ATTACHMENT;FILENAME = \"a.pdf\" ; size=1", "a.pdf"),
            ("inline; filename=\"a;b=c, d.pdf\"; x=y", "a;b=c, d.pdf"),
            ("attachment; filename=\"say \\\"a\\\".pdf\"", "say _a_.pdf"),
            ("attachment; filename*=UTF-8''%e2%82%ac%20rates.pdf", "€ rates.pdf"),
            ("attachment; filename*=iso-8859-1'en'%A3%20rates.pdf", "£ rates.pdf"),
            ("attachment; filename=\"EURO.pdf\"; filename*=utf-8''%e2%82%ac.pdf", "€.pdf"),
            ("attachment; filename*=utf-8''%e2%82%ac.pdf; filename=\"EURO.pdf\"", "€.pdf"),
        ] {
            assert_eq!(name(value.as_bytes()).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn common_malformed_values_are_read() {
        for (value, expected) in [
            (&b"filename=\"a.pdf\""[..], "a.pdf"),
            (b"attachment; filename=\"a.pdf", "a.pdf"),
            (b"attachment; filename=a b.pdf", "a b.pdf"),
            (b"attachment; filename=\"\xc3\xbc.pdf\"", "ü.pdf"),
            (b"attachment; filename=\"\xfc.pdf\"", "ü.pdf"),
            (b"attachment; filename*=\"UTF-8''a%20b.pdf\"", "a b.pdf"),
            (b"attachment; filename=first.pdf; filename=second.pdf", "first.pdf"),
            (b";;; ; filename=a.pdf;", "a.pdf"),
        ] {
            assert_eq!(name(value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn unreadable_extended_name_falls_back_to_plain() {
        for extended in ["UTF-8''%FF.pdf", "koi8-r''a.pdf", "a.pdf", "UTF-8'a.pdf", "UTF-8''..", ""]
        {
            let value = alloc::format!("attachment; filename*={extended}; filename=plain.pdf");
            assert_eq!(name(value.as_bytes()).as_deref(), Some("plain.pdf"), "{extended}");
        }
    }

    #[test]
    fn path_in_a_name_is_dropped() {
        assert_eq!(name(b"a; filename=\"../../x.pdf\"").as_deref(), Some("x.pdf"));
        assert_eq!(name(b"a; filename*=UTF-8''..%2F..%5Cx.pdf").as_deref(), Some("x.pdf"));
        assert_eq!(name(b"a; filename*=UTF-8''%00%0D%0A"), None);
    }

    #[test]
    fn missing_name_is_none() {
        for value in
            ["", "attachment", "attachment; filename", "filename=", "x=filename=", "\"filename=a\""]
        {
            assert_eq!(name(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value_gives_a_safe_name_or_none(
            value in proptest::collection::vec(
                prop_oneof![
                    Just(b"filename".to_vec()), Just(b"*=".to_vec()), Just(b"UTF-8''".to_vec()),
                    Just(b"\"".to_vec()), Just(b"\\".to_vec()), Just(b"; ".to_vec()),
                    Just(b"=".to_vec()), Just(b"%2f".to_vec()),
                    proptest::collection::vec(prop_oneof![32..=126u8, 128..=255u8], 0..4),
                ],
                0..12,
            )
        ) {
            if let Some(found) = name(&value.concat()) {
                prop_assert_eq!(safe_file_name(&found), Some(found));
            }
        }

        #[test]
        fn safe_name_round_trips(text in "\\PC{1,40}") {
            let Some(text) = safe_file_name(&text) else { return Ok(()) };
            let quoted = alloc::format!("attachment; filename=\"{text}\"");
            prop_assert_eq!(name(quoted.as_bytes()), Some(text.clone()));
            let encoded =
                percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            let extended = alloc::format!("attachment; filename*=UTF-8''{encoded}");
            prop_assert_eq!(name(extended.as_bytes()), Some(text));
        }
    }
}
