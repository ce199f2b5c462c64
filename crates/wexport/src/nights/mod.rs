//! Thirty nights of one line in cron, in virtual time.
//!
//! The program runs in process on a simulated [machine](crate::machine), as the command line starts it. Each night
//! has a date, and something goes wrong in it. A seed chooses when. `tests/it/nights.rs` has fewer nights, with real
//! processes that are killed at any moment, and `tests/it/full_disk.rs` has disks that are full for the state too.

mod network;
mod world;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use export_hyper::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use tokio::runtime::Builder;
use tokio::time::sleep_until;

use self::network::{Network, Outage};
use self::world::{ROWS, Ran, World};
use crate::machine::Machine;
use crate::problem::Exit;

/// What happens in a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The service is out of reach for this number of minutes.
    Outage(Outage, u64),
    /// The process is killed, again and again.
    Kills,
    /// It is killed while the service is out of reach.
    KillsInOutage(Outage),
    /// The disk is full for an hour.
    FullDisk,
    /// The process is killed, and goes on elsewhere with its state.
    Moves,
    /// It is killed, and goes on elsewhere without a state.
    Loses,
    /// The secret is wrong until the morning.
    Secret,
    /// The line starts before midnight, at which the machine is rebooted.
    Reboot,
    /// The clock jumps by this number of minutes while a process runs, which is killed. It is set right before
    /// the last run.
    Clock(i64),
    /// The clock is this number of minutes wrong for the whole night. In the next, processes are killed.
    WrongClock(i64),
    /// The hour of the night comes twice. The process is killed in the first, and starts again in the second.
    SummerTimeEnds,
    /// The night before is repeated after this one.
    Late,
}

/// The nights, but for that of the change to standard time.
const TROUBLES: [Trouble; 29] = [
    Trouble::Outage(Outage::Unavailable, 5),
    Trouble::Outage(Outage::Unavailable, 30),
    Trouble::Outage(Outage::Unavailable, 90),
    Trouble::Outage(Outage::Refused, 5),
    Trouble::Outage(Outage::Refused, 30),
    Trouble::Outage(Outage::Refused, 90),
    Trouble::Outage(Outage::Pages, 5),
    Trouble::Outage(Outage::Pages, 30),
    Trouble::Outage(Outage::Pages, 90),
    Trouble::Kills,
    Trouble::Kills,
    Trouble::Kills,
    Trouble::KillsInOutage(Outage::Unavailable),
    Trouble::KillsInOutage(Outage::Refused),
    Trouble::FullDisk,
    Trouble::FullDisk,
    Trouble::Moves,
    Trouble::Moves,
    Trouble::Loses,
    Trouble::Loses,
    Trouble::Secret,
    Trouble::Secret,
    Trouble::Reboot,
    Trouble::Reboot,
    Trouble::Clock(26 * 60),
    Trouble::WrongClock(50 * 60),
    Trouble::Clock(-90),
    Trouble::WrongClock(-26 * 60),
    Trouble::Late,
];

/// The date of the first night.
const FIRST: Date = date(2026, 10, 12);

/// The date whose night has an hour twice: the line runs after midnight.
const SUMMER_TIME_ENDS: Date = date(2026, 10, 31);

/// The time zone of the machine.
const ZONE: &str = "America/New_York";

/// The variable with the seed.
const SEED: &str = "WEXPORT_NIGHTS_SEED";

/// The `--timeout` of an export, which is the default.
const TIMEOUT_MINUTES: u64 = 60;

struct Nights {
    world: World,
    random: fastrand::Rng,
    /// How often an export may be repeated: what a killed process had not recorded.
    repeats: HashMap<String, usize>,
    /// The number of runs that were killed.
    kills: usize,
    /// The files of the nights before, but for the latest.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Nights {
    /// A time within the next seconds.
    fn within(&mut self, seconds: u64) -> Timestamp {
        let millis = self.random.u64(..seconds * 1_000);
        self.world.machine.now() + Duration::from_millis(millis)
    }

    async fn sleep_until(&self, date: Date, hour: i8, minute: i8) {
        let zone = &self.world.machine.zone;
        let time = zone.to_timestamp(date.at(hour, minute, 0, 0)).unwrap().as_millisecond();
        let time = Timestamp::from_millis(time.try_into().unwrap());
        assert!(time >= self.world.machine.now(), "a night takes too long");
        sleep_until(self.world.machine.instant(time)).await;
    }

    /// Starts the line, and kills it within some seconds.
    async fn kill_within(&mut self, date: &str, seconds: u64) {
        let time = self.within(seconds);
        self.kill_at(date, time).await;
    }

    /// Starts the line, and kills it at a time. A run that ends before has no trouble.
    async fn kill_at(&mut self, date: &str, time: Timestamp) {
        match self.world.run_until(date, time).await {
            Some(ran) => assert!(ran.is(Exit::Done), "{}", ran.mail),
            None => {
                self.kills += 1;
                let recorded = self.world.recorded();
                self.expect_repeats(date, |id, _| !recorded.contains(id));
            }
        }
    }

