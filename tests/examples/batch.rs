//! Runs `wexport batch` over real sockets, and checks the result against the requests that the
//! simulated service has received. Run by `cargo xtask batch`.
//!
//! ```text
//! batch --wexport PROGRAM [--exports N] [--rate R] [--faults SHARE] [--failing N] [--kill SECONDS]
//!       [--seed S]
//! ```
//!
//! The service allows R polls per second, injects faults into a share of the requests, and lets N
//! exports fail. With `--kill`, the program is killed with SIGKILL about every SECONDS and resumed.
//! At the end, `jobs resume --failed` is repeated until all exports are completed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{Config, Endpoint, Fault, Nth, Rule, Scenario, Server};
use http::StatusCode;

/// The number of runs after which the test fails.
const MAX_RUNS: u32 = 200;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).map(String::as_str)
    };
    let number = |name: &str| value(name).and_then(|value| value.parse::<f64>().ok());
    let test = BatchTest {
        wexport: program(value("--wexport")),
        exports: number("--exports").map_or(1_000, |number| number as u64),
        rate: number("--rate").unwrap_or(5.0),
        faults: number("--faults").unwrap_or(0.03),
        failing: number("--failing").map_or(0, |number| number as u64),
        kill: number("--kill").map(Duration::from_secs_f64),
        seed: number("--seed").map_or(1, |number| number as u64),
    };
    let report = test.run();
    print!("{}", report.text);
    if report.is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The absolute path of the program, which is run in another folder.
fn program(path: Option<&str>) -> PathBuf {
    let path = path.expect("--wexport is required");
    fs::canonicalize(path).expect("the program exists")
}

struct BatchTest {
    wexport: PathBuf,
    exports: u64,
    rate: f64,
    faults: f64,
    failing: u64,
    kill: Option<Duration>,
    seed: u64,
}

struct Report {
    text: String,
    is_success: bool,
}

