//! Exports to a file whose process is killed with SIGKILL at random times.
//!
//! A *trial* is one export. Its process is killed several times and restarted each time, until the
//! last run may end. The invariants are checked after each run.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use conformance::Adapter;
use export_sim::{Config, Downloads, Endpoint, RecordedRequest, Scenario};

use super::fixture::{Fixture, OLD, wait};

/// The minimum number of kills for each adapter.
const MIN_KILLS: usize = 100;

/// The maximum number of kills for each adapter. Some activities are so short that they are seldom
/// interrupted: the trials continue until each was.
const MAX_KILLS: usize = 500;

/// The number of trials to run in parallel. They spend most of their time waiting.
const PARALLEL: u64 = 3;

#[test]
fn killed_async_export_completes_with_intact_file() {
    run_trials(Adapter::Hyper);
}

#[test]
fn killed_blocking_export_completes_with_intact_file() {
    run_trials(Adapter::Ureq);
}

#[test]
fn acceptance_is_stored_before_the_first_wait() {
    let variants = [
        ("location in the head", r#"{"fault": "location", "url": "header_only"}"#),
        ("location in the body", r#"{"fault": "location", "url": "body_only"}"#),
        ("delayed body", r#"{"fault": "stall", "at": "after_head", "for": "4s"}"#),
    ];
    thread::scope(|scope| {
        for adapter in Adapter::ALL {
            for (name, fault) in variants {
                scope.spawn(move || kill_when_accepted(adapter, name, fault));
            }
        }
    });
}

fn kill_when_accepted(adapter: Adapter, name: &str, fault: &str) {
    let fault = format!(r#"[{{"fault": "retry_after", "value": 4}}, {fault}]"#);
    let scenario = format!(r#"{{"rules": [{}]}}"#, rule("submit", &fault));
    let service = Config::default().with_scenario(Scenario::from_json(&scenario).unwrap());
    let fixture = Fixture::new(adapter, "mailed", service);
    let started = Instant::now();
    let mut child = fixture.command().spawn().unwrap();
    let polls = || {
        let requests = fixture.server.requests().into_iter();
        requests.filter(|request| request.endpoint() == Endpoint::Operation).count()
    };
    fixture.wait_until(|| fixture.is_acceptance_stored() || polls() > 0);
    // The wait and the delayed body both last for four seconds.
    let is_late = started.elapsed() > Duration::from_secs(3);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(polls(), 0, "{name}: polled before the acceptance was stored");
    assert!(!is_late, "{name}: the acceptance is not stored");
    fixture.run_and_succeed();
}

/// What a process was doing when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Activity {
    /// Before the first request other than for a token.
    Starting,
    /// After the submit was sent, before its acceptance was stored.
    Submitting,
    /// After the export was accepted, before the first poll.
    FirstWait,
    Polling,
    Downloading,
    /// After the file was renamed; the checkpoint may not be removed yet.
    Finishing,
}

impl Activity {
    const ALL: [Self; 6] = [
        Self::Starting,
        Self::Submitting,
        Self::FirstWait,
        Self::Polling,
        Self::Downloading,
        Self::Finishing,
    ];

    /// The minimum number of kills during this activity.
    const fn min_kills(self) -> usize {
        match self {
            Self::Starting | Self::Finishing => 1,
            _ => 3,
        }
    }
}

fn run_trials(adapter: Adapter) {
    // `KILL_SEED=7 cargo test ...` runs other trials.
    let first: u64 = env::var("KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let counters: Mutex<Counters> = Mutex::default();
    let next = Mutex::new(first * 1_000_000);
    let started = Instant::now();
    let run = || {
        while !counters.lock().unwrap().is_enough() {
            let seed = {
                let mut next = next.lock().unwrap();
                *next += 1;
                *next
            };
            let trial = || Trial::new(adapter, seed).run(&counters);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(trial)) {
                eprintln!("failed: trial of seed {seed} with {adapter:?}");
                resume_unwind(panic);
            }
        }
    };
    thread::scope(|scope| (0..PARALLEL).for_each(|_| drop(scope.spawn(run))));
    let counters = counters.into_inner().unwrap();
    eprintln!("{adapter:?}: {counters:?} in {:?}", started.elapsed());
    for activity in Activity::ALL {
        let kills = counters.kills(activity);
        assert!(kills >= activity.min_kills(), "{activity:?}: {kills} kills: {counters:?}");
    }
    assert!(counters.resumed > 0, "no download was resumed after a kill");
}

/// The results of the trials.
#[derive(Debug, Default)]
struct Counters {
    kills: BTreeMap<Activity, usize>,
    /// The number of runs that resumed the download of an earlier run.
    resumed: usize,
}

impl Counters {
    fn kills(&self, activity: Activity) -> usize {
        self.kills.get(&activity).copied().unwrap_or_default()
    }

    fn is_enough(&self) -> bool {
        let kills: usize = self.kills.values().sum();
        let have_all =
            Activity::ALL.into_iter().all(|activity| self.kills(activity) >= activity.min_kills());
        kills >= MAX_KILLS || (kills >= MIN_KILLS && have_all && self.resumed > 0)
    }
}

/// The event after which a process is killed with a random delay.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Start,
    Request(Endpoint),
    FirstByte,
    File,
}

struct Trial {
    fixture: Fixture,
    random: Random,
    /// The runs that started without a stored acceptance. Only these may send a submit.
    submitting_runs: Vec<usize>,
    old: Option<&'static [u8]>,
}

impl Trial {
    fn new(adapter: Adapter, seed: u64) -> Self {
        let mut random = Random(seed);
        let spec = if random.below(4) == 0 { "mailed" } else { "document" };
        let sources = [Downloads::ApiHost, Downloads::Redirect(302), Downloads::Signed];
        let service = Config::default()
            .with_artifact_size(2_000_000 + random.below(2_000_000))
            .with_complete_after(Duration::from_millis(random.below(150)))
            .with_downloads(sources[random.below(3) as usize])
            .with_scenario(scenario(&mut random));
        let fixture = Fixture::new(adapter, spec, service);
        let old = (random.below(2) == 0).then_some(OLD);
        if let Some(old) = old {
            fs::write(fixture.target(), old).unwrap();
        }
        Self { fixture, random, submitting_runs: Vec::new(), old }
    }

    fn run(mut self, counters: &Mutex<Counters>) {
        let kills = 2 + self.random.below(5) as usize;
        for run in 0.. {
            if !self.fixture.is_acceptance_stored() {
                self.submitting_runs.push(run);
            }
            let before = self.fixture.server.requests().len();
            let mut child = self.command(run, "if-harmless").spawn().unwrap();
            if run < kills && self.kill(&mut child, before) {
                child.wait().unwrap();
                let activity = self.activity(before);
                *counters.lock().unwrap().kills.entry(activity).or_default() += 1;
                counters.lock().unwrap().resumed += usize::from(self.has_resumed(before));
                self.check();
                if activity == Activity::Finishing && self.fixture.checkpoint().is_none() {
                    // The run had completed everything. Another run would start a new export.
                    return self.fixture.check_completed();
                }
                continue;
            }
            let exit = wait(child);
            counters.lock().unwrap().resumed += usize::from(self.has_resumed(before));
            self.check();
            if exit.is_success {
                return self.fixture.check_completed();
            }
            return self.check_unconfirmed(run, &exit.stderr);
        }
    }

    fn command(&self, run: usize, resubmit: &str) -> Command {
        let mut command = self.fixture.command();
        command.env("EXPORT_RUN", run.to_string()).env("EXPORT_RESUBMIT", resubmit);
        command
    }

    /// Kills a process at a random time. Returns `false` if it ended before.
    fn kill(&mut self, child: &mut Child, before: usize) -> bool {
        // Most kills are triggered by an observed event, so that all activities are interrupted on
        // slow and on fast machines.
        let offset = if self.fixture.is_acceptance_stored() { 6 } else { 0 };
        let (trigger, max_delay) = match offset + self.random.below(10) {
            2..=5 => (Trigger::Request(Endpoint::Submit), 80_000),
            6..=8 => (Trigger::Request(Endpoint::Operation), 100_000),
            9..=12 => (Trigger::FirstByte, 150_000),
            13 => (Trigger::File, 2_000),
            _ => (Trigger::Start, 250_000),
        };
        while !self.is_triggered(trigger, before) {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(self.random.below(max_delay)));
        child.try_wait().unwrap().is_none() && child.kill().is_ok()
    }

    fn is_triggered(&self, trigger: Trigger, before: usize) -> bool {
        let requests = || self.fixture.server.requests().into_iter().skip(before);
        match trigger {
            Trigger::Start => true,
            Trigger::Request(endpoint) => requests().any(|request| request.endpoint() == endpoint),
            Trigger::FirstByte => requests().any(|request| {
                matches!(request.endpoint(), Endpoint::Download | Endpoint::Storage)
            }),
            Trigger::File => {
                let length = fs::metadata(self.fixture.target()).ok().map(|found| found.len());
                length != self.old.map(|old| old.len() as u64)
            }
        }
    }

    /// What the killed run was doing.
    fn activity(&self, before: usize) -> Activity {
        let is_file_renamed = self.fixture.file().as_deref() != self.old;
        let requests = self.fixture.server.requests();
        let mut endpoints = requests[before..].iter().map(RecordedRequest::endpoint);
        match endpoints.rfind(|endpoint| *endpoint != Endpoint::Token) {
            _ if is_file_renamed => Activity::Finishing,
            None => Activity::Starting,
            Some(Endpoint::Submit) if self.fixture.is_acceptance_stored() => Activity::FirstWait,
            Some(Endpoint::Submit) => Activity::Submitting,
            Some(Endpoint::Operation) => Activity::Polling,
            _ => Activity::Downloading,
        }
    }

    /// Whether the first download request of this run was for the rest of the file.
    fn has_resumed(&self, before: usize) -> bool {
        let requests = self.fixture.server.requests();
        let is_download = |request: &&RecordedRequest| {
            matches!(request.endpoint(), Endpoint::Download | Endpoint::Storage)
        };
        requests[before..].iter().find(is_download).is_some_and(|it| it.header("range").is_some())
    }

    /// Checks the invariants.
    fn check(&mut self) {
        let file = self.fixture.file();
        if file.as_deref() != self.old {
            let file = file.expect("the old file is never removed");
            assert!(file == self.fixture.served(), "damaged file under the final name");
        }
        let mut files = Fixture::names(&self.fixture.files());
        files.retain(|name| name != "report");
        let is_part = |name: &String| name.starts_with(".report.") && name.ends_with(".part");
        assert!(files.len() <= 1 && files.iter().all(is_part), "{files:?}");
        let checkpoints = Fixture::names(&self.fixture.checkpoints());
        assert!(checkpoints.len() <= 2, "{checkpoints:?}");
        self.fixture.check_for_leaks();
        self.check_submits();
    }

    fn check_submits(&self) {
        let submits = self.fixture.submits();
        let run = |request: &RecordedRequest| request.header("x-run").unwrap().parse().unwrap();
        let mut runs: Vec<usize> = submits.iter().map(run).collect();
        runs.sort_unstable();
        let all = runs.len();
        runs.dedup();
        assert_eq!(runs.len(), all, "a run has sent two submits: {runs:?}");
        let wrong = runs.iter().find(|run| !self.submitting_runs.contains(run));
        assert_eq!(wrong, None, "a run has repeated a submit that was accepted: {runs:?}");
        // A harmless export is requested again by the run after a killed one.
        let is_bounded = self.fixture.spec != "mailed" || all <= 1;
        assert!(is_bounded, "{all} submits of an export with a side effect");
        assert!(self.fixture.server.exports().len() <= all);
    }

    /// Checks a run that ends because the submit is unconfirmed: a process was killed while the submit
    /// of an export with a side effect may have been sent. The user has to decide.
    fn check_unconfirmed(mut self, run: usize, text: &str) {
        assert!(text.starts_with("the submit request may have started an export"), "{text}");
        let checkpoint = self.fixture.checkpoint().unwrap();
        assert_eq!(checkpoint.operation(), None);
        assert_eq!((self.fixture.spec, checkpoint.submits()), ("mailed", 1));
        assert_eq!(self.fixture.file().as_deref(), self.old);
        // Another run fails in the same way.
        let submits = self.fixture.submits().len();
        let again = wait(self.command(run + 1, "if-harmless").spawn().unwrap());
        assert_eq!((again.is_success, again.stderr.as_str()), (false, text));
        assert_eq!(self.fixture.submits().len(), submits);
        // The user decides to repeat the submit.
        self.submitting_runs.push(run + 2);
        let decided = wait(self.command(run + 2, "always").spawn().unwrap());
        assert!(decided.is_success, "{}", decided.stderr);
        self.fixture.check_completed();
    }
}

/// A scenario that slows the service down, so that processes can be killed during all activities.
fn scenario(random: &mut Random) -> Scenario {
    let mut rules = vec![
        rule("submit", r#"{"fault": "stall", "at": "before_head", "for": "30ms"}"#),
        rule("operation", r#"{"fault": "stall", "at": "before_head", "for": "5ms"}"#),
    ];
    // Most downloads are cut repeatedly. After each cut, the received bytes are synced and the
    // download is resumed.
    let cut = random.below(4) > 0;
    let byte = 200_000 + random.below(700_000);
    for endpoint in ["download", "storage"] {
        rules.push(rule(endpoint, r#"{"fault": "slow", "bytes": 65536, "pause": "1ms"}"#));
        if cut {
            let close = format!(r#"{{"fault": "close", "at": {{"byte": {byte}}}}}"#);
            rules.push(rule(endpoint, &close));
        }
    }
    Scenario::from_json(&format!(r#"{{"rules": [{}]}}"#, rules.join(","))).unwrap()
}

fn rule(endpoint: &str, fault: &str) -> String {
    format!(r#"{{"match": {{"endpoint": "{endpoint}"}}, "then": {fault}}}"#)
}

/// Steele, Lea and Flood's `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
