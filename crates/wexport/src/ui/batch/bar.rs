//! The bar above the line of a batch. Its characters have the meaning of its colours, for terminals without colours.

use crate::event::{EndCounts, Totals};
use crate::ui::terminal::{Color, Spans};

/// The longest bar, in columns: a longer one is no easier to read.
const MAX_WIDTH: usize = 62;

/// The shortest bar that is drawn, in columns.
const MIN_WIDTH: usize = 10;

/// A bar, at most `width` columns wide: `[======xx------      ]` is done or skipped, failed, in flight, and not submitted.
pub(super) fn bar(totals: &Totals, width: usize) -> Spans {
    if width < MIN_WIDTH {
        return Vec::new();
    }
    let cells = (width.min(MAX_WIDTH) - 2) as u64;
    let Totals { exports, ended: EndCounts { done, skipped, failed }, to_submit, .. } = *totals;
    let share = |count: u64| {
        let share = u128::from(cells) * u128::from(count) / u128::from(exports.max(1));
        share.min(u128::from(cells)) as u64
    };
    // A single failure of a million is visible, and a bar is full only when everything has ended.
    let failed = share(failed).max(failed.min(1));
    let done = share(done + skipped).min(cells - failed);
    let begun = share(exports.saturating_sub(to_submit)).max(done + failed);
    let text = |symbol: &str, count: u64| symbol.repeat(count as usize);
    vec![
        ("[".into(), None),
        (text("=", done), Some(Color::Green)),
        (text("x", failed), Some(Color::Red)),
        (text("-", begun - done - failed), Some(Color::Cyan)),
        (format!("{}]", text(" ", cells - begun)), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(ended: [u64; 3], in_flight: u64, to_submit: u64, width: usize) -> String {
        let [done, failed, skipped] = ended;
        let exports = done + failed + skipped + in_flight + to_submit;
        let ended = EndCounts { done, failed, skipped };
        let totals = Totals { exports, ended, to_submit, ..Totals::default() };
        bar(&totals, width).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn each_state_has_a_character() {
        assert_eq!(drawn([0, 0, 0], 0, 40, 22), "[                    ]");
        assert_eq!(drawn([10, 4, 2], 10, 14, 22), "[======xx-----       ]");
        assert_eq!(drawn([36, 4, 0], 0, 0, 22), "[==================xx]");
        assert_eq!(drawn([40, 0, 0], 0, 0, 22), "[====================]");
    }

    #[test]
    fn one_failure_is_visible_and_no_bar_is_full_too_early() {
        assert_eq!(drawn([999_998, 1, 0], 1, 0, 22), "[===================x]");
        assert_eq!(drawn([999_999, 0, 0], 1, 0, 22), "[===================-]");
        assert_eq!(drawn([0, 1, 0], 0, 999_999, 22), "[x                   ]");
        assert_eq!(drawn([1, u64::from(u32::MAX), 0], 1, 1, 12), "[xxxxxxxxx ]");
    }

    #[test]
    fn bars_fit_any_width() {
        for width in 0..200 {
            for ended in [[0, 0, 0], [5, 1, 1], [7, 0, 0], [0, 7, 0]] {
                let bar = drawn(ended, 1, 2, width);
                let wanted = if width < MIN_WIDTH { 0 } else { width.min(MAX_WIDTH) };
                assert_eq!(bar.len(), wanted, "{bar}");
            }
        }
        assert_eq!(drawn([0, 0, 0], 0, 0, 12), "[          ]");
    }

    #[test]
    fn counts_above_the_total_keep_the_width() {
        for (ended, to_submit) in [([9, 0, 0], 0), ([3, 9, 0], 9), ([3, 1, 3], 0), ([0, 9, 9], 3)] {
            let [done, failed, skipped] = ended;
            let ended = EndCounts { done, failed, skipped };
            let totals = Totals { exports: 3, ended, to_submit, ..Totals::default() };
            let drawn: usize = bar(&totals, 12).iter().map(|(text, _)| text.len()).sum();
            assert_eq!(drawn, 12, "{totals:?}");
        }
    }

    #[test]
    fn narrow_terminal_has_no_bar() {
        assert_eq!(drawn([1, 0, 0], 1, 0, 9), "");
        assert_eq!(drawn([1, 0, 0], 1, 0, 10), "[====----]");
    }

    #[test]
    fn colours_follow_the_characters() {
        let totals = Totals {
            exports: 4,
            ended: EndCounts { done: 1, failed: 1, skipped: 0 },
            to_submit: 1,
            ..Totals::default()
        };
        let coloured = bar(&totals, 14)
            .into_iter()
            .filter_map(|(text, colour)| colour.map(|colour| (text.chars().next(), colour)));
        let wanted = [(Some('='), Color::Green), (Some('x'), Color::Red), (Some('-'), Color::Cyan)];
        assert_eq!(coloured.collect::<Vec<_>>(), wanted);
    }
}