impl BatchTest {
    fn service(&self) -> Config {
        let mut scenario = Scenario::default();
        if self.faults > 0.0 {
            scenario = Scenario::random(self.seed, self.faults);
        }
        // Spreads the failures over the run: every tenth poll, starting with the fifth.
        for index in 0..self.failing {
            let fault = serde_json::from_str(r#"{"fault": "end_operation"}"#);
            let fault: Fault = fault.expect("the fault is valid");
            let nth = Nth::Only(5 + 10 * index);
            scenario = scenario.with_rule(Rule::new(Endpoint::Operation, fault).on(nth));
        }
        Config::default()
            .with_client("an-id", "a-secret")
            .with_operations_rate(self.rate)
            .with_retry_after(1)
            .with_complete_after(Duration::from_secs(2))
            .with_artifact_size(20_000)
            .with_record_limit(usize::MAX)
            .with_seed(self.seed)
            .with_scenario(scenario)
    }

    fn run(&self) -> Report {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let server = Server::start_blocking(self.service()).expect("the service starts");
        self.write_list(folder.path());
        let (began, mut kills, mut runs) = (Instant::now(), 0, 1);
        let mut random = fastrand::Rng::with_seed(self.seed);
        let list = ["batch", "list.csv", "-o", "{id}.{ext}", "--results", "results.jsonl"];
        let mut code = self.run_process(&server, folder.path(), &list, &mut random, &mut kills);
        let first = (code, count_files(folder.path(), ".pdf"));
        while code != Some(0) && runs < MAX_RUNS {
            // Repeating a submit is harmless, because these exports send no email.
            let resume = ["jobs", "resume", "--failed", "--resubmit", "always"];
            code = self.run_process(&server, folder.path(), &resume, &mut random, &mut kills);
            runs += 1;
        }
        let run = Run { elapsed: began.elapsed(), kills, runs, first };
        self.evaluate(&server, folder.path(), run)
    }

    fn write_list(&self, folder: &Path) {
        let mut list = String::from("kind,id,format\n");
        for export in 0..self.exports {
            list.push_str(&format!("document,d{export},pdf\n"));
        }
        fs::write(folder.join("list.csv"), list).expect("the list can be written");
    }

    /// Runs a process until it ends or is killed.
    fn run_process(
        &self,
        server: &Server,
        folder: &Path,
        args: &[&str],
        random: &mut fastrand::Rng,
        kills: &mut u32,
    ) -> Option<i32> {
        let mut child = Command::new(&self.wexport)
            .args(args)
            .args(["--quiet", "--retries", "20"])
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("WEXPORT_STATE_DIR", folder.join("state"))
            .env("WEXPORT_BASE_URL", server.url())
            .env("WORKIVA_CLIENT_ID", "an-id")
            .env("WORKIVA_CLIENT_SECRET", "a-secret")
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts");
        let Some(interval) = self.kill else { return wait(&mut child) };
        let until = Instant::now() + interval.mul_f64(0.5 + random.f64());
        while Instant::now() < until {
            if let Ok(Some(status)) = child.try_wait() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        *kills += 1;
        wait(&mut child)
    }

    /// Compares the files with the exports and requests that the service has recorded.
    fn evaluate(&self, server: &Server, folder: &Path, run: Run) -> Report {
        let mut correct = BTreeMap::new();
        let mut starts: BTreeMap<String, u32> = BTreeMap::new();
        for export in server.exports() {
            let content = export.content().to_bytes().unwrap_or_default();
            let file = fs::read(folder.join(format!("{}.pdf", export.source())));
            *correct.entry(export.source().to_owned()).or_insert(false) |=
                file.is_ok_and(|file| file == *content);
            *starts.entry(export.source().to_owned()).or_default() += 1;
        }
        let requests = server.requests();
        let count = |endpoint| requests.iter().filter(move |it| it.endpoint() == endpoint).count();
        let too_many = Some(StatusCode::TOO_MANY_REQUESTS);
        let throttled = requests.iter().filter(|it| it.status() == too_many);
        let throttled = throttled.filter(|it| it.faults().is_empty()).count();
        // A submit may be repeated only if its response was lost or its export has failed.
        let failed: BTreeSet<&str> = requests
            .iter()
            .filter(|it| it.faults().contains(&"end_operation"))
            .filter_map(|it| it.operation())
            .collect();
        let mut accepted = BTreeSet::new();
        let mut repeated = 0;
        for submit in requests.iter().filter(|it| it.endpoint() == Endpoint::Submit) {
            repeated += u32::from(accepted.contains(submit.target()));
            let has_failed = submit.operation().is_some_and(|operation| failed.contains(operation));
            let is_received =
                submit.status() == Some(StatusCode::ACCEPTED) && submit.faults().is_empty();
            if is_received && !has_failed {
                accepted.insert(submit.target().to_owned());
            }
        }
        let files = correct.values().filter(|is_correct| **is_correct).count() as u64;
        let parts = count_files(folder, ".part");
        let rows = fs::read_to_string(folder.join("results.jsonl")).unwrap_or_default();
        let rows = rows.lines().count() as u64;
        let restarted = starts.values().filter(|starts| **starts > 1).count();
        let seconds = run.elapsed.as_secs_f64();
        let polls = count(Endpoint::Operation);
        let text = format!(
            "{} exports, limit {} polls/s, {:.0} % of requests fail, {} exports fail\n\
             elapsed                     {seconds:.1} s\n\
             processes                   {}, {} killed\n\
             first process               exit code {}, {} files\n\
             correct files               {files}\n\
             result rows                 {rows}\n\
             part files left             {parts}\n\
             submits                     {}\n\
             wrongly repeated submits    {repeated}\n\
             exports started repeatedly  {restarted} (the response was lost, or the export failed)\n\
             polls                       {polls} ({:.2}/s)\n\
             429 by the rate limit       {throttled}\n\
             token requests              {}\n",
            self.exports,
            self.rate,
            self.faults * 100.0,
            self.failing,
            run.runs,
            run.kills,
            run.first.0.map_or_else(|| "none".into(), |code| code.to_string()),
            run.first.1,
            count(Endpoint::Submit),
            polls as f64 / seconds,
            count(Endpoint::Token),
        );
        let is_success =
            files == self.exports && rows >= self.exports && parts == 0 && repeated == 0;
        Report { text, is_success }
    }
}

struct Run {
    elapsed: Duration,
    kills: u32,
    runs: u32,
    /// The exit code of the first process, if it was not killed, and the number of files it wrote.
    first: (Option<i32>, usize),
}

/// The number of files in a folder with this suffix.
fn count_files(folder: &Path, suffix: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix)).count()
}

fn wait(child: &mut Child) -> Option<i32> {
    child.wait().ok().and_then(|status| status.code())
}
