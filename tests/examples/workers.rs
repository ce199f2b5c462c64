//! Runs three `wexport work` over real sockets and kills one each second, beside one batch that is not
//! disturbed, and checks the files against the requests that the simulated service has received. Run by
//! `cargo xtask workers`.
//!
//! ```text
//! workers --wexport PROGRAM [--exports N] [--rate R]
//! ```
//!
//! The service allows R polls per second, which the program knows, and an export takes 2 to 6 seconds.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{Completion, Config, Endpoint, RecordedRequest, Server};
use http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use test_servers::Postgres;

const WORKERS: usize = 3;

/// The time between two kills. A worker is started for each that is killed.
const KILL_EVERY: Duration = Duration::from_secs(1);

/// The time after which the exports of a killed worker are taken over.
const LEASE: &str = "2s";

/// The service has no limit of submits. Otherwise each run would begin with finding that out.
const SUBMIT_RATE: &str = "20/s";

/// More 429s than these few are a failure.
const MOST_REFUSED: usize = 3;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).map(String::as_str)
    };
    let Some(postgres) = Postgres::start() else { return ExitCode::FAILURE };
    let test = WorkersTest {
        wexport: fs::canonicalize(value("--wexport").expect("--wexport is required"))
            .expect("the program exists"),
        exports: value("--exports").map_or(100, |number| number.parse().expect("a number")),
        rate: value("--rate").map_or(5.0, |number| number.parse().expect("a number")),
        postgres,
    };
    println!(
        "{} exports of 2 to 6 s, {} polls a second, a lease of {LEASE}",
        test.exports, test.rate
    );
    println!(
        "{:<30} {:>7} {:>6} {:>8} {:>12} {:>11} {:>5} {:>6} {:>10} {:>6}",
        "",
        "time",
        "files",
        "submits",
        "resubmitted",
        "unconfirmed",
        "429s",
        "limit",
        "takeovers",
        "kills"
    );
    let are_right = [
        test.run("one batch", Drivers::Holder),
        test.run(&format!("{WORKERS} workers, one killed a second"), Drivers::KilledWorkers),
    ];
    if are_right.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct WorkersTest {
    wexport: PathBuf,
    exports: usize,
    rate: f64,
    postgres: Postgres,
}

/// What drives the exports.
#[derive(Clone, Copy, PartialEq)]
enum Drivers {
    Holder,
    KilledWorkers,
}

/// A service, a database and a folder of files.
struct Machines<'a> {
    test: &'a WorkersTest,
    server: Server,
    database: String,
    folder: TempDir,
}

impl WorkersTest {
    /// Runs the exports, prints a line, and returns whether all is right.
    fn run(&self, name: &str, drivers: Drivers) -> bool {
        let (from, to) = (Duration::from_secs(2), Duration::from_secs(6));
        let service = Config::default()
            .with_token("a-token")
            .with_operations_rate(self.rate)
            .with_retry_after(1)
            .with_completion(Completion::Uniform(from, to))
            .with_artifact_size(20_000)
            .with_record_limit(usize::MAX);
        let machines = Machines {
            test: self,
            server: Server::start_blocking(service).expect("the service starts"),
            database: self.postgres.database(),
            folder: tempfile::tempdir().expect("a temporary folder can be created"),
        };
        machines.write_list();
        let (began, mut kills) = (Instant::now(), 0);
        let for_workers = (drivers == Drivers::KilledWorkers).then_some("--for-workers");
        let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--key", "night"];
        let mut batch = machines.start(line.into_iter().chain(for_workers));
        if drivers == Drivers::KilledWorkers {
            kills = machines.kill_workers(&mut batch);
        }
        let ended = batch.wait().expect("the program ends");
        machines.evaluate(name, began.elapsed(), kills) && ended.success()
    }
}

