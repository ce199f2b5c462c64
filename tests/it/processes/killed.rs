//! `kill -9`, at random moments of a whole export to a file.
//!
//! A *story* is one export: its process is killed a few times, started again each time, and left
//! alone in the end. What must hold is checked whenever a process is dead.

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

use super::place::{OLD, Place, end};

/// For each adapter.
const KILLS: usize = 100;

/// Some moments are short, and hit by chance: stories go on until each was, up to so many kills.
const MOST_KILLS: usize = 500;

/// Stories at once: most of a story is waiting.
const AT_ONCE: u64 = 3;

#[test]
fn an_async_export_that_is_killed_again_and_again_ends_in_one_whole_file() {
    kill_again_and_again(Adapter::Hyper);
}

#[test]
fn a_blocking_export_that_is_killed_again_and_again_ends_in_one_whole_file() {
    kill_again_and_again(Adapter::Ureq);
}

#[test]
fn an_export_is_on_disk_as_accepted_before_it_is_first_waited_for() {
    let ways = [
        ("the head says where", r#"{"fault": "location", "url": "header_only"}"#),
        ("the body says where", r#"{"fault": "location", "url": "body_only"}"#),
        ("the body is still to come", r#"{"fault": "stall", "at": "after_head", "for": "4s"}"#),
    ];
    thread::scope(|scope| {
        for adapter in Adapter::ALL {
            for (what, fault) in ways {
                scope.spawn(move || kill_when_accepted(adapter, what, fault));
            }
        }
    });
}

fn kill_when_accepted(adapter: Adapter, what: &str, fault: &str) {
    let fault = format!(r#"[{{"fault": "retry_after", "value": 4}}, {fault}]"#);
    let scenario = format!(r#"{{"rules": [{}]}}"#, rule("submit", &fault));
    let service = Config::default().with_scenario(Scenario::from_json(&scenario).unwrap());
    let place = Place::new(adapter, "mailed", service);
    let started = Instant::now();
    let mut night = place.night().spawn().unwrap();
    let polls = || {
        let requests = place.server.requests().into_iter();
        requests.filter(|request| request.endpoint() == Endpoint::Operation).count()
    };
    place.wait_until(|| place.is_accepted_on_disk() || polls() > 0);
    // Both the wait and the body would last for four seconds.
    let is_late = started.elapsed() > Duration::from_secs(3);
    night.kill().unwrap();
    night.wait().unwrap();
    assert_eq!(polls(), 0, "{what}, and it was asked after before it was stored");
    assert!(!is_late, "{what}, and nothing is stored");
    place.succeeds_with_one_submit();
}

/// What a process was doing when it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// It had sent nothing yet but for a token.
    Starting,
    /// A submit was on its way, or its answer was.
    Submitting,
    /// The export was accepted, and not asked after yet.
    FirstWait,
    Polling,
    Downloading,
    /// The file was there, and the checkpoint was perhaps not forgotten yet.
    Finishing,
}

impl Doing {
    const ALL: [Self; 6] = [
        Self::Starting,
        Self::Submitting,
        Self::FirstWait,
        Self::Polling,
        Self::Downloading,
        Self::Finishing,
    ];

    /// How often this has to be hit, or nothing was shown of it.
    const fn fewest(self) -> usize {
        match self {
            Self::Starting | Self::Finishing => 1,
            _ => 3,
        }
    }
}

fn kill_again_and_again(adapter: Adapter) {
    // `KILL_SEED=7 cargo test ...` has other stories.
    let first: u64 = env::var("KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let tally: Mutex<Tally> = Mutex::default();
    let next = Mutex::new(first * 1_000_000);
    let started = Instant::now();
    let tell = || {
        while !tally.lock().unwrap().is_enough() {
            let seed = {
                let mut next = next.lock().unwrap();
                *next += 1;
                *next
            };
            let story = || Story::new(adapter, seed).tell(&tally);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(story)) {
                eprintln!("the story of the seed {seed}, with {adapter:?}");
                resume_unwind(panic);
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(tell))));
    let tally = tally.into_inner().unwrap();
    eprintln!("{adapter:?}: {tally:?} in {:?}", started.elapsed());
    for doing in Doing::ALL {
        let hit = tally.hit(doing);
        assert!(hit >= doing.fewest(), "{doing:?} was hit {hit} times: {tally:?}");
    }
    assert!(tally.went_on > 0, "no download went on where a killed one had ended");
}

/// What the stories have shown.
#[derive(Debug, Default)]
struct Tally {
    killed: BTreeMap<Doing, usize>,
    /// Runs that went on with a part of the file that a former run had left.
    went_on: usize,
}

impl Tally {
    fn hit(&self, doing: Doing) -> usize {
        self.killed.get(&doing).copied().unwrap_or_default()
    }

    fn is_enough(&self) -> bool {
        let kills: usize = self.killed.values().sum();
        let is_each_hit = Doing::ALL.into_iter().all(|doing| self.hit(doing) >= doing.fewest());
        kills >= MOST_KILLS || (kills >= KILLS && is_each_hit && self.went_on > 0)
    }
}

/// What a moment is counted from.
#[derive(Clone, Copy, Debug)]
enum Sign {
    Start,
    Request(Endpoint),
    FirstByte,
    File,
}

struct Story {
    place: Place,
    random: Random,
    /// Runs that began without knowing of an accepted export: only these may send a submit.
    may_submit: Vec<usize>,
    old: Option<&'static [u8]>,
}

impl Story {
    fn new(adapter: Adapter, seed: u64) -> Self {
        let mut random = Random(seed);
        let spec = if random.below(4) == 0 { "mailed" } else { "document" };
        let ways = [Downloads::ApiHost, Downloads::Redirect(302), Downloads::Signed];
        let service = Config::default()
            .with_artifact_size(2_000_000 + random.below(2_000_000))
            .with_complete_after(Duration::from_millis(random.below(150)))
            .with_downloads(ways[random.below(3) as usize])
            .with_scenario(scenario(&mut random));
        let place = Place::new(adapter, spec, service);
        let old = (random.below(2) == 0).then_some(OLD);
        if let Some(old) = old {
            fs::write(place.target(), old).unwrap();
        }
        Self { place, random, may_submit: Vec::new(), old }
    }

    fn tell(mut self, tally: &Mutex<Tally>) {
        let kills = 2 + self.random.below(5) as usize;
        for run in 0.. {
            if !self.place.is_accepted_on_disk() {
                self.may_submit.push(run);
            }
            let before = self.place.server.requests().len();
            let mut child = self.night(run, "if-harmless").spawn().unwrap();
            if run < kills && self.kill(&mut child, before) {
                child.wait().unwrap();
                let doing = self.doing(before);
                *tally.lock().unwrap().killed.entry(doing).or_default() += 1;
                tally.lock().unwrap().went_on += usize::from(self.went_on(before));
                self.check();
                if doing == Doing::Finishing && self.place.checkpoint().is_none() {
                    // It had done all, and only not said so. Another run would begin anew.
                    return self.place.check_all_is_done();
                }
                continue;
            }
            let end = end(child);
            tally.lock().unwrap().went_on += usize::from(self.went_on(before));
            self.check();
            if end.is_success {
                return self.place.check_all_is_done();
            }
            return self.check_unconfirmed(run, &end.text);
        }
    }

    fn night(&self, run: usize, resubmit: &str) -> Command {
        let mut night = self.place.night();
        night.env("EXPORT_RUN", run.to_string()).env("EXPORT_RESUBMIT", resubmit);
        night
    }

    /// Kills a process at a random moment; `false` if it was too late for that.
    fn kill(&mut self, child: &mut Child, before: usize) -> bool {
        // Some moments are counted from the start, most from something that was seen: so each
        // phase is hit, on a machine that is slow as on one that is fast.
        let later = if self.place.is_accepted_on_disk() { 6 } else { 0 };
        let (sign, within) = match later + self.random.below(10) {
            2..=5 => (Sign::Request(Endpoint::Submit), 80_000),
            6..=8 => (Sign::Request(Endpoint::Operation), 100_000),
            9..=12 => (Sign::FirstByte, 150_000),
            13 => (Sign::File, 2_000),
            _ => (Sign::Start, 250_000),
        };
        while !self.is_seen(sign, before) {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(self.random.below(within)));
        child.try_wait().unwrap().is_none() && child.kill().is_ok()
    }

    fn is_seen(&self, sign: Sign, before: usize) -> bool {
        let requests = || self.place.server.requests().into_iter().skip(before);
        match sign {
            Sign::Start => true,
            Sign::Request(endpoint) => requests().any(|request| request.endpoint() == endpoint),
            Sign::FirstByte => requests().any(|request| {
                matches!(request.endpoint(), Endpoint::Download | Endpoint::Storage)
            }),
            Sign::File => {
                let length = fs::metadata(self.place.target()).ok().map(|found| found.len());
                length != self.old.map(|old| old.len() as u64)
            }
        }
    }

    /// What the run that is dead now was doing.
    fn doing(&self, before: usize) -> Doing {
        let is_there = self.place.file().as_deref() != self.old;
        let requests = self.place.server.requests();
        let mut last = requests[before..].iter().map(RecordedRequest::endpoint);
        match last.rfind(|endpoint| *endpoint != Endpoint::Token) {
            _ if is_there => Doing::Finishing,
            None => Doing::Starting,
            Some(Endpoint::Submit) if self.place.is_accepted_on_disk() => Doing::FirstWait,
            Some(Endpoint::Submit) => Doing::Submitting,
            Some(Endpoint::Operation) => Doing::Polling,
            _ => Doing::Downloading,
        }
    }

    /// Whether this run has asked for the rest of a file, and not for all of it, at first.
    fn went_on(&self, before: usize) -> bool {
        let requests = self.place.server.requests();
        let is_first = |request: &&RecordedRequest| {
            matches!(request.endpoint(), Endpoint::Download | Endpoint::Storage)
        };
        requests[before..].iter().find(is_first).is_some_and(|it| it.header("range").is_some())
    }

    /// What holds at any moment.
    fn check(&mut self) {
        let file = self.place.file();
        if file.as_deref() != self.old {
            let file = file.expect("a file is never taken away");
            assert!(file == self.place.served(), "half a file under the final name");
        }
        let mut files = Place::names(&self.place.files());
        files.retain(|name| name != "report");
        let is_part = |name: &String| name.starts_with(".report.") && name.ends_with(".part");
        assert!(files.len() <= 1 && files.iter().all(is_part), "{files:?}");
        let checkpoints = Place::names(&self.place.checkpoints());
        assert!(checkpoints.len() <= 2, "{checkpoints:?}");
        self.place.check_for_leaks();
        self.check_submits();
    }

    fn check_submits(&self) {
        let submits = self.place.submits();
        let run = |request: &RecordedRequest| request.header("x-run").unwrap().parse().unwrap();
        let mut runs: Vec<usize> = submits.iter().map(run).collect();
        runs.sort_unstable();
        let all = runs.len();
        runs.dedup();
        assert_eq!(runs.len(), all, "a run has sent two submits: {runs:?}");
        let knew = runs.iter().find(|run| !self.may_submit.contains(run));
        assert_eq!(knew, None, "a run asked again for what it knew to be accepted: {runs:?}");
        let most = if self.place.spec == "mailed" { 1 } else { 3 };
        assert!(all <= most, "{all} submits of something {}", self.place.spec);
        assert!(self.place.server.exports().len() <= all);
    }

    /// Killed while a submit was perhaps on its way, once if somebody would notice a second
    /// export, else three times: then a person has to decide.
    fn check_unconfirmed(mut self, run: usize, text: &str) {
        assert!(text.starts_with("the submit request may have started an export"), "{text}");
        let checkpoint = self.place.checkpoint().unwrap();
        assert_eq!(checkpoint.operation(), None);
        let sends = if self.place.spec == "mailed" { 1 } else { 3 };
        assert_eq!(checkpoint.submits(), sends);
        assert_eq!(self.place.file().as_deref(), self.old);
        // It stays so, however often it is started.
        let submits = self.place.submits().len();
        let again = end(self.night(run + 1, "if-harmless").spawn().unwrap());
        assert_eq!((again.is_success, again.text.as_str()), (false, text));
        assert_eq!(self.place.submits().len(), submits);
        // The person has looked, and says that it shall be sent again.
        self.may_submit.push(run + 2);
        let decided = end(self.night(run + 2, "always").spawn().unwrap());
        assert!(decided.is_success, "{}", decided.text);
        self.place.check_all_is_done();
    }
}

/// Everything takes a while, so that there is something to be killed in.
fn scenario(random: &mut Random) -> Scenario {
    let mut rules = vec![
        rule("submit", r#"{"fault": "stall", "at": "before_head", "for": "30ms"}"#),
        rule("operation", r#"{"fault": "stall", "at": "before_head", "for": "5ms"}"#),
    ];
    // Most downloads break off now and then: what came is synced, and gone on with.
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
