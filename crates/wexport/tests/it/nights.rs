//! Many nights of one line in cron, most of which go wrong.
//!
//! Each night has a date, and its runs are killed at moments that a seed chooses, find their state on
//! another machine or not at all, or have wrong secrets. What is asserted holds whenever a run is
//! killed: what it had recorded by then is read from its state or from the receipts, and the next run has to
//! submit exactly the rest.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::world::{Ran, World, quick};

/// The rows of the list.
const ROWS: usize = 6;

/// What happens in a night before its last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// The process is killed, again and again.
    Kills,
    /// It is killed, and goes on elsewhere with its state.
    Moves,
    /// It is killed, and goes on elsewhere without a state.
    Loses,
    /// The secret is wrong.
    Secret,
    /// A second process is started.
    Twice,
    /// A file is lost after the night.
    Gone,
    /// The night before is repeated after this one.
    Late,
}

const NIGHTS: [Trouble; 12] = [
    Trouble::Kills,
    Trouble::Nothing,
    Trouble::Moves,
    Trouble::Kills,
    Trouble::Loses,
    Trouble::Secret,
    Trouble::Twice,
    Trouble::Gone,
    Trouble::Late,
    Trouble::Moves,
    Trouble::Loses,
    Trouble::Kills,
];

/// The line of cron.
fn line<'a>(date: &'a str, state: &'a str) -> Vec<&'a str> {
    let line = ["batch", "list.csv", "--continue", "--receipt", "--results", "results.jsonl"];
    [&line[..], &["--date", date, "--state", state]].concat()
}

/// The documents of a date. The last one replaces its file of the night before.
fn list(date: &str) -> String {
    let mut list = String::from("kind,id,format,output\n");
    for row in 1..ROWS {
        list.push_str(&format!("document,d{row},pdf,{{date}}/{{id}}.pdf\n"));
    }
    format!("{list}document,last-{date},pdf,latest.pdf\n")
}

/// A generator of pseudo-random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % bound
    }
}

struct Nights {
    world: World,
    random: Random,
    /// The number of states that were moved or lost.
    states: u32,
}

impl Nights {
    fn state(&self) -> String {
        format!("state{}", self.states)
    }

    /// Starts the run of a date, and kills it after a number of requests that the seed chooses.
    fn kill(&mut self, date: &str) {
        let state = self.state();
        let limit = self.world.requests().len() + 1 + self.random.below(4 * ROWS);
        let mut child = self.world.command(&line(date, &state)).spawn().unwrap();
        // A run that ends before it is killed has no trouble.
        while self.world.requests().len() < limit && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// A run of a date that ends. It submits exactly these exports.
    fn run(&self, date: &str, wanted: usize) -> Ran {
        let (state, submits) = (self.state(), self.world.submits());
        let ran = self.world.run(&line(date, &state));
        assert_eq!(ran.code, Some(0), "{date}: {}", ran.err);
        assert_eq!(self.world.submits() - submits, wanted, "{date}: {}", ran.err);
        let first = ran.err.lines().next().unwrap();
        let nothing = format!("nothing of list.csv for {date} to continue");
        assert!(first.contains("continuing batch ") || first.contains(&nothing), "{}", ran.err);
        ran
    }

    /// The number of exports that the latest batch of a state has recorded as accepted.
    fn accepted(&self) -> usize {
        let batches = self.world.work().join(self.state()).join("batches");
        let Some(batch) = fs::read_dir(batches).unwrap().map(|it| it.unwrap().path()).max() else {
            return 0;
        };
        let Ok(db) = Connection::open(batch.join("batch.sqlite")) else { return 0 };
        let sql = "SELECT count(*) FROM export WHERE status = 'done' \
                   OR json_extract(checkpoint, '$.operation') IS NOT NULL";
        // One that was killed while it was stored has sent nothing.
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0) as usize
    }

    /// The number of files of a date that are there with their receipts.
    fn receipts(&self, date: &str) -> usize {
        let work = self.world.work();
        let names = (1..ROWS).map(|row| format!("{date}/d{row}.pdf"));
        let names = names.chain(["latest.pdf".into()]);
        names.filter(|name| date_of(&work.join(name)).as_deref() == Some(date)).count()
    }