    /// The exports that were started, but are not known, are started again.
    fn expect_repeats(&mut self, date: &str, is_unknown: impl Fn(&str, &PathBuf) -> bool) {
        for (id, file) in self.world.exports(date) {
            let started = self.world.network.started(&id);
            if started > 0 && is_unknown(&id, &file) {
                self.repeats.insert(id, started);
            }
        }
    }

    /// A run that mends what is left.
    async fn mend(&self, date: &str) -> Ran {
        let ran = self.world.run(date).await;
        assert!(ran.is(Exit::Done), "{}", ran.mail);
        let first = ran.mail.lines().next().unwrap_or_default();
        let nothing = format!("list.csv for {date} to continue");
        assert!(first.contains("continuing batch ") || first.contains(&nothing), "{}", ran.mail);
        ran
    }

    /// A run that does not bring all files, and says why.
    async fn fail(&self, date: &str, exit: Exit, reason: &str) {
        let ran = self.world.run(date).await;
        assert!(ran.is(exit), "{ran:?}");
        assert!(ran.mail.contains(reason), "{reason}: {}", ran.mail);
        assert!(ran.mail.contains("error: "), "{}", ran.mail);
        let report = self.world.report();
        assert!(report.contains(reason), "{reason}: {report}");
    }

    async fn night(&mut self, day: Date, trouble: Trouble) {
        let date = &day.to_string();
        let morning = day.tomorrow().unwrap();
        eprintln!("{date}: {trouble:?}");
        match trouble {
            Trouble::Reboot => self.sleep_until(day, 23, 58).await,
            _ => self.sleep_until(morning, 1, 50).await,
        }
        match trouble {
            Trouble::Outage(outage, minutes) => {
                let (from, time) = (self.within(60), Duration::from_secs(minutes * 60));
                self.world.network.fail(outage, from, time);
                let reason = outage.reason();
                let ran = self.world.run(date).await;
                assert!(self.world.network.take_failed() > 0, "no request meets the outage");
                assert!(ran.mail.contains(reason), "{}", ran.mail);
                assert_eq!(ran.is(Exit::Done), minutes < TIMEOUT_MINUTES, "{}", ran.mail);
                if !ran.is(Exit::Done) {
                    assert!(ran.mail.contains("error: "), "{}", ran.mail);
                    assert!(self.world.report().contains(reason), "{}", self.world.report());
                    self.sleep_until(morning, 6, 0).await;
                    self.mend(date).await;
                }
            }
            Trouble::Kills => {
                for _ in 0..3 {
                    self.kill_within(date, 100).await;
                }
                self.mend(date).await;
            }
            Trouble::KillsInOutage(outage) => {
                let from = self.within(100);
                self.world.network.fail(outage, from, Duration::from_secs(20 * 60));
                for _ in 0..3 {
                    self.kill_within(date, 400).await;
                }
                self.mend(date).await;
            }
            Trouble::FullDisk => {
                self.world.machine.fill_disk(true);
                self.fail(date, Exit::Local, "no storage space").await;
                self.world.machine.fill_disk(false);
                self.mend(date).await;
            }
            Trouble::Moves => {
                self.kill_within(date, 150).await;
                self.world.move_state();
                self.mend(date).await;
            }
            Trouble::Loses => {
                self.kill_within(date, 150).await;
                self.world.lose_state();
                let files = self.world.exports(date);
                let known = files.iter().filter(|(_, file)| self.world.has_receipt(file, date));
                let known: Vec<_> = known.map(|(id, _)| id.clone()).collect();
                self.expect_repeats(date, |id, _| !known.iter().any(|known| known == id));
                let ran = self.mend(date).await;
                let told =
                    format!("; {} of {ROWS} exports are there, as their receipts", known.len());
                assert_eq!(ran.mail.contains(&told), !known.is_empty(), "{}", ran.mail);
            }
            Trouble::Secret => {
                self.world.machine.set_variable("WORKIVA_CLIENT_SECRET", "wrong");
                self.fail(date, Exit::Unauthorized, "refused the credentials").await;
                self.world.machine.set_variable("WORKIVA_CLIENT_SECRET", "a-secret");
                self.sleep_until(morning, 8, 0).await;
                self.mend(date).await;
            }
            Trouble::Reboot => {
                let midnight = self.world.machine.now() + Duration::from_secs(120);
                self.kill_at(date, midnight).await;
                self.sleep_until(morning, 0, 3).await;
                self.mend(date).await;
            }
            Trouble::Clock(minutes) => {
                let (jump, kill) = (self.within(60), self.within(120));
                let machine = Arc::clone(&self.world.machine);
                let jumps = async {
                    sleep_until(machine.instant(jump)).await;
                    machine.set_ahead(minutes * 60_000);
                };
                tokio::join!(self.kill_at(date, kill), jumps);
                self.kill_within(date, 60).await;
                self.world.machine.set_ahead(0);
                let began = self.world.machine.now();
                let ran = self.mend(date).await;
                let took = self.world.machine.now().since(began);
                // The pacer bounds what a clock that was wrong delays.
                assert!(took < Duration::from_secs(4_200), "it waits for {took:?}: {}", ran.mail);
            }
            Trouble::WrongClock(minutes) => {
                self.world.machine.set_ahead(minutes * 60_000);
                self.kill_within(date, 100).await;
                self.mend(date).await;
                self.world.machine.set_ahead(0);
            }
            Trouble::SummerTimeEnds => {
                let again = self.world.machine.now() + Duration::from_secs(3_600);
                self.kill_within(date, 100).await;
                sleep_until(self.world.machine.instant(again)).await;
                self.mend(date).await;
            }
            Trouble::Late => {
                let before = day.yesterday().unwrap().to_string();
                self.mend(date).await;
                self.check(date).await;
                let sent = self.world.network.sent();
                let ran = self.mend(&before).await;
                assert_eq!(self.world.network.sent(), sent, "{}", ran.mail);
                assert!(ran.mail.contains("not resumed: it is superseded by "), "{}", ran.mail);
            }
        }
        self.check(date).await;
        let files = self.world.exports(date).into_iter().take(ROWS - 1);
        self.files.extend(files.map(|(_, file)| (file.clone(), fs::read(file).unwrap())));
    }