impl Machines<'_> {
    fn write_list(&self) {
        let rows = (0..self.test.exports).map(|export| format!("document,d{export},pdf\n"));
        let list = format!("kind,id,format\n{}", rows.collect::<String>());
        fs::write(self.folder.path().join("list.csv"), list).expect("the list can be written");
    }

    fn start<'a>(&self, line: impl IntoIterator<Item = &'a str>) -> Child {
        let port = self.test.postgres.port();
        let state = format!("postgres://ada@127.0.0.1:{port}/{}", self.database);
        Command::new(&self.test.wexport)
            .args(line)
            .arg("--quiet")
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("WEXPORT_STATE", state)
            .env("PGPASSWORD", Postgres::PASSWORD)
            .env("WEXPORT_LEASE", LEASE)
            .env("WEXPORT_BASE_URL", self.server.url())
            .env("WORKIVA_TOKEN", "a-token")
            .env("WEXPORT_POLL_RATE", format!("{}/s", self.test.rate))
            .env("WEXPORT_SUBMIT_RATE", SUBMIT_RATE)
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// Kills a worker each second until the batch has ended. Returns how many.
    fn kill_workers(&self, batch: &mut Child) -> usize {
        let stored = "SELECT to_regclass('wexport.batches') IS NOT NULL";
        while self.sql(stored) != "t" || self.sql("SELECT count(*) FROM wexport.batches") != "1" {
            thread::sleep(Duration::from_millis(50));
        }
        let mut workers = [(); WORKERS].map(|()| self.start(["work"]));
        let mut kills = 0;
        while batch.try_wait().expect("the program is running").is_none() {
            thread::sleep(KILL_EVERY);
            let worker = &mut workers[kills % WORKERS];
            end(worker);
            *worker = self.start(["work"]);
            kills += 1;
        }
        workers.iter_mut().for_each(end);
        kills
    }

    fn sql(&self, sql: &str) -> String {
        self.test.postgres.sql(&self.database, sql).trim().to_owned()
    }

    /// The number of submits of each export that may have been sent, as its receipt says.
    fn recorded_submits(&self) -> HashMap<String, usize> {
        let outcomes = self.sql("SELECT outcome FROM wexport.export WHERE status = 'done'");
        let receipts = outcomes.lines().map(|outcome| {
            let outcome: Value = serde_json::from_str(outcome).expect("an outcome is JSON");
            let receipt = &outcome["receipt"];
            let submits = receipt["submits"].as_u64().expect("a receipt has its submits");
            (receipt["subject"]["id"].as_str().unwrap_or_default().to_owned(), submits as usize)
        });
        receipts.collect()
    }

    /// Compares the files with the exports and requests that the service has recorded.
    fn evaluate(&self, name: &str, elapsed: Duration, kills: usize) -> bool {
        let mut files = HashMap::new();
        let mut submits: HashMap<_, usize> = HashMap::new();
        for export in self.server.exports() {
            let content = export.content().to_bytes().unwrap_or_default();
            let file = fs::read(self.folder.path().join(format!("{}.pdf", export.source())));
            let is_right = file.is_ok_and(|file| file == *content);
            *files.entry(export.source().to_owned()).or_insert(false) |= is_right;
            *submits.entry(export.source().to_owned()).or_default() += 1;
        }
        let files = files.values().filter(|is_right| **is_right).count();
        let recorded = self.recorded_submits();
        // A worker may be killed after it has recorded a submit, and before it has sent it.
        let are_recorded = submits.iter().all(|(id, sent)| recorded.get(id) >= Some(sent));
        let sent: usize = submits.values().sum();
        let resubmitted = recorded.values().map(|submits| submits - 1).sum::<usize>();
        let requests = self.server.requests();
        let refused = Some(StatusCode::TOO_MANY_REQUESTS);
        let refused = requests.iter().filter(|request| request.status() == refused).count();
        let view = self.sql("SELECT unconfirmed, takeovers FROM wexport.batches");
        let (unconfirmed, takeovers) = view.split_once('|').unwrap_or_default();
        println!(
            "{name:<30} {:>6.1}s {files:>6} {sent:>8} {resubmitted:>12} {unconfirmed:>11} {refused:>5} \
             {:>5.0}% {takeovers:>10} {kills:>6}",
            elapsed.as_secs_f64(),
            self.share_used(&requests) * 100.0,
        );
        files == self.test.exports && are_recorded && refused <= MOST_REFUSED
    }

    /// The share of the limit that was used, from the first poll to the last.
    fn share_used(&self, requests: &[RecordedRequest]) -> f64 {
        let polls = requests.iter().filter(|request| request.endpoint() == Endpoint::Operation);
        let times: Vec<_> = polls.map(RecordedRequest::at).collect();
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
            return 0.0;
        };
        let allowed = last.since(*first).as_secs_f64() * self.test.rate;
        (times.len() - 1) as f64 / allowed
    }
}

fn end(worker: &mut Child) {
    worker.kill().and_then(|()| worker.wait()).expect("a worker ends");
}
