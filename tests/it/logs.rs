//! All that is logged in this process, by `tracing` and by `log`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

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

/// What was logged, by who logged it.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    lines: BTreeMap<String, String>,
    /// The latest bytes that ureq has printed in each thread, and what was found in there.
    dumps: HashMap<ThreadId, String>,
    dumped: BTreeSet<&'static str>,
}

/// What is good for longer than an hour. It is not even in a dump of all bytes.
const LONG_LIVED: [&str; 2] = [SECRET, TOKEN];

/// Who prints at the lowest level what it should not: every byte of what it sends, but for bodies
/// and the token, and of what it gets; and the URLs of requests and of redirects. Both take their level from the program, and a library has no way
/// to keep them silent; the documentation of `export-ureq` says what to do.
pub(crate) const KNOWN_AT_TRACE: [&str; 2] = ["ureq_proto::util", "ureq::run"];

static LOGGED: LazyLock<Mutex<Logged>> = LazyLock::new(Mutex::default);

/// Keeps what is logged from now on: by `log` from this level on, by `tracing` all of it.
pub(crate) fn keep(level: LevelFilter) {
    static SET: LazyLock<()> = LazyLock::new(|| {
        tracing::subscriber::set_global_default(Keeper).unwrap();
        log::set_logger(&Keeper).unwrap();
    });
    LazyLock::force(&SET);
    log::set_max_level(level);
}

/// What has been kept so far.
pub(crate) fn take() -> Logged {
    std::mem::take(&mut LOGGED.lock().unwrap())
}

struct Keeper;

fn note(target: &str, line: &str) {
    let mut logged = LOGGED.lock().unwrap();
    let lines = logged.lines.entry(target.to_owned()).or_default();
    lines.push_str(line);
    lines.push('\n');
}

thread_local! {
    /// How many rows of a dump have come in one piece.
    static ROWS: Cell<usize> = const { Cell::new(0) };
}

/// What comes behind is the body of an answer, of which there are a hundred megabytes.
const ROWS_OF_A_HEAD: usize = 500;

/// Notes a row of a dump, which cuts in two whatever is in it.
fn note_row(row: &str) {
    const WIDTH: usize = 16;
    let Some(bytes) = row.len().checked_sub(WIDTH).and_then(|at| row.get(at..)) else { return };
    let mut logged = LOGGED.lock().unwrap();
    let Logged { lines, dumps, dumped } = &mut *logged;
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

impl Subscriber for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        static LAST: AtomicU64 = AtomicU64::new(1);
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        note(span.metadata().target(), &line);
        Id::from_u64(LAST.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = String::new();
        values.record(&mut Fields(&mut line));
        note("what spans record", &line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut Fields(&mut line));
        note(event.metadata().target(), &line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Keeper {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        match record.target() {
            "ureq_proto::util" => {
                ROWS.set(ROWS.get() + 1);
                if ROWS.get() < ROWS_OF_A_HEAD {
                    note_row(&record.args().to_string());
                }
            }
            target => {
                ROWS.set(0);
                note(target, &record.args().to_string());
            }
        }
    }

    fn flush(&self) {}
}

impl Logged {
    /// Panics unless each of these has logged something.
    pub(crate) fn assert_has(&self, who: &[&str]) {
        for who in who {
            let has = self.lines.keys().any(|target| target.split("::").next() == Some(who));
            assert!(has, "{who} has logged nothing: is it listened to?");
        }
    }

    /// What was found in dumps of all bytes.
    pub(crate) fn dumped(&self) -> &BTreeSet<&'static str> {
        &self.dumped
    }

    /// Who has logged one of these, with an example of it.
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
