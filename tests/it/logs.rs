//! Captures all log output of this process, by `tracing` and by `log`.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread::{self, ThreadId};

use conformance::{SECRET, TOKEN};
use log::LevelFilter;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The captured log lines, by their target.
#[derive(Debug, Default)]
pub(crate) struct CapturedLogs {
    lines: BTreeMap<String, String>,
    /// The latest bytes of the hex dumps of ureq, for each thread.
    dumps: HashMap<ThreadId, String>,
    /// The long-lived secrets found in the hex dumps.
    dumped: BTreeSet<&'static str>,
}

/// Secrets that are valid for longer than an hour. They must not be in the hex dumps either.
const LONG_LIVED: [&str; 2] = [SECRET, TOKEN];

/// Targets that log secrets if TRACE is enabled for them: the first dumps all bytes that are
/// received, and those that are sent except bodies, the token and URLs; the second logs the
/// `Location` of redirects. Only the program can set their levels, not a library. The documentation
/// of `export-ureq` describes how.
pub(crate) const KNOWN_AT_TRACE: [&str; 2] = ["ureq_proto::util", "ureq::run"];

static CAPTURED: LazyLock<Mutex<CapturedLogs>> = LazyLock::new(Mutex::default);

/// Captures all log output from now on: up to this level from `log`, all of it from `tracing`.
pub(crate) fn capture(level: LevelFilter) {
    static SET: LazyLock<()> = LazyLock::new(|| {
        tracing::subscriber::set_global_default(CaptureLogger).unwrap();
        log::set_logger(&CaptureLogger).unwrap();
    });
    LazyLock::force(&SET);
    log::set_max_level(level);
}

/// Returns the logs captured so far, and removes them.
pub(crate) fn take() -> CapturedLogs {
    std::mem::take(&mut CAPTURED.lock().unwrap())
}

struct CaptureLogger;

fn add_line(target: &str, line: &str) {
    let mut captured = CAPTURED.lock().unwrap();
    let lines = captured.lines.entry(target.to_owned()).or_default();
    lines.push_str(line);
    lines.push('\n');
}

thread_local! {
    /// The number of consecutive rows of a hex dump.
    static ROWS: Cell<usize> = const { Cell::new(0) };
}

/// The number of rows of a hex dump to search. Further rows are the body of a response, which can
/// have a hundred megabytes.
const MAX_ROWS: usize = 500;

/// Adds a row of a hex dump. Secrets can be split over several rows.
fn add_dump_row(row: &str) {
    const WIDTH: usize = 16;
    let Some(bytes) = row.len().checked_sub(WIDTH).and_then(|at| row.get(at..)) else { return };
    let mut captured = CAPTURED.lock().unwrap();
    let CapturedLogs { lines, dumps, dumped } = &mut *captured;
    lines.entry("ureq_proto::util".to_owned()).or_default();
    let dump = dumps.entry(thread::current().id()).or_default();
    dump.push_str(bytes);
    dumped.extend(LONG_LIVED.iter().filter(|secret| dump.contains(**secret)));
    if dump.len() > 4 * WIDTH {
        *dump = dump.split_off(WIDTH);
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for CaptureLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        static LAST: AtomicU64 = AtomicU64::new(1);
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        add_line(span.metadata().target(), &line);
        Id::from_u64(LAST.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = String::new();
        values.record(&mut Fields(&mut line));
        add_line("span fields", &line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut Fields(&mut line));
        add_line(event.metadata().target(), &line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for CaptureLogger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        match record.target() {
            "ureq_proto::util" => {
                ROWS.set(ROWS.get() + 1);
                if ROWS.get() < MAX_ROWS {
                    add_dump_row(&record.args().to_string());
                }
            }
            target => {
                ROWS.set(0);
                add_line(target, &record.args().to_string());
            }
        }
    }

    fn flush(&self) {}
}

impl CapturedLogs {
    /// Panics unless each of these crates has logged something, to detect logs that are not
    /// captured.
    pub(crate) fn assert_has(&self, crates: &[&str]) {
        for krate in crates {
            let has = self.lines.keys().any(|target| target.split("::").next() == Some(krate));
            assert!(has, "no log output of {krate}");
        }
    }

    /// The long-lived secrets found in hex dumps.
    pub(crate) fn dumped(&self) -> &BTreeSet<&'static str> {
        &self.dumped
    }

    /// The targets that have logged one of these secrets, with an example of a line.
    pub(crate) fn find(&self, secrets: &BTreeSet<&String>) -> BTreeMap<&str, &str> {
        assert!(secrets.len() > 3, "{secrets:?}");
        let mut found = BTreeMap::new();
        for (target, lines) in &self.lines {
            for secret in secrets {
                if let Some(at) = lines.find(secret.as_str()) {
                    let start = lines[..at].rfind('\n').map_or(0, |at| at + 1);
                    let line = lines[start..].lines().next().unwrap_or_default();
                    found.insert(target.as_str(), line);
                }
            }
        }
        found
    }
}
