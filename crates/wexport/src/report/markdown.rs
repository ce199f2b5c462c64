//! A report in Markdown.

use std::fmt::Write;

use super::Report;
use super::text::{row_names, row_time};
use crate::text::sanitize;

impl Report {
    /// The report in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}: {}\n\n", escape(&self.title), escape(&self.status));
        let _ = writeln!(text, "{}\n\n{}", escape(&self.times()), escape(&self.facts()));
        if let Some(earlier) = &self.earlier {
            let (id, status) = (escape(&earlier.id), escape(&earlier.status));
            let _ = writeln!(text, "\nBefore ({id}, {status}): {}", escape(&earlier.facts()));
        }
        let (done, failed) = self.spark_lines();
        let _ = writeln!(text, "\n```text\ndone    {done}\nfailed  {failed}\n```");
        let failures = self.failures();
        if !failures.is_empty() {
            text.push_str(
                "\n### Failures\n\n| exports | reason | rows | what to do |\n|--:|---|---|---|\n",
            );
        }
        for group in failures {
            let advice = escape(&group.failure.advice.join("; "));
            let (reason, rows) = (escape(&group.reason), row_names(&group.rows));
            let _ = writeln!(text, "| {} | {reason} | {rows} | {advice} |", group.rows.len());
        }
        let slowest = self.slowest();
        if !slowest.is_empty() {
            text.push_str("\n### Slowest\n\n");
        }
        for row in slowest {
            let _ = writeln!(text, "- row {}: {}", row.number, escape(&row_time(row)));
        }
        if !self.warnings.is_empty() {
            text.push_str("\n### Warnings\n\n");
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "- {}", escape(warning));
        }
        let advice = self.advice();
        if !advice.is_empty() {
            text.push_str("\n### To go on\n\n");
        }
        for advice in advice {
            let _ = writeln!(text, "- {}", escape(&advice));
        }
        text
    }
}

/// Escapes a text of one line, which may be of the service.
fn escape(text: &str) -> String {
    let text = sanitize(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_{}[]<>#|!~&".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
