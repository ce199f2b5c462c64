//! Batches whose exports are driven by workers.

use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{LINE, Machines, kill, shared, signal};
use crate::relay::{Action, Relay};
use crate::world::Ran;

const FOLLOW: [&str; 9] = [
    "batch",
    "list.csv",
    "-o",
    "{id}.{ext}",
    "--key",
    "night",
    "--date",
    "2026-11-30",
    "--for-workers",
];

impl Machines {
    fn follower(&self, flags: &[&str]) -> Child {
        self.command(&[&FOLLOW[..], flags].concat()).spawn().unwrap()
    }

    /// Starts a batch for workers, and waits until it is stored.
    fn begin(&self, flags: &[&str]) -> Child {
        let follower = self.follower(flags);
        self.wait(|| self.sql("SELECT to_regclass('wexport.batches') IS NOT NULL") == "t");
        self.wait(|| self.sql("SELECT count(*) FROM wexport.batches") == "1");
        follower
    }

    fn worker(&self, flags: &[&str]) -> Child {
        self.command(&[&["work"], flags].concat()).spawn().unwrap()
    }

    fn wait(&self, is_reached: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is_reached() {
            assert!(Instant::now() < until, "{:?}", self.world.requests());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn ended(&self, child: Child) -> Ran {
        self.world.ran(child.wait_with_output().unwrap())
    }

    fn results(&self, name: &str) -> usize {
        String::from_utf8(self.world.read(name)).unwrap().lines().count()
    }

    fn submits_of(&self, export: usize) -> usize {
        let path = format!("/d{export}/export ");
        self.world.requests().iter().filter(|line| line.contains(&path)).count()
    }
}

/// Each export has its file. Only one whose answer a killed worker has not stored is requested again.
#[test]
fn workers_that_are_killed_lose_no_export() {
    const EXPORTS: usize = 40;

    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, EXPORTS, Duration::from_millis(300));
    let followers = ["a.jsonl", "b.jsonl"].map(|results| {
        let follower = machines.begin(&["--results", results, "-q"]);
        (follower, results)
    });
    let worker = || {
        let mut command = machines.command(&["work", "-q"]);
        command.env("WEXPORT_SUBMIT_RATE", "20/s").spawn().unwrap()
    };
    let mut workers = [(); 3].map(|()| worker());
    let mut kills = 0;
    while machines.sql("SELECT done FROM wexport.batches").parse::<usize>().unwrap()
        < EXPORTS * 2 / 3
    {
        thread::sleep(Duration::from_millis(500));
        kill(std::mem::replace(&mut workers[kills % 3], worker()));
        kills += 1;
    }
    for (follower, results) in followers {
        let ran = machines.ended(follower);
        assert_eq!((ran.code, machines.results(results)), (Some(0), EXPORTS), "{}", ran.err);
    }
    for worker in workers {
        let ran = machines.ended(worker);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    }
    let submits = machines.world.submits();
    assert!(kills > 1 && (EXPORTS..=EXPORTS + 4 * kills).contains(&submits), "{kills}: {submits}");
    for export in machines.world.server.exports() {
        let file = machines.world.read(format!("{}.pdf", export.source()));
        assert!(file == export.content().to_bytes().unwrap(), "{}", export.source());
    }
    assert_eq!(machines.world.names("").len(), EXPORTS + 3);
    let view = machines.sql("SELECT done, workers, takeovers > 0, exit_code FROM wexport.batches");
    assert_eq!(view, format!("{EXPORTS}|0|t|0"));
    // A file that is gone is exported again, by a worker.
    fs::remove_file(machines.world.work().join("d1.pdf")).unwrap();
    let follower = machines.follower(&[]);
    machines.wait(|| machines.sql("SELECT waiting FROM wexport.batches") == "1");
    machines.done(&["work", "--key", "night", "-q"]);
    let ran = machines.ended(follower);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("d1.pdf is gone: it is exported again"), "{}", ran.err);
    assert_eq!(machines.world.submits(), submits + 1);
}

#[test]
fn workers_submit_nothing_twice_with_resubmit_never() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 8, Duration::from_millis(50));
    let follower = machines.begin(&["-q", "--max-in-flight", "1"]);
    let worker = ["work", "-q", "--resubmit", "never"];
    for submits in [1, 3, 6] {
        let reached = |world: &crate::world::World| world.submits() >= submits;
        kill(machines.world.spawn_until(machines.command(&worker), reached));
    }
    machines.done(&worker);
    let ran = machines.ended(follower);
    let count = |column| -> usize {
        machines.sql(&format!("SELECT {column} FROM wexport.batches")).parse().unwrap()
    };
    let unconfirmed = count("unconfirmed");
    assert_eq!(count("done") + unconfirmed, 8, "{}", ran.err);
    assert_eq!(ran.code, Some(if unconfirmed == 0 { 0 } else { 8 }), "{}", ran.err);
    assert_eq!(ran.err.matches("may have started an export").count(), unconfirmed, "{}", ran.err);
    assert!(
        (0..8).all(|export| machines.submits_of(export) <= 1),
        "{:?}",
        machines.world.requests()
    );
}