    fn night(&mut self, date: &str, before: Option<&str>, trouble: Trouble) {
        self.world.write("list.csv", list(date));
        match trouble {
            Trouble::Nothing => drop(self.run(date, ROWS)),
            Trouble::Kills => {
                for _ in 0..3 {
                    self.kill(date);
                }
                self.run(date, ROWS - self.accepted());
            }
            Trouble::Moves => {
                self.kill(date);
                let old = self.world.work().join(self.state());
                self.states += 1;
                fs::rename(old, self.world.work().join(self.state())).unwrap();
                self.run(date, ROWS - self.accepted());
            }
            Trouble::Loses => {
                self.kill(date);
                fs::remove_dir_all(self.world.work().join(self.state())).unwrap();
                self.states += 1;
                let known = self.receipts(date);
                let ran = self.run(date, ROWS - known);
                let told = format!("; {known} of {ROWS} exports are there, as their receipts say");
                assert_eq!(ran.err.contains(&told), known > 0, "{}", ran.err);
            }
            Trouble::Secret => {
                let (state, submits) = (self.state(), self.world.submits());
                let wrong = [("WORKIVA_CLIENT_SECRET", "wrong")];
                let ran = self.world.run_with(&wrong, &line(date, &state));
                assert_eq!(ran.code, Some(4), "{}", ran.err);
                assert!(ran.err.contains("refused the credentials"), "{}", ran.err);
                assert_eq!(self.world.submits(), submits);
                self.run(date, ROWS);
            }
            Trouble::Twice => {
                let (state, submits) = (self.state(), self.world.submits());
                let first = self.world.command(&line(date, &state)).spawn().unwrap();
                let second = self.world.run(&line(date, &state));
                let first = self.world.ran(first.wait_with_output().unwrap());
                // One is refused, unless the other has ended when it starts.
                for ran in [&first, &second] {
                    match ran.code {
                        Some(0) => {}
                        Some(9) => {
                            let told = "running in another process: process ";
                            assert!(ran.err.contains(told), "{}", ran.err);
                        }
                        _ => panic!("{}", ran.err),
                    }
                }
                assert_eq!(self.world.submits() - submits, ROWS, "{}{}", first.err, second.err);
            }
            Trouble::Gone => {
                self.run(date, ROWS);
                let file = format!("{date}/d2.pdf");
                fs::remove_file(self.world.work().join(&file)).unwrap();
                let ran = self.run(date, 1);
                let told = format!("row 3: {file} is gone: it is exported again");
                assert!(ran.err.contains(&told), "{}", ran.err);
            }
            Trouble::Late => {
                self.run(date, ROWS);
                let (newer, before) = (self.world.read("latest.pdf"), before.unwrap());
                self.world.write("list.csv", list(before));
                let ran = self.run(before, 0);
                let told = format!("row {}: not resumed: it is superseded by ", ROWS + 1);
                assert!(ran.err.contains(&told), "{}", ran.err);
                assert!(self.world.read("latest.pdf") == newer);
                self.world.write("list.csv", list(date));
            }
        }
    }
}

/// The date of the receipt of a file.
fn date_of(file: &Path) -> Option<String> {
    let receipt = fs::read(format!("{}.receipt.json", file.display())).ok()?;
    let receipt: Value = serde_json::from_slice(&receipt).ok()?;
    Some(receipt["date"].as_str()?.to_owned())
}

#[test]
fn each_night_has_its_files_and_no_export_twice() {
    // Kills meet exports in each phase.
    let world = World::with(quick().with_complete_after(Duration::from_millis(30)));
    let mut nights = Nights { world, random: Random(0x2026_1130), states: 0 };
    let mut dates: Vec<String> = Vec::new();
    for (night, trouble) in NIGHTS.into_iter().enumerate() {
        let date = format!("2026-11-{:02}", night + 1);
        nights.night(&date, dates.last().map(String::as_str), trouble);
        let latest = date_of(&nights.world.work().join("latest.pdf"));
        assert_eq!(latest.as_deref(), Some(date.as_str()), "{trouble:?}");
        // Again: there is nothing to do.
        let requests = nights.world.requests().len();
        nights.run(&date, 0);
        assert_eq!(nights.world.requests().len(), requests, "{date}, {trouble:?}");
        let results = String::from_utf8(nights.world.read("results.jsonl")).unwrap();
        assert_eq!(results.matches(r#""status":"done""#).count(), ROWS, "{date}, {trouble:?}");
        dates.push(date);
    }
    for date in &dates {
        for row in 1..ROWS {
            let file = format!("{date}/d{row}.pdf");
            nights.world.done(&["verify", &file]);
            let receipt = date_of(&nights.world.work().join(&file));
            assert_eq!(receipt.as_ref(), Some(date), "{file}");
        }
    }
    nights.world.done(&["verify", "latest.pdf"]);
}