    /// Checks that a night has its files, that no export was repeated without need, that files of other
    /// nights are as they were, and that there is nothing left to do.
    async fn check(&self, date: &str) {
        let sent = self.world.network.sent();
        let ran = self.mend(date).await;
        assert_eq!(self.world.network.sent(), sent, "a run that has nothing to do sends requests");
        for (id, file) in self.world.exports(date) {
            assert!(self.world.has_receipt(&file, date), "{}: {}", file.display(), ran.mail);
            assert!(fs::read(&file).unwrap() == self.world.network.file(&id), "{}", file.display());
            let started = self.world.network.started(&id);
            let unheard = self.world.network.unheard(&id);
            let repeats = self.repeats.get(&id).copied().unwrap_or_default();
            assert!(started <= 1 + unheard + repeats, "{id}: {started} exports");
        }
        for (file, content) in &self.files {
            assert!(fs::read(file).unwrap() == *content, "{} has changed", file.display());
        }
    }
}

/// Plays the nights of a seed.
fn play(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut troubles = TROUBLES.to_vec();
    random.shuffle(&mut troubles);
    // The first night has none before it.
    if troubles[0] == Trouble::Late {
        troubles.swap(0, 1);
    }
    for night in 0..troubles.len() - 1 {
        if let Trouble::WrongClock(_) = troubles[night] {
            let kills = troubles.iter().position(|trouble| *trouble == Trouble::Kills).unwrap();
            troubles.swap(night + 1, kills);
        }
    }
    let installed = Arc::new(std::sync::Mutex::new(Weak::<Machine>::new()));
    let of_threads = Arc::clone(&installed);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        // One thread, so that what blocks is done in the order in which it is begun.
        .max_blocking_threads(1)
        .on_thread_start(move || {
            let machine = of_threads.lock().unwrap().upgrade();
            machine.expect("the test waits for it").install();
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let zone = TimeZone::get(ZONE).unwrap();
        let start = Timestamp::from_date(2026, 10, 12);
        let machine = Arc::new(Machine::new(start, zone));
        *installed.lock().unwrap() = Arc::downgrade(&machine);
        Arc::clone(&machine).install();
        let network = Network::new(&machine, seed);
        let world = World::new(machine, network);
        let mut nights =
            Nights { world, random, repeats: HashMap::new(), kills: 0, files: Vec::new() };
        let mut day = FIRST;
        for trouble in troubles {
            if day == SUMMER_TIME_ENDS {
                nights.night(day, Trouble::SummerTimeEnds).await;
                day = day.tomorrow().unwrap();
            }
            nights.night(day, trouble).await;
            day = day.tomorrow().unwrap();
        }
        assert!(nights.kills > 15, "only {} runs were killed", nights.kills);
    });
}

#[test]
fn each_night_has_its_files_whatever_goes_wrong() {
    let seed = std::env::var(SEED).map_or(1, |seed| seed.parse().unwrap());
    // The stack of the program's main thread.
    let thread = std::thread::Builder::new().stack_size(8 << 20);
    let played = thread.spawn(move || play(seed)).unwrap().join();
    assert!(played.is_ok(), "again: {SEED}={seed} cargo test -p wexport --bin wexport -- nights");
}
