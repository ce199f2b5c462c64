//! Text for people: harmless, and as wide as it may be.

use std::borrow::Cow;
use std::time::Duration;

use console::{measure_text_width, truncate_str};

/// Cuts a text that takes more columns than this, and says so with three dots.
pub(crate) fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    truncate_str(text, columns, if columns > 3 { "..." } else { "" })
}

/// The columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    measure_text_width(text)
}

/// Breaks a line between words so that it takes at most `columns`; what follows is indented. A word
/// that is too long stays whole: it is a URL or a path, and somebody will copy it.
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

/// A text in which nothing moves a cursor, rings a bell or reads backwards: names and states come
/// from elsewhere. It is one line.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(is_harmful) { text.replace(is_harmful, "?").into() } else { text.into() }
}

/// Control characters, breaks of lines, and marks that change the direction of what follows.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

/// A number of bytes.
pub(crate) fn size(bytes: u64) -> String {
    match unit_of(bytes) {
        Some((name, unit)) => format!("{} {name}", of_unit(bytes, unit)),
        None if bytes == 1 => "1 byte".into(),
        None => format!("{bytes} bytes"),
    }
}

/// How many of how many bytes.
pub(crate) fn share(bytes: u64, length: u64) -> String {
    match unit_of(length) {
        Some((name, unit)) => {
            format!("{} of {} {name}", of_unit(bytes, unit), of_unit(length, unit))
        }
        None => format!("{bytes} of {}", size(length)),
    }
}

fn unit_of(bytes: u64) -> Option<(&'static str, u64)> {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS.into_iter().find(|(_, unit)| bytes >= *unit)
}

fn of_unit(bytes: u64, unit: u64) -> String {
    format!("{:.1}", bytes as f64 / unit as f64)
}

/// A time, to the second and never too short: `8 s`, `2 min 5 s`, `1 h 4 min`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The time since something began, as a clock shows it: `0:42`, `1:04:08`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A time that an event gives in seconds.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_moves_the_cursor_or_breaks_the_line() {
        let evil = "a\u{1b}[2Jb\rc\nd\u{9b}e\u{202e}f\u{7}g\u{85}h\u{2028}i";
        let shown = harmless(evil);
        assert_eq!(shown, "a?[2Jb?c?d?e?f?g?h?i");
        assert!(matches!(harmless("Jahresabschluß 2026 国"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_broken_between_words_and_a_url_stays_whole() {
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
    fn a_cut_text_is_as_wide_as_it_may_be() {
        assert_eq!(clip("document d1", 11), "document d1");
        assert_eq!(clip("document d1", 10), "documen...");
        assert_eq!(clip("国国国国", 6), "国...");
        assert_eq!(clip("document", 2), "do");
    }

    #[test]
    fn sizes_and_times_are_read_at_a_glance() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1_300_000), "1.2 MiB");
        assert_eq!(share(100, 3 << 30), "0.0 of 3.0 GiB");
        assert_eq!(share(5, 10), "5 of 10 bytes");
        let times = [0, 1, 999, 61_000, 120_000, 3_600_000, 3_840_500];
        let said = times.map(|time| span(Duration::from_millis(time)));
        assert_eq!(said, ["0 s", "1 s", "1 s", "1 min 1 s", "2 min", "1 h", "1 h 4 min"]);
        assert_eq!(clock(Duration::from_millis(42_900)), "0:42");
        assert_eq!(clock(Duration::from_secs(3848)), "1:04:08");
        assert_eq!(seconds(-1.0), Duration::MAX);
    }
}
