//! A report as a page: one file, which loads nothing else.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use export_host::PartFile;

use super::rows::{PHASES, ReportRow};
use super::text::{precise as duration, row_names};
use super::{Report, between, reason};
use crate::problem::Problem;
use crate::state::RowStatus;
use crate::text::{sanitize, size};

/// What the page may load: nothing. A text that was not escaped could not run either.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The bars of the chart of ends.
const PARTS: usize = 96;

impl Report {
    /// Writes the page. The file is replaced in one step.
    pub(crate) fn write_html(&self, file: &Path) -> Result<(), Problem> {
        let fail = |error: io::Error| {
            let what = format!("cannot write the report to {}", file.display());
            Problem::local(what, &error).advise("name another file with --html")
        };
        let write = || {
            let mut part = PartFile::open(file, "report", Duration::ZERO)?;
            part.cut(0)?;
            part.write_all(self.html().as_bytes())?;
            part.finish().map(drop)
        };
        write().map_err(fail)
    }

    fn html(&self) -> String {
        let title = escape(&format!("{}: {}", self.title, self.status));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
            include_str!("page.css")
        );
        let facts = escape(&self.facts());
        let _ = writeln!(page, "<p>{facts}</p>\n<p class=\"faint\">{}</p>", escape(&self.times()));
        for (index, advice) in self.advice().iter().enumerate() {
            let advice = escape(advice);
            let _ = match index {
                0 => writeln!(page, "<p>To go on: <code>{advice}</code></p>"),
                _ => writeln!(page, "<p class=\"faint\">{advice}</p>"),
            };
        }
        self.add_comparison(&mut page);
        self.add_chart(&mut page);
        self.add_failures(&mut page);
        self.add_exports(&mut page);
        for (index, warning) in self.warnings.iter().enumerate() {
            let head = if index == 0 { "<h2>Warnings</h2>\n" } else { "" };
            let _ = writeln!(page, "{head}<p>{}</p>", escape(warning));
        }
        let _ = write!(page, "<script>\n{}</script>\n</body>\n</html>\n", include_str!("page.js"));
        page
    }

    /// The run beside the one before it.
    fn add_comparison(&self, page: &mut String) {
        let Some(earlier) = &self.earlier else { return };
        let _ = write!(
            page,
            "<h2>The same list before</h2>\n<div class=\"scroll\"><table class=\"compared\">\n<tr><th></th>\
             <th class=\"number\">this</th><th class=\"number\">before</th></tr>\n"
        );
        let of = |report: &Self| {
            [
                ("batch", report.id.clone()),
                ("begun", format!("{:.0}", report.began)),
                ("done", (report.counts.done + report.counts.skipped).to_string()),
                ("failed", report.counts.failed.to_string()),
                ("not ended", (report.counts.waiting + report.counts.open).to_string()),
                ("time", duration(report.time)),
                ("bytes", size(report.bytes)),
                ("requests", report.requests.to_string()),
                ("throttled (429)", report.throttled.to_string()),
            ]
        };
        for ((name, this), (_, before)) in of(self).into_iter().zip(of(earlier)) {
            let (this, before) = (escape(&this), escape(&before));
            let _ = writeln!(
                page,
                "<tr><td>{name}</td><td class=\"number\">{this}</td><td class=\"number\">{before}</td></tr>"
            );
        }
        page.push_str("</table></div>\n");
    }

    /// The files that were done over time, and the failures on top of them.
    fn add_chart(&self, page: &mut String) {
        let ends = self.ends(PARTS);
        let most = ends.iter().map(|(done, failed)| done + failed).max().unwrap_or_default().max(1);
        let _ = write!(
            page,
            "<h2>Files done and failures over time</h2>\n<svg viewBox=\"0 0 {} 100\" \
             preserveAspectRatio=\"none\" role=\"img\" aria-label=\"at most {most} exports at once\">\n",
            PARTS * 10
        );
        for (index, (done, failed)) in ends.into_iter().enumerate() {
            let mut bottom = 100.0;
            for (count, class) in [(done, "done"), (failed, "bad")] {
                if count == 0 {
                    continue;
                }
                let height = count as f64 * 100.0 / most as f64;
                bottom -= height;
                let left = index * 10;
                let _ = writeln!(
                    page,
                    "<rect class=\"{class}\" x=\"{left}\" y=\"{bottom:.1}\" width=\"9\" height=\"{height:.1}\"/>"
                );
            }
        }
        page.push_str("</svg>\n");
    }

    fn add_failures(&self, page: &mut String) {
        let failures = self.failures();
        if failures.is_empty() {
            return;
        }
        page.push_str(
            "<h2>Failures by reason</h2>\n<div class=\"scroll\"><table class=\"failures\">\n\
             <tr><th class=\"number\">exports</th><th>reason</th><th>rows</th><th>what to do</th></tr>\n",
        );
        for group in failures {
            let (count, reason) = (group.rows.len(), escape(&group.reason));
            let (rows, advice) = (row_names(&group.rows), escape(&group.failure.advice.join("; ")));
            let _ = writeln!(
                page,
                "<tr><td class=\"number\">{count}</td><td class=\"failed\">{reason}</td>\
                 <td>{rows}</td><td>{advice}</td></tr>"
            );
        }
        page.push_str("</table></div>\n");
    }

    fn add_exports(&self, page: &mut String) {
        page.push_str("<h2>Exports</h2>\n<p class=\"legend\">");
        for (_, name) in PHASES {
            let _ = write!(page, "<span><i class=\"{name}\"></i>{name}</span>");
        }
        page.push_str(
            "</p>\n<input id=\"search\" type=\"search\" placeholder=\"Search: row, name, status, reason\" \
             aria-label=\"Search\"> <span id=\"shown\" class=\"faint\"></span>\n\
             <div class=\"scroll\"><table id=\"exports\">\n<thead><tr>",
        );
        let before: HashMap<&str, &ReportRow> = self
            .earlier
            .iter()
            .flat_map(|it| &it.rows)
            .map(|row| (row.subject.as_str(), row))
            .collect();
        for (name, class) in [
            ("row", "number"),
            ("export", "subject"),
            ("status", ""),
            ("bytes", "number"),
            ("time", "number"),
            ("before", "number"),
            ("from submit to file", "timeline"),
        ] {
            let is_shown = name != "before" || self.earlier.is_some();
            if is_shown {
                let _ = write!(
                    page,
                    "<th class=\"{class}\"><button type=\"button\">{name}</button></th>"
                );
            }
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            let before = self.earlier.as_ref().map(|_| before.get(row.subject.as_str()).copied());
            self.add_row(page, row, before);
        }
        page.push_str("</tbody>\n</table></div>\n");
    }

    fn add_row(&self, page: &mut String, row: &ReportRow, before: Option<Option<&ReportRow>>) {
        let status = row.status.as_str();
        let class = if row.status == RowStatus::Failed { " class=\"failed\"" } else { "" };
        let about = match (&row.failure, &row.file) {
            (Some(failure), _) => format!("<br><small>{}</small>", escape(&reason(failure))),
            (None, Some(file)) => format!("<br><small class=\"faint\">{}</small>", escape(file)),
            (None, None) => String::new(),
        };
        let (subject, bytes) = (escape(&row.subject), size(row.bytes));
        let _ = write!(
            page,
            "<tr><td class=\"number\">{}</td><td>{subject}{about}</td><td{class}>{status}</td>\
             <td class=\"number\" data-key=\"{}\">{bytes}</td>",
            row.number, row.bytes
        );
        for time in [Some(Some(row)), before].into_iter().flatten() {
            let time = time.map(ReportRow::time);
            let key = time.unwrap_or_default().as_millis();
            let time = time.map(duration).unwrap_or_default();
            let _ = write!(page, "<td class=\"number\" data-key=\"{key}\">{time}</td>");
        }
        self.add_bar(page, row);
        page.push_str("</tr>\n");
    }

    /// The bar of an export, in the time of the whole run.
    fn add_bar(&self, page: &mut String, row: &ReportRow) {
        let whole = between(self.began, self.ended).as_secs_f64().max(0.001);
        let percent = |time: Duration| time.as_secs_f64() * 100.0 / whole;
        let start = row.began.map(|began| between(self.began, began)).unwrap_or_default();
        let names = PHASES.into_iter().filter(|(phase, _)| !row.of(*phase).is_zero());
        let names = names.map(|(phase, name)| format!("{name} {}", duration(row.of(phase))));
        let names = names.collect::<Vec<_>>().join(", ");
        let _ = write!(
            page,
            "<td data-key=\"{}\"><div class=\"bar\" title=\"{names}\"><i style=\"width:{:.2}%;min-width:0\"></i>",
            start.as_millis(),
            percent(start)
        );
        for (phase, name) in PHASES {
            let time = row.of(phase);
            if !time.is_zero() {
                let width = percent(time);
                let _ = write!(page, "<i class=\"{name}\" style=\"width:{width:.2}%\"></i>");
            }
        }
        page.push_str("</div></td>");
    }
}

/// Escapes a text, which may be of the service, for an element or an attribute.
fn escape(text: &str) -> String {
    let text = sanitize(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
