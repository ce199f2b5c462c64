//! `--metrics`: a file for the textfile collector of Prometheus's node exporter.

use std::fmt::Write;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use export_hyper::Timestamp;

use super::summary::Summary;
use crate::problem::Exit;
use crate::run_facts::RunFacts;

/// The metric that a failed command keeps from the file of the command before it.
const LAST_SUCCESS: &str = "wexport_last_success_timestamp_seconds";

/// Writes the metrics of a command that has ended. The file is replaced in one step: the collector may
/// read it at any moment.
pub(super) fn write(path: &Path, summary: &Summary<'_>, ended: Timestamp) -> io::Result<()> {
    let last_success = match summary.exit {
        Exit::Done => Some(seconds(ended)),
        // What cannot be read is no metric.
        _ => fs::read_to_string(path).ok().and_then(|text| value_of(&text)),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // The collector reads *.prom only, as another user.
    builder.prefix(".wexport-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(text(summary, ended, last_success).as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn text(summary: &Summary<'_>, ended: Timestamp, last_success: Option<f64>) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(&str, f64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let count = |count: fn(&RunFacts) -> u64| summary.sum(count) as f64;
    gauge(
        "wexport_exit_code",
        "Exit code of the last command.",
        &[("", summary.exit.code().into())],
    );
    gauge(
        "wexport_end_timestamp_seconds",
        "Time at which the last command ended.",
        &[("", seconds(ended))],
    );
    if let Some(last_success) = last_success {
        let help = "Time at which the last command with exit code 0 ended.";
        gauge(LAST_SUCCESS, help, &[("", last_success)]);
    }
    let duration = summary.time.as_secs_f64();
    gauge("wexport_duration_seconds", "Duration of the last command.", &[("", duration)]);
    gauge(
        "wexport_exports",
        "Exports of the last command, by how they ended.",
        &[
            ("{status=\"done\"}", count(|run| run.ended.done)),
            ("{status=\"skipped\"}", count(|run| run.ended.skipped)),
            ("{status=\"failed\"}", count(|run| run.ended.failed)),
            ("{status=\"left\"}", count(RunFacts::left)),
        ],
    );
    gauge(
        "wexport_file_bytes",
        "Bytes of the files of the last command.",
        &[("", count(|run| run.bytes))],
    );
    gauge(
        "wexport_requests",
        "Requests of the exports of the last command.",
        &[("", count(|run| run.requests))],
    );
    gauge(
        "wexport_throttled_responses",
        "Responses with 429 (too many requests).",
        &[("", count(|run| run.throttled))],
    );
    text
}

fn value_of(text: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS)?.strip_prefix(' '));
    value?.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

/// A time in seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    let since: Duration = at.since(Timestamp::EPOCH);
    since.as_secs_f64()
}