/// It has an old state of its exports, and goes on for a moment.
#[test]
fn frozen_worker_submits_nothing_after_the_takeover() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 6, Duration::from_secs(1));
    let follower = machines.begin(&["-q", "--max-in-flight", "2"]);
    let frozen = machines.worker(&[]);
    machines.wait(|| machines.world.submits() >= 2);
    signal(&frozen, "-STOP");
    let id = machines.sql("SELECT id FROM wexport.batches");
    let shown = machines.done(&["jobs", "show", &id]).out;
    assert!(shown.contains(&format!("worker: process {} on ", frozen.id())), "{shown}");
    machines.done(&["work", "-q"]);
    let submits = machines.world.submits();
    assert!((6..=8).contains(&submits), "{submits}");
    signal(&frozen, "-CONT");
    let ran = machines.ended(frozen);
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    assert!(ran.err.contains("other workers go on with the exports of this one"), "{}", ran.err);
    assert_eq!(machines.ended(follower).code, Some(0));
    assert_eq!((machines.world.submits(), machines.world.names("").len()), (submits, 7));
}

/// If one took all of them, they would wait for its lease again when it is killed too.
#[test]
fn exports_of_a_killed_worker_are_shared_by_the_others() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 8, Duration::from_secs(5));
    let follower = machines.begin(&["-q"]);
    let killed = machines.worker(&["-q"]);
    machines.wait(|| machines.sql("SELECT open FROM wexport.batches") == "8");
    let others = [(); 2].map(|()| machines.worker(&["-q"]));
    machines.wait(|| machines.sql("SELECT workers FROM wexport.batches") == "3");
    kill(killed);
    let workers =
        "SELECT count(*), count(DISTINCT worker) FROM wexport.export WHERE status = 'open'";
    machines.wait(|| machines.sql(workers) == "8|2");
    for child in others.into_iter().chain([follower]) {
        assert_eq!(machines.ended(child).code, Some(0));
    }
    machines.assert_complete(8);
}

/// A row that another worker has removed is one whose lease has ended. This one does not know it yet.
#[test]
fn worker_without_its_row_submits_nothing() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 20, Duration::ZERO);
    kill(machines.begin(&["-q"]));
    let mut worker = machines.command(&["work"]);
    worker.env("WEXPORT_LEASE", "60s").env("WEXPORT_SUBMIT_RATE", "10/s");
    let worker = machines.world.spawn_until(worker, |world| world.submits() >= 2);
    machines.sql("DELETE FROM wexport.worker");
    let submits = machines.world.submits();
    let ran = machines.ended(worker);
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    assert!(machines.world.submits() <= submits + 2, "{submits}: {:?}", machines.world.requests());
    machines.done(&["work", "-q"]);
    assert_eq!(machines.sql("SELECT done FROM wexport.batches"), "20");
}

#[test]
fn failure_that_affects_all_exports_ends_a_batch_for_workers() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 60, Duration::ZERO);
    let follower = machines.begin(&[]);
    let mut other = machines.command(&["work", "-q"]);
    other.env("WEXPORT_SUBMIT_RATE", "5/s");
    let other = machines.world.spawn_until(other, |world| world.submits() > 0);
    let mut wrong = machines.command(&["work", "--stay"]);
    let ran = machines.world.ran(wrong.env("WORKIVA_CLIENT_SECRET", "wrong").output().unwrap());
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert_eq!(machines.ended(other).code, Some(0));
    let ran = machines.ended(follower);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    let waiting = || machines.sql("SELECT waiting FROM wexport.batches").parse::<usize>().unwrap();
    assert!(waiting() > 0);
    let submits = machines.world.submits();
    // It has ended for all workers, until it is resumed.
    machines.done(&["work"]);
    assert_eq!(machines.world.submits(), submits);
    let id = machines.sql("SELECT id FROM wexport.batches");
    let resumed = machines.command(&["jobs", "resume", &id]).spawn().unwrap();
    machines.wait(|| machines.sql("SELECT exit_code IS NULL FROM wexport.batches") == "t");
    machines.done(&["work"]);
    let ran = machines.ended(resumed);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(60);
}

