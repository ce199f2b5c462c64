//! What a hook is told: a summary for people, and variables.

use std::fmt::Write;
use std::time::Duration;

use crate::problem::Exit;
use crate::run_facts::RunFacts;
use crate::text::{duration, sanitize, size};

/// The end of a command, with the runs that it had. Only `jobs resume` may have several, or none.
pub(super) struct Summary<'a> {
    pub(super) exit: Exit,
    runs: &'a [RunFacts],
    pub(super) time: Duration,
}

/// The variables of a hook, and what they are.
pub(crate) const VARIABLES: [(&str, &str); 14] = [
    ("WEXPORT_EXIT_CODE", "exit code (see `wexport help exit-codes`)"),
    ("WEXPORT_STATUS", "done, failed, or stopped by a signal"),
    ("WEXPORT_JOB", "ID of the job or batch; several of `jobs resume` are separated by a space"),
    ("WEXPORT_FILE", "file of a single export"),
    ("WEXPORT_ERROR", "the error in one sentence"),
    ("WEXPORT_EXPORTS", "number of exports"),
    ("WEXPORT_DONE", "number of those whose file is complete"),
    ("WEXPORT_SKIPPED", "number of those whose file existed and was kept"),
    ("WEXPORT_FAILED", "number of those that failed"),
    ("WEXPORT_LEFT", "number of those that have not ended"),
    ("WEXPORT_BYTES", "bytes of the files of this command"),
    ("WEXPORT_SECONDS", "duration of this command"),
    ("WEXPORT_REQUESTS", "number of requests of its exports"),
    ("WEXPORT_THROTTLED", "number of responses with 429 (too many requests)"),
];

impl<'a> Summary<'a> {
    pub(super) const fn new(exit: Exit, runs: &'a [RunFacts], time: Duration) -> Self {
        Self { exit, runs, time }
    }

    const fn status(&self) -> &'static str {
        match self.exit {
            Exit::Done => "done",
            Exit::Interrupted | Exit::Terminated => "stopped",
            _ => "failed",
        }
    }

    pub(super) fn sum(&self, count: impl Fn(&RunFacts) -> u64) -> u64 {
        self.runs.iter().map(count).sum()
    }

    /// The values of [`VARIABLES`]. Those without one are empty.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let ids: Vec<&str> = self.runs.iter().filter_map(|run| run.id.as_deref()).collect();
        let file = match self.runs {
            [run] if !run.is_batch => run.file.clone(),
            _ => None,
        };
        let error = self.runs.iter().find_map(|run| run.problem.as_ref());
        let values = [
            self.exit.code().to_string(),
            self.status().into(),
            ids.join(" "),
            file.unwrap_or_default(),
            error.map(|error| sanitize(&error.message).into_owned()).unwrap_or_default(),
            self.sum(|run| run.exports).to_string(),
            self.sum(|run| run.ended.done).to_string(),
            self.sum(|run| run.ended.skipped).to_string(),
            self.sum(|run| run.ended.failed).to_string(),
            self.sum(RunFacts::left).to_string(),
            self.sum(|run| run.bytes).to_string(),
            format!("{:.3}", self.time.as_secs_f64()),
            self.sum(|run| run.requests).to_string(),
            self.sum(|run| run.throttled).to_string(),
        ];
        // A variable cannot have a zero byte.
        let values = values.map(|value| value.replace('\0', "?"));
        VARIABLES.into_iter().map(|(name, _)| name).zip(values).collect()
    }

    /// The summary in lines, as for a mail.
    pub(super) fn text(&self) -> String {
        let mut text = format!("wexport: {}", self.status());
        if self.exit != Exit::Done {
            let _ = write!(text, " (exit code {})", self.exit.code());
        }
        text.push('\n');
        for run in self.runs {
            add_run(&mut text, run);
        }
        let (bytes, requests) = (self.sum(|run| run.bytes), self.sum(|run| run.requests));
        let throttled = match self.sum(|run| run.throttled) {
            0 => String::new(),
            count => format!(", {count} of them throttled (429)"),
        };
        let time = duration(self.time);
        let _ = writeln!(text, "{time}, {}, {requests} requests{throttled}", size(bytes));
        for run in self.runs {
            add_failures(&mut text, run);
        }
        text
    }
}

fn add_run(text: &mut String, run: &RunFacts) {
    let kind = if run.is_batch { "batch" } else { "job" };
    let mut parts = Vec::new();
    parts.extend(run.id.as_ref().map(|id| format!("{kind} {id}")));
    parts.extend(run.what.clone());
    if run.is_batch {
        let counts = [
            (run.ended.done, "done"),
            (run.ended.skipped, "skipped"),
            (run.ended.failed, "failed"),
            (run.left(), "left"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, name)| format!("{count} {name}")).collect();
        parts.push(format!("{} exports: {}", run.exports, counts.join(", ")));
    } else {
        parts.extend(run.file.clone());
    }
    if !parts.is_empty() {
        let _ = writeln!(text, "{}", sanitize(&parts.join(": ")));
    }
}

fn add_failures(text: &mut String, run: &RunFacts) {
    let mut blocks = run.failures.clone();
    // Only the failures of this command have lines, and not all of a large batch.
    let more = run.ended.failed.saturating_sub(blocks.len() as u64);
    if run.is_batch && more > 0 {
        blocks.push(format!("{more} more exports failed"));
    }
    blocks.extend(run.problem.as_ref().map(|problem| problem.to_string().trim_end().to_owned()));
    for block in blocks {
        let _ = write!(text, "\n{block}\n");
    }
}
