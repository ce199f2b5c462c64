//! `batch --wexport PROGRAM [--exports N] [--rate R] [--faults SHARE] [--failing N] [--kill SECONDS]
//! [--seed S]`: a whole run of `wexport batch` over real sockets, and a count of what the simulated
//! service has seen of it.
//!
//! The service allows R polls a second, does to a share of all requests what goes wrong with them,
//! and ends the first N exports as failed. The program is killed (`kill -9`) every so many seconds
//! and gone on with; in the end, `jobs resume --failed` is asked for until nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use export_sim::{Config, Endpoint, Fault, Nth, Rule, Scenario, Server};
use http::StatusCode;

/// Beyond this, something is wrong with the program.
const MOST_RUNS: u32 = 200;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let word = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).map(String::as_str)
    };
    let number = |name: &str| word(name).and_then(|word| word.parse::<f64>().ok());
    let night = Night {
        wexport: program(word("--wexport")),
        exports: number("--exports").map_or(1_000, |number| number as u64),
        rate: number("--rate").unwrap_or(5.0),
        faults: number("--faults").unwrap_or(0.03),
        failing: number("--failing").map_or(0, |number| number as u64),
        kill: number("--kill").map(Duration::from_secs_f64),
        seed: number("--seed").map_or(1, |number| number as u64),
    };
    let seen = night.pass();
    print!("{}", seen.told);
    if seen.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Where the program is, from whatever folder it is started.
fn program(word: Option<&str>) -> PathBuf {
    let path = word.expect("--wexport names the program");
    fs::canonicalize(path).expect("there is such a program")
}

struct Night {
    wexport: PathBuf,
    exports: u64,
    rate: f64,
    faults: f64,
    failing: u64,
    kill: Option<Duration>,
    seed: u64,
}

struct Seen {
    told: String,
    is_well: bool,
}

impl Night {
    fn service(&self) -> Config {
        let mut scenario = Scenario::default();
        if self.faults > 0.0 {
            scenario = Scenario::random(self.seed, self.faults);
        }
        // Spread over the whole run: every tenth poll from the fifth on.
        for failing in 0..self.failing {
            let fault = serde_json::from_str(r#"{"fault": "end_operation"}"#);
            let fault: Fault = fault.expect("there is such a fault");
            let nth = Nth::Only(5 + 10 * failing);
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

    fn pass(&self) -> Seen {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let server = Server::start_blocking(self.service()).expect("the service starts");
        self.write_list(folder.path());
        let (began, mut kills, mut runs) = (Instant::now(), 0, 1);
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let list = ["batch", "list.csv", "-o", "{id}.{ext}", "--results", "results.jsonl"];
        let mut code = self.run(&server, folder.path(), &list, &mut chance, &mut kills);
        let first = (code, files_in(folder.path(), ".pdf"));
        while code != Some(0) && runs < MOST_RUNS {
            // Nobody is mailed: a submit that was cut off again and again does no harm.
            let resume = ["jobs", "resume", "--failed", "--resubmit", "always"];
            code = self.run(&server, folder.path(), &resume, &mut chance, &mut kills);
            runs += 1;
        }
        self.judge(&server, folder.path(), Run { took: began.elapsed(), kills, runs, first })
    }

    fn write_list(&self, folder: &Path) {
        let mut list = String::from("kind,id,format\n");
        for export in 0..self.exports {
            list.push_str(&format!("document,d{export},pdf\n"));
        }
        fs::write(folder.join("list.csv"), list).expect("the list can be written");
    }

    /// One process, until its end or until it is killed.
    fn run(
        &self,
        server: &Server,
        folder: &Path,
        words: &[&str],
        chance: &mut fastrand::Rng,
        kills: &mut u32,
    ) -> Option<i32> {
        let mut child = Command::new(&self.wexport)
            .args(words)
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
        let Some(every) = self.kill else { return wait(&mut child) };
        let until = Instant::now() + every.mul_f64(0.5 + chance.f64());
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

    /// What is there now, against what the service has seen.
    fn judge(&self, server: &Server, folder: &Path, run: Run) -> Seen {
        let mut whole = BTreeMap::new();
        let mut times_started: BTreeMap<String, u32> = BTreeMap::new();
        for export in server.exports() {
            let bytes = export.content().to_bytes().unwrap_or_default();
            let there = fs::read(folder.join(format!("{}.pdf", export.source())));
            *whole.entry(export.source().to_owned()).or_insert(false) |=
                there.is_ok_and(|there| there == *bytes);
            *times_started.entry(export.source().to_owned()).or_default() += 1;
        }
        let requests = server.requests();
        let to = |endpoint| requests.iter().filter(move |it| it.endpoint() == endpoint).count();
        let too_many = Some(StatusCode::TOO_MANY_REQUESTS);
        let refused = requests.iter().filter(|it| it.status() == too_many);
        let refused = refused.filter(|it| it.faults().is_empty()).count();
        // A submit whose answer was lost may be sent again, and so may one whose export has failed;
        // no other one.
        let failed: BTreeSet<&str> = requests
            .iter()
            .filter(|it| it.faults().contains(&"end_operation"))
            .filter_map(|it| it.operation())
            .collect();
        let mut accepted = BTreeSet::new();
        let mut again = 0;
        for submit in requests.iter().filter(|it| it.endpoint() == Endpoint::Submit) {
            again += u32::from(accepted.contains(submit.target()));
            let has_failed = submit.operation().is_some_and(|operation| failed.contains(operation));
            let was_heard =
                submit.status() == Some(StatusCode::ACCEPTED) && submit.faults().is_empty();
            if was_heard && !has_failed {
                accepted.insert(submit.target().to_owned());
            }
        }
        let files = whole.values().filter(|is_whole| **is_whole).count() as u64;
        let strays = files_in(folder, ".part");
        let rows = fs::read_to_string(folder.join("results.jsonl")).unwrap_or_default();
        let rows = rows.lines().count() as u64;
        let twice = times_started.values().filter(|times| **times > 1).count();
        let seconds = run.took.as_secs_f64();
        let polls = to(Endpoint::Operation);
        let told = format!(
            "exports {}, {} polls a second allowed, {:.0} % of requests go wrong, {} fail\n\
             took                        {seconds:.1} s\n\
             processes                   {}, of which killed {}\n\
             of the first                exit code {}, {} files\n\
             files whole                 {files}\n\
             lines of results            {rows}\n\
             parts left                  {strays}\n\
             submits                     {}\n\
             submitted twice             {again}\n\
             exported more than once     {twice} (the answer was lost, or the export failed)\n\
             polls                       {polls} ({:.2} a second)\n\
             429 by the limit            {refused}\n\
             token requests              {}\n",
            self.exports,
            self.rate,
            self.faults * 100.0,
            self.failing,
            run.runs,
            run.kills,
            run.first.0.map_or_else(|| "none".into(), |code| code.to_string()),
            run.first.1,
            to(Endpoint::Submit),
            polls as f64 / seconds,
            to(Endpoint::Token),
        );
        let is_well = files == self.exports && rows >= self.exports && strays == 0 && again == 0;
        Seen { told, is_well }
    }
}

struct Run {
    took: Duration,
    kills: u32,
    runs: u32,
    /// The exit code of the first process, if it had one, and how many files were there then.
    first: (Option<i32>, usize),
}

/// How many files in a folder have a name that ends so.
fn files_in(folder: &Path, ending: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending)).count()
}

fn wait(child: &mut Child) -> Option<i32> {
    child.wait().ok().and_then(|status| status.code())
}