#[test]
fn follower_that_is_stopped_leaves_the_batch_to_workers() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 3, Duration::ZERO);
    let follower = machines.begin(&[]);
    // No worker is there for longer than a lease.
    thread::sleep(Duration::from_millis(1_800));
    signal(&follower, "-TERM");
    let ran = machines.ended(follower);
    assert_eq!(ran.code, Some(143), "{}", ran.err);
    assert!(ran.err.contains("no worker gives a sign of life"), "{}", ran.err);
    assert!(ran.err.contains("workers go on with batch"), "{}", ran.err);
    // One of another key, and without the flag.
    machines.done(&["work", "--key", "other"]);
    let ran = machines.run(&LINE);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--for-workers"), "{}", ran.err);
    // Of another list, before workers have ended the batch and after it.
    machines.write_list(1..4);
    let ran = machines.run(&FOLLOW);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("wait until workers have ended the batch"), "{}", ran.err);
    machines.write_list(0..3);
    assert_eq!(machines.world.submits(), 0);
    machines.done(&["work"]);
    machines.assert_complete(3);
    assert_eq!(machines.ended(machines.follower(&[])).code, Some(0));
    assert_eq!(machines.world.submits(), 3);
    machines.write_list(1..4);
    let follower = machines.follower(&[]);
    machines.wait(|| machines.sql("SELECT count(*) FROM wexport.batches") == "2");
    machines.done(&["work"]);
    let ran = machines.ended(follower);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("1 export new (row 4), 1 export gone (former row 2)"), "{}", ran.err);
    machines.assert_complete(4);
}

#[test]
fn files_for_workers_have_names_of_their_own() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::ZERO);
    for output in ["files/", "{name}.{ext}", "{kind}.{ext}"] {
        let line = ["batch", "list.csv", "-o", output, "--key", "k", "--for-workers"];
        let ran = machines.run(&line);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(
            ran.err.contains("line 3: its file may get the name of that of line 2"),
            "{}",
            ran.err
        );
    }
    let ran = machines.world.run(&FOLLOW);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("needs a database"), "{}", ran.err);
    // The format says which extension a file will have.
    machines.world.write("list.csv", "kind,id,format\ndocument,d0,pdf\ndocument,d0,docx\n");
    let follower = machines.begin(&["-q"]);
    machines.done(&["work", "-q"]);
    let ran = machines.ended(follower);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(machines.world.names(""), ["d0.docx", "d0.pdf", "list.csv"]);
}

#[test]
fn database_of_the_first_version_is_migrated() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 4, Duration::from_secs(1));
    kill(machines.holder(&["--max-in-flight", "2"], 2));
    let first = include_str!("../samples/postgres-1.sql");
    let columns = [
        ("batch", "id, name, description, epoch, holder, heard, held_until, began"),
        ("export", "batch, number, line, subject, destination, fresh, status, checkpoint"),
    ];
    let copied = columns.map(|(table, columns)| {
        format!("INSERT INTO wexport.{table} ({columns}) SELECT {columns} FROM later.{table};")
    });
    machines.sql(&format!(
        "ALTER SCHEMA wexport RENAME TO later; CREATE SCHEMA wexport; {first} {} \
         DROP SCHEMA later CASCADE",
        copied.concat()
    ));
    machines.done(&LINE);
    // Those whose answers were not stored when the process was killed are requested again.
    assert!((4..=6).contains(&machines.world.submits()), "{:?}", machines.world.requests());
    assert_eq!(machines.sql("SELECT number FROM wexport.version"), "3");
    assert_eq!(machines.sql("SELECT done, workers FROM wexport.batches"), "4|0");
    machines.sql("UPDATE wexport.version SET number = 99");
    let ran = machines.run(&["jobs", "list"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("newer wexport (schema version 99)"), "{}", ran.err);
}

/// Of statements that were made, so that they are made again.
#[test]
fn lost_answers_of_the_database_repeat_no_event() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 4, Duration::ZERO);
    machines.done(&["jobs", "list"]);
    // The first time that a text is sent, for each of these.
    let losing = |texts: &'static [&'static str]| {
        let lost = AtomicUsize::new(0);
        let server = ([127, 0, 0, 1], machines.postgres.port()).into();
        let relay = Relay::start(server, move |bytes, _| {
            let text = texts.get(lost.load(Ordering::Relaxed)).map(|text| text.as_bytes());
            match text.is_some_and(|text| bytes.windows(text.len()).any(|part| part == text)) {
                true => {
                    lost.fetch_add(1, Ordering::Relaxed);
                    Action::LoseAnswer
                }
                false => Action::Pass,
            }
        });
        relay.address.port()
    };
    let line = [&FOLLOW[..], &["--json", "--results", "results.jsonl"]].concat();
    let port = losing(&["SELECT number, line, subject, outcome", "COMMIT"]);
    let follower = machines.command_over(port, &line).spawn().unwrap();
    machines.wait(|| machines.sql("SELECT count(*) FROM wexport.batches") == "1");
    let port = losing(&["\"event\":\"sending\"", "\"event\":\"done\"", "\"event\":\"done\""]);
    let ran = machines.ended(machines.command_over(port, &["work", "-q"]).spawn().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ran = machines.ended(follower);
    assert_eq!(
        (ran.code, ran.out.matches("\"event\":\"done\"").count()),
        (Some(0), 4),
        "{}",
        ran.out
    );
    assert_eq!(machines.results("results.jsonl"), 4);
    for event in ["accepted", "done"] {
        let of_event = format!("FROM wexport.event WHERE event LIKE '%\"event\":\"{event}\"%'");
        assert_eq!(machines.sql(&format!("SELECT count(*) {of_event}")), "4", "{event}");
    }
    machines.assert_complete(4);
}
