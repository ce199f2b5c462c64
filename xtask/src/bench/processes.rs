//! Separate commands that run at once, compared with one batch of the same exports: they share the limit
//! of the service, so that they should take as long.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::many::write_list;
use crate::shell::{Simulator, TaskResult, cargo, run, target};

const EXPORTS: usize = 40;

/// Polls a second. Exports take 1 to 20 seconds.
const RATE: &str = "1";

/// How many of the commands are killed, and how many are frozen until the others are done.
const KILLED: usize = 5;
const FROZEN: usize = 5;

/// The time between two of these.
const DISTURB_EVERY: Duration = Duration::from_secs(1);

/// The goals: the time compared with the batch, the number of 429s, and the longest time between two
/// requests of an export compared with that which all exports need for one poll each.
const LONGEST: f64 = 1.15;
const MOST_REFUSED: usize = 3;
const LONGEST_WAIT: f64 = 1.2;

/// Measures a batch and separate commands, and fails if these do not reach the goals.
pub(crate) fn processes(exports: Option<&str>) -> TaskResult {
    let exports = super::sizes(exports, &[EXPORTS])?.into_iter().sum::<usize>();
    run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    println!("{exports} exports of 1 to 20 s, {RATE} poll a second");
    println!("{:<42} {:>8} {:>8} {:>5} {:>12}", "", "time", "batch=1", "429s", "longest wait");
    let mut missed = Vec::new();
    for (limit, flags) in [("known", &["--poll-rate", "1/s"][..]), ("unknown", &[])] {
        let batch = measure(Kind::Batch, exports, flags)?;
        let mut print = |kind: &str, measured: &Measured| {
            let ratio = measured.time.as_secs_f64() / batch.time.as_secs_f64();
            let Measured { time, refused, longest_wait } = measured;
            println!(
                "{:<42} {:>7.1}s {ratio:>8.2} {refused:>5} {:>11.1}s",
                format!("{kind}, limit {limit}"),
                time.as_secs_f64(),
                longest_wait.as_secs_f64()
            );
            let waits = longest_wait.as_secs_f64() / exports as f64;
            if ratio > LONGEST || *refused > MOST_REFUSED || waits > LONGEST_WAIT {
                missed.push(format!("{kind}, limit {limit}"));
            }
        };
        print("one batch", &batch);
        print("processes", &measure(Kind::Processes { disturbed: false }, exports, flags)?);
        let disturbed = format!("processes, {KILLED} killed, {FROZEN} frozen");
        print(&disturbed, &measure(Kind::Processes { disturbed: true }, exports, flags)?);
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", missed.join("; "))) }
}

#[derive(Clone, Copy)]
enum Kind {
    Batch,
    Processes { disturbed: bool },
}

struct Measured {
    /// Until the last file, of those that were not frozen.
    time: Duration,
    refused: usize,
    /// Between two requests of an export that was not disturbed.
    longest_wait: Duration,
}

fn measure(kind: Kind, exports: usize, flags: &[&str]) -> TaskResult<Measured> {
    let args = ["--operations-rate", RATE, "--complete-after", "1s..20s", "--retry-after", "1"];
    let simulator =
        Simulator::start("release", &[&args[..], &["--artifact-size", "10000"]].concat())?;
    let folder = target("bench-processes");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let state = folder.join("state");
    let wexport = |line: &[&str]| {
        let mut command = Command::new(target("release").join("wexport"));
        command.args(line).args(flags).arg("--quiet").arg("--state").arg(&state);
        command.env("WEXPORT_BASE_URL", &simulator.url).env("WORKIVA_TOKEN", "t0ken");
        command.current_dir(&folder).stdin(Stdio::null());
        command.spawn().map_err(|error| format!("cannot start wexport: {error}"))
    };
    let began = Instant::now();
    let time = match kind {
        Kind::Batch => {
            write_list(&folder.join("list.csv"), exports).map_err(|error| error.to_string())?;
            finish(wexport(&["batch", "list.csv", "--output", "{id}.pdf"])?)?;
            began.elapsed()
        }
        Kind::Processes { disturbed } => {
            let start = |number| {
                let (id, file) = (format!("{number:032x}"), format!("{number}.pdf"));
                wexport(&["document", &id, "--format", "pdf", "--output", &file])
            };
            let mut commands = (0..exports).map(start).collect::<TaskResult<Vec<_>>>()?;
            // These are frozen and killed in turns, and the others measured.
            let last = if disturbed { KILLED + FROZEN } else { 0 };
            let others = commands.split_off(last.min(commands.len()));
            for (number, command) in commands.iter().enumerate() {
                thread::sleep(DISTURB_EVERY);
                signal(command, if number % 2 == 0 { "-KILL" } else { "-STOP" })?;
            }
            others.into_iter().try_for_each(finish)?;
            let time = began.elapsed();
            for (number, mut command) in commands.into_iter().enumerate() {
                if number % 2 == 0 {
                    command.wait().map_err(|error| error.to_string())?;
                } else {
                    signal(&command, "-CONT")?;
                    finish(command)?;
                }
            }
            time
        }
    };
    let mut measured = Measured { time, refused: 0, longest_wait: Duration::ZERO };
    let disturbed = matches!(kind, Kind::Processes { disturbed: true });
    for log in logs(&state) {
        let is_own = |number| log.contains(&format!("{number:032x}"));
        measured.read(&log, disturbed && (0..KILLED + FROZEN).any(is_own));
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(measured)
}

impl Measured {
    /// Counts what the log of a run says. That of a batch does not tell of one export after the other.
    fn read(&mut self, log: &str, is_disturbed: bool) {
        let mut last = None;
        for line in log.lines() {
            self.refused += usize::from(line.contains("\"status\":429"));
            if line.contains("\"event\":\"sending\"") && !line.contains("\"row\":") && !is_disturbed
            {
                let now = millis(line);
                let wait = now.saturating_sub(last.replace(now).unwrap_or(now));
                self.longest_wait = self.longest_wait.max(Duration::from_millis(wait));
            }
        }
    }
}

/// The time of an event, `"at":"2026-11-27T18:57:43.489Z"`, in milliseconds since midnight.
fn millis(line: &str) -> u64 {
    let time = line.split_once("\"at\":\"").and_then(|(_, rest)| rest.split(['T', 'Z']).nth(1));
    let (time, millis) = time.map_or(("", "0"), |it| it.split_once('.').unwrap_or((it, "0")));
    let seconds = time.split(':').fold(0, |all, part| all * 60 + part.parse().unwrap_or(0));
    seconds * 1_000 + millis.parse().unwrap_or(0)
}

/// The logs of all runs.
fn logs(state: &Path) -> Vec<String> {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let runs = ["jobs", "batches"].into_iter().flat_map(|kind| entries(state.join(kind)));
    runs.filter_map(|run| fs::read_to_string(run.path().join("events.ndjson")).ok()).collect()
}

fn finish(mut command: Child) -> TaskResult {
    match command.wait() {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("wexport failed: {other:?}")),
    }
}

fn signal(command: &Child, name: &str) -> TaskResult {
    run(Command::new("kill").args([name, &command.id().to_string()]))
}
