//! Formatting for terminals: truncating and wrapping, sanitizing, sizes and durations.
//!
//! indicatif's formats do not fit: `HumanBytes` has two decimals, which change in each frame, and
//! picks a unit for each number, so that `1.1 of 4.8 MiB` cannot be written; `HumanDuration` rounds
//! 125 s to `2 minutes`, and `FormattedDuration` takes eight columns for `0:42`.

use std::borrow::Cow;
use std::time::Duration;

use console::{measure_text_width, truncate_str};
use export_core::Redacted;
use serde::Serialize;

/// Truncates a text to a number of columns. Three dots mark a truncated text.
pub(crate) fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    truncate_str(text, columns, if columns > 3 { "..." } else { "" })
}

/// The width of a text in columns.
pub(crate) fn columns(text: &str) -> usize {
    measure_text_width(text)
}

/// Wraps a line between words to at most `columns`, with an indent for the following lines. A word
/// that is too long is not broken: it is a URL or a path that a user may want to copy.
pub(crate) fn wrap(line: &str, columns: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let width = self::columns(word.trim_end());
        if used > indent && used + width > columns {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            used = indent;
        }
        wrapped.push_str(word);
        used += self::columns(word);
    }
    wrapped
}

/// Replaces characters that could control the terminal, or make a text more than one line. Texts of
/// the service, such as names and statuses, may contain any character.
pub(crate) fn sanitize(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) { text.replace(is_control, "?").into() } else { text.into() }
}

/// Whether a character is a control character, a line or paragraph separator, or a control of
/// bidirectional text.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

/// One line of JSON. The characters that [`sanitize`] replaces in a text are escaped: JSON may be
/// printed to a terminal too.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(escape_controls)
}

/// Escapes the characters in JSON that could control a terminal, but for line breaks between members.
pub(crate) fn escape_controls(json: String) -> String {
    let is_escaped = |c: char| c != '\n' && is_control(c);
    if !json.contains(is_escaped) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match is_escaped(c) {
            // All of them are in the Basic Multilingual Plane.
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped
}

/// A URL as it may be shown and stored: without the values of its query.
pub(crate) fn redact(url: &str) -> String {
    url.parse().map_or_else(|_| url.into(), |url| Redacted(&url).to_string())
}

/// A number of exports: `1 export`, `40 exports`.
pub(crate) fn export_count(count: u64) -> String {
    if count == 1 { "1 export".into() } else { format!("{count} exports") }
}

/// A number of bytes: `5 bytes`, `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    match unit_of(bytes) {
        Some((name, unit)) => format!("{} {name}", in_unit(bytes, unit)),
        None if bytes == 1 => "1 byte".into(),
        None => format!("{bytes} bytes"),
    }
}

/// A part of a number of bytes, in one unit: `1.0 of 2.9 MiB`.
pub(crate) fn share(bytes: u64, length: u64) -> String {
    match unit_of(length) {
        Some((name, unit)) => {
            format!("{} of {} {name}", in_unit(bytes, unit), in_unit(length, unit))
        }
        None => format!("{bytes} of {}", size(length)),
    }
}

fn unit_of(bytes: u64) -> Option<(&'static str, u64)> {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS.into_iter().find(|(_, unit)| bytes >= *unit)
}

fn in_unit(bytes: u64, unit: u64) -> String {
    format!("{:.1}", bytes as f64 / unit as f64)
}

/// A duration, rounded up to the second: `8 s`, `2 min 5 s`, `1 h 4 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// An elapsed time, rounded down to the second: `0:42`, `1:04:08`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The duration of a number of seconds; [`Duration::MAX`] if it is negative or too large.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let evil = "a\u{1b}[2Jb\rc\nd\u{9b}e\u{202e}f\u{7}g\u{85}h\u{2028}i";
        assert_eq!(sanitize(evil), "a?[2Jb?c?d?e?f?g?h?i");
        assert!(matches!(sanitize("Jahresabschluß 2026 国"), Cow::Borrowed(_)));
        let line = json(&evil).unwrap();
        assert_eq!(sanitize(&line), line);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), evil);
        assert_eq!(json(&"Jahresabschluß\n2026 国").unwrap(), r#""Jahresabschluß\n2026 国""#);
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        assert_eq!(wrap("one two three", 8, 2), "one two\n  three");
        assert_eq!(
            wrap("see http://example.com/a/b now", 8, 2),
            "see\n  http://example.com/a/b\n  now"
        );
        assert_eq!(wrap("http://example.com/a", 8, 2), "http://example.com/a");
        assert_eq!(wrap("", 8, 2), "");
        for width in 1..40 {
            let text = "the service asks to wait thirty seconds before the next request";
            let wrapped = wrap(text, width, 2);
            let fits = |line: &str| columns(line) <= width || !line.trim().contains(' ');
            assert!(wrapped.lines().all(fits), "{width}: {wrapped}");
            let words = wrapped.split_whitespace().collect::<Vec<_>>();
            assert_eq!(words.join(" "), text);
        }
    }

    #[test]
    fn long_texts_are_truncated() {
        assert_eq!(clip("document d1", 11), "document d1");
        assert_eq!(clip("document d1", 10), "documen...");
        assert_eq!(clip("国国国国", 6), "国...");
        assert_eq!(clip("document", 2), "do");
    }

    #[test]
    fn sizes_and_durations_have_units() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1_300_000), "1.2 MiB");
        assert_eq!(share(100, 3 << 30), "0.0 of 3.0 GiB");
        assert_eq!(share(5, 10), "5 of 10 bytes");
        let times = [0, 1, 999, 61_000, 120_000, 3_600_000, 3_840_500];
        let texts = times.map(|time| duration(Duration::from_millis(time)));
        assert_eq!(texts, ["0 s", "1 s", "1 s", "1 min 1 s", "2 min", "1 h", "1 h 4 min"]);
        assert_eq!(clock(Duration::from_millis(42_900)), "0:42");
        assert_eq!(clock(Duration::from_secs(3848)), "1:04:08");
        assert_eq!(seconds(-1.0), Duration::MAX);
    }
}
