//! A line in parts, of which some are left out where there is no room for all.

use crate::text::columns;

/// A part of a line.
#[derive(Debug)]
pub(super) struct Part {
    /// What stands between this and what is before it.
    pub(super) gap: &'static str,
    pub(super) text: String,
    /// What is left out first, if there is no room, has the highest number; 0 stays.
    pub(super) rank: u8,
}

/// Another thing.
pub(super) fn part(rank: u8, text: impl Into<String>) -> Part {
    Part { gap: "  ", text: text.into(), rank }
}

/// More of what is before it.
pub(super) fn more(rank: u8, gap: &'static str, text: impl Into<String>) -> Part {
    Part { gap, text: text.into(), rank }
}

/// Leaves out what has to be left out for so many columns. Says whether it was enough.
pub(super) fn fit(parts: &mut Vec<Part>, room: usize) -> bool {
    while taken(parts) > room {
        let last = parts.iter().map(|part| part.rank).max().unwrap_or_default();
        if last == 0 {
            return false;
        }
        parts.retain(|part| part.rank < last);
    }
    true
}

fn taken(parts: &[Part]) -> usize {
    parts.iter().map(|part| columns(&part.text) + part.gap.len()).sum()
}

/// Puts parts behind what is there.
pub(super) fn join(line: &mut String, parts: &[Part]) {
    for part in parts {
        if !line.is_empty() {
            line.push_str(part.gap);
        }
        line.push_str(&part.text);
    }
}
