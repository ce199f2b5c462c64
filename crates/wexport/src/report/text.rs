//! A report as text, for a mail.

use std::fmt::Write;
use std::time::Duration;

use super::rows::{PHASES, ReportRow};
use super::{Report, between};
use crate::text::{duration, export_count, sanitize, size};

/// The parts of the spark lines.
const PARTS: usize = 48;

/// The rows of a group that are named.
const MAX_ROWS: usize = 20;

impl Report {
    /// The report in lines.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("{}: {}\n{}\n{}\n", self.title, self.status, self.times(), self.facts());
        if let Some(earlier) = &self.earlier {
            let _ =
                writeln!(text, "before: {}; {} ({})", earlier.facts(), earlier.status, earlier.id);
        }
        let (done, failed) = self.spark_lines();
        let _ = write!(text, "\ndone    {done}\nfailed  {failed}\n");
        let failures = self.failures();
        if !failures.is_empty() {
            text.push_str("\nfailures:\n");
        }
        for group in failures {
            let count = export_count(group.rows.len() as u64);
            let _ = writeln!(text, "  {count}: {}", sanitize(&group.reason));
            let _ = writeln!(text, "    {}", row_names(&group.rows));
            for advice in &group.failure.advice {
                let _ = writeln!(text, "    what to do: {}", sanitize(advice));
            }
        }
        let slowest = self.slowest();
        if !slowest.is_empty() {
            text.push_str("\nslowest:\n");
        }
        for row in slowest {
            let _ = writeln!(text, "  row {}: {}", row.number, sanitize(&row_time(row)));
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "\nwarning: {}", sanitize(warning));
        }
        for (index, advice) in self.advice().iter().enumerate() {
            let name = if index == 0 { "\nto go on:" } else { "         " };
            let _ = writeln!(text, "{name} {advice}");
        }
        text
    }

    /// When the run was.
    pub(super) fn times(&self) -> String {
        let pauses = match between(self.began, self.ended).saturating_sub(self.time) {
            pauses if pauses.as_secs() < 60 => String::new(),
            pauses => format!(", with pauses of {}", duration(pauses)),
        };
        format!("{:.0} to {:.0}: {}{pauses}", self.began, self.ended, duration(self.time))
    }

    /// Its numbers in one line.
    pub(super) fn facts(&self) -> String {
        let throttled = match self.throttled {
            0 => String::new(),
            count => format!(", {count} of them throttled (429)"),
        };
        let (exports, counts) = (self.counts.size(), self.counts);
        let (bytes, time) = (size(self.bytes), duration(self.time));
        format!("{exports}: {counts}; {bytes}; {time}; {} requests{throttled}", self.requests)
    }

    /// The files that were done over time, and the failures.
    pub(super) fn spark_lines(&self) -> (String, String) {
        let ends = self.ends(PARTS);
        let most = ends.iter().map(|(done, failed)| *done.max(failed)).max().unwrap_or_default();
        let line = |count: fn(&(u64, u64)) -> u64| {
            ends.iter().map(|part| spark(count(part), most)).collect::<String>()
        };
        (line(|(done, _)| *done), line(|(_, failed)| *failed))
    }
}

/// A bar in one column.
fn spark(count: u64, most: u64) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    match count {
        0 => '·',
        count => BARS[usize::try_from((count * 8).div_ceil(most) - 1).unwrap_or(7).min(7)],
    }
}

/// `rows 2, 3 and 7 more`.
pub(super) fn row_names(rows: &[u64]) -> String {
    let named: Vec<String> = rows.iter().take(MAX_ROWS).map(u64::to_string).collect();
    let more = match rows.len().saturating_sub(MAX_ROWS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if rows.len() == 1 { "row" } else { "rows" };
    format!("{noun} {}{more}", named.join(", "))
}

/// What an export took its time for.
pub(super) fn row_time(row: &ReportRow) -> String {
    let parts = PHASES.into_iter().filter(|(phase, _)| !row.of(*phase).is_zero());
    let parts = parts.map(|(phase, name)| format!("{name} {}", precise(row.of(phase))));
    let parts: Vec<String> = parts.collect();
    format!("{}: {} ({})", row.subject, precise(row.time()), parts.join(", "))
}

/// A duration, with tenths of a second if it is short: its parts add up then.
pub(super) fn precise(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        _ => duration(time),
    }
}
