//! Lines made of segments, some of which are dropped where the terminal is too narrow for all.
//! indicatif would cut off its end.

use crate::text::columns;

/// A segment of a line.
#[derive(Debug)]
pub(super) struct Segment {
    /// Printed before the text, unless the line begins with it.
    separator: &'static str,
    text: String,
    /// The segments with the highest number are dropped first; those with 0 are never dropped.
    drop_order: u8,
}

impl Segment {
    /// A segment after two spaces.
    pub(super) fn new(drop_order: u8, text: impl Into<String>) -> Self {
        Self::after(drop_order, "  ", text)
    }

    /// A segment after a separator.
    pub(super) fn after(drop_order: u8, separator: &'static str, text: impl Into<String>) -> Self {
        Self { separator, text: text.into(), drop_order }
    }
}

/// Drops segments until the others fit into `width` columns; false if they do not fit even then.
pub(super) fn drop_to_fit(segments: &mut Vec<Segment>, width: usize) -> bool {
    while total_width(segments) > width {
        let highest = segments.iter().map(|segment| segment.drop_order).max().unwrap_or_default();
        if highest == 0 {
            return false;
        }
        segments.retain(|segment| segment.drop_order < highest);
    }
    true
}

fn total_width(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| columns(&segment.text) + segment.separator.len()).sum()
}

/// Appends segments to a line.
pub(super) fn append(line: &mut String, segments: &[Segment]) {
    for segment in segments {
        if !line.is_empty() {
            line.push_str(segment.separator);
        }
        line.push_str(&segment.text);
    }
}
