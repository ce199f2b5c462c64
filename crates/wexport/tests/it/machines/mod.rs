//! Batches whose state is in PostgreSQL: several machines, one of which is killed, frozen or cut off.

mod failures;
mod login;
#[cfg(feature = "s3")]
mod stores;
mod workers;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use test_servers::Postgres;

use crate::world::{Ran, World, quick};

const PASSWORD: &str = Postgres::PASSWORD;

/// The server of all tests that do not stop it. It ends with the last of those that run at once.
fn shared() -> Option<Arc<Postgres>> {
    static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = server.upgrade() {
        return Some(running);
    }
    let started = Arc::new(Postgres::start()?);
    *server = Arc::downgrade(&started);
    Some(started)
}

/// Machines that share a service, the folder of files, and a database.
struct Machines {
    world: World,
    postgres: Arc<Postgres>,
    database: String,
}

const LINE: [&str; 8] =
    ["batch", "list.csv", "-o", "{id}.{ext}", "--key", "night", "--date", "2026-11-30"];

impl Machines {
    fn new(postgres: Arc<Postgres>, exports: usize, complete_after: Duration) -> Self {
        Self::with(postgres, exports, World::with(quick().with_complete_after(complete_after)))
    }

    fn with(postgres: Arc<Postgres>, exports: usize, world: World) -> Self {
        let machines = Self { world, database: postgres.database(), postgres };
        machines.write_list(0..exports);
        machines
    }

    fn write_list(&self, exports: impl IntoIterator<Item = usize>) {
        let rows = exports.into_iter().map(|number| format!("document,d{number},pdf\n"));
        let rows: String = rows.collect();
        self.world.write("list.csv", format!("kind,id,format\n{rows}"));
    }

    fn command(&self, line: &[&str]) -> Command {
        self.command_over(self.postgres.port(), line)
    }

    /// A command of a machine for which the server has another port.
    fn command_over(&self, port: u16, line: &[&str]) -> Command {
        let url = format!("postgres://ada@127.0.0.1:{port}/{}", self.database);
        let mut command = self.world.command(line);
        command.env("WEXPORT_STATE", url).env("PGPASSWORD", PASSWORD).env("WEXPORT_LEASE", "1s");
        command
    }

    fn run(&self, line: &[&str]) -> Ran {
        self.world.ran(self.command(line).output().unwrap())
    }

    fn done(&self, line: &[&str]) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{line:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// Starts the batch, and waits until it has sent so many submits.
    fn holder(&self, flags: &[&str], submits: usize) -> Child {
        let line = [&LINE[..], flags].concat();
        self.world.spawn_until(self.command(&line), |world| world.submits() >= submits)
    }

    /// Starts the same command on another machine, and waits until it waits.
    fn standby(&self, flags: &[&str]) -> Child {
        let child = self.command(&[&LINE[..], flags].concat()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while self.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wexport' \
                        AND datname = current_database() AND query LIKE 'SELECT id, description%'",
        ) == "0"
        {
            assert!(Instant::now() < until);
        }
        child
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.sql(&self.database, sql).trim().to_owned()
    }

    /// Each export has one file, and one submit.
    fn assert_complete(&self, exports: usize) {
        let submitted: BTreeSet<_> =
            self.world.server.exports().iter().map(|it| it.source().to_owned()).collect();
        assert_eq!((self.world.submits(), submitted.len()), (exports, exports));
        for export in self.world.server.exports() {
            let file = self.world.read(format!("{}.pdf", export.source()));
            assert!(file == export.content().to_bytes().unwrap(), "{}", export.source());
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn batch_is_shown_on_any_machine() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 3, Duration::ZERO);
    machines.done(&[&LINE[..], &["-q"]].concat());
    machines.assert_complete(3);
    assert_eq!(machines.world.names("../home"), Vec::<String>::new());
    let listed = machines.done(&["jobs", "list"]).out;
    let id = listed.split(' ').next().unwrap();
    assert!(listed.contains("done"), "{listed}");
    let json = machines.done(&["jobs", "list", "--json"]).out;
    assert!(json.contains("\"done\":3"), "{json}");
    let shown = machines.done(&["jobs", "show", id]).out;
    assert!(shown.contains(&format!("{:<8}{:>8}", "done", 3)), "{shown}");
    let row = machines.done(&["jobs", "show", &format!("{id}/2")]).out;
    assert!(row.contains("d0.pdf") && row.contains("202"), "{row}");
    assert!(machines.done(&["report"]).out.contains(id));
    let view = machines.sql("SELECT done, unconfirmed, key, takeovers FROM wexport.batches");
    assert_eq!(view, "3|0|night|0");
    // The same command has nothing to do, unless a file is gone.
    let again = machines.done(&LINE);
    assert!(again.err.contains("continuing batch"), "{}", again.err);
    machines.assert_complete(3);
    fs::remove_file(machines.world.work().join("d1.pdf")).unwrap();
    let again = machines.done(&LINE);
    assert!(again.err.contains("row 3: d1.pdf is gone: it is exported again"), "{}", again.err);
    assert_eq!(machines.world.submits(), 4);
    assert_eq!(
        machines.done(&["jobs", "clean", "--older-than", "0s"]).out,
        "removed 0 jobs and 1 batch\n"
    );
    assert_eq!(machines.sql("SELECT count(*) FROM wexport.export"), "0");
}

/// The exports of the other batch cannot be read.
#[test]
fn commands_read_no_exports_that_they_do_not_need() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::ZERO);
    machines.done(&LINE);
    machines.done(&["batch", "list.csv", "-o", "other/{id}.{ext}", "--key", "other"]);
    machines.sql("UPDATE wexport.export SET subject = '?' WHERE destination LIKE '%other%'");
    let listed = machines.done(&["jobs", "list"]).out;
    assert_eq!(listed.matches("2 exports of list.csv: 2 done").count(), 2, "{listed}");
    let id = listed.split(' ').next().unwrap();
    for line in [&["jobs", "show", id][..], &["report", id], &["jobs", "show", &format!("{id}/2")]]
    {
        assert!(machines.done(line).out.contains(id), "{line:?}");
    }
    let damaged = listed.lines().next_back().unwrap().split(' ').next().unwrap();
    let damaged = machines.run(&["jobs", "show", damaged]);
    assert!(damaged.err.contains("is damaged"), "{}", damaged.err);
}

/// It goes on with the latest one if that is asked for.
#[test]
fn list_without_a_key_is_a_new_batch() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::ZERO);
    let line = ["batch", "list.csv", "-o", "{id}.{ext}"];
    machines.done(&line);
    machines.done(&line);
    assert_eq!(
        (machines.sql("SELECT count(*) FROM wexport.batches").as_str(), machines.world.submits()),
        ("2", 4)
    );
    machines.done(&[&line[..], &["--continue"]].concat());
    assert_eq!(
        (machines.sql("SELECT count(*) FROM wexport.batches").as_str(), machines.world.submits()),
        ("2", 4)
    );
}

#[test]
fn standby_takes_over_from_a_killed_holder() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 8, Duration::from_secs(4));
    let holder = machines.holder(&["-q"], 8);
    let standby = machines.standby(&[]);
    let listed = machines.done(&["jobs", "list"]).out;
    assert!(listed.contains(&format!("process {} on ", holder.id())), "{listed}");
    kill(holder);
    let ran = machines.world.ran(standby.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("waiting for its end") && ran.err.contains("continuing batch"));
    machines.assert_complete(8);
    assert_eq!(machines.sql("SELECT takeovers FROM wexport.batches"), "1");
}

/// It gives no sign of life, and has no connection any more.
#[test]
fn killed_holder_is_replaced_before_its_lease_ends() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::from_secs(1));
    let command = || {
        let mut command = machines.command(&LINE);
        command.env("WEXPORT_LEASE", "30s");
        command
    };
    let holder = machines.world.spawn_until(command(), |world| world.submits() == 2);
    let held_until = machines.sql("SELECT held_until FROM wexport.batch");
    kill(holder);
    let ran = machines.world.ran(command().output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(2);
    let is_earlier = format!("SELECT heard < '{held_until}', epoch FROM wexport.batch");
    assert_eq!(machines.sql(&is_earlier), "t|2");
}

/// Exports are under way the first time, and done the second time.
#[test]
fn changed_list_takes_over_what_it_shares() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 4, Duration::from_secs(1));
    let accepted = "SELECT count(*) FROM wexport.export WHERE checkpoint LIKE '%\"operation\"%'";
    machines.done(&["jobs", "list"]);
    let is_accepted = |_: &World| machines.sql(accepted) == "4";
    kill(machines.world.spawn_until(machines.command(&LINE), is_accepted));
    machines.write_list(1..5);
    for told in
        ["1 export new (row 5), 1 export gone (former row 2)", "0 exports new, 2 exports gone"]
    {
        let ran = machines.done(&LINE);
        let told = format!("in another batch, since the list or a flag has changed: {told}");
        assert!(ran.err.contains(&told), "{}", ran.err);
        assert_eq!(machines.world.submits(), 5, "{told}");
        machines.write_list(3..5);
    }
    let view = "SELECT done, open, key, exit_code FROM wexport.batches ORDER BY id";
    assert_eq!(machines.sql(view), "0|4|night|8\n4|0|night|0\n2|0|night|0");
    assert_eq!(machines.sql("SELECT count(name) FROM wexport.batch"), "1");
    // The last one has the name.
    let requests = machines.world.requests();
    machines.done(&LINE);
    assert_eq!(machines.world.requests(), requests);
}

/// It has an old state of the batch, and goes on for a moment.
#[test]
fn frozen_holder_submits_nothing_after_the_takeover() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 12, Duration::from_secs(1));
    // Most of its submits are left when it is frozen, and none of its files is begun.
    let holder = machines.holder(&["--max-in-flight", "2"], 2);
    signal(&holder, "-STOP");
    let ran = machines.done(&LINE);
    assert!(ran.err.contains("continuing batch"), "{}", ran.err);
    // One whose answer was not stored when the process was frozen is harmless, and was sent again.
    let submits = machines.world.submits();
    assert!((12..=14).contains(&submits), "{submits}");
    signal(&holder, "-CONT");
    let ran = machines.world.ran(holder.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    assert!(ran.err.contains("another process has taken over batch"), "{}", ran.err);
    assert!(ran.err.contains("it sends nothing more"), "{}", ran.err);
    assert_eq!((machines.world.submits(), machines.world.names("").len()), (submits, 13));
}

/// Each submit that was sent has its file, or is unconfirmed.
#[test]
fn nothing_is_submitted_twice_whenever_the_holder_is_killed() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 10, Duration::from_millis(100));
    let flags = ["--resubmit", "never", "--max-in-flight", "1"];
    for submits in [1, 3, 6, 9] {
        kill(machines.holder(&flags, submits));
    }
    let ran = machines.run(&[&LINE[..], &flags].concat());
    let unconfirmed: usize =
        machines.sql("SELECT unconfirmed FROM wexport.batches").parse().unwrap();
    let done: usize = machines.sql("SELECT done FROM wexport.batches").parse().unwrap();
    assert_eq!(done + unconfirmed, 10, "{}", ran.err);
    assert!(machines.world.submits() <= 10 && machines.world.submits() >= done, "{}", ran.err);
    assert_eq!(ran.code, Some(if unconfirmed == 0 { 0 } else { 8 }), "{}", ran.err);
    for number in 0..10 {
        let submits = machines.world.requests();
        let of_it = submits.iter().filter(|it| it.contains(&format!("/d{number}/export")));
        assert!(of_it.count() <= 1, "{submits:?}");
    }
    let listed = machines.done(&["jobs", "list"]).out;
    let shown = machines.done(&["jobs", "show", listed.split(' ').next().unwrap()]).out;
    assert!(shown.matches("may have started an export").count() >= unconfirmed, "{shown}");
}

#[test]
fn server_that_crashes_and_restarts_loses_no_export() {
    let Some(postgres) = Postgres::start() else { return };
    let machines = Machines::new(Arc::new(postgres), 12, Duration::from_millis(500));
    let holder = machines.holder(&["--max-in-flight", "3"], 3);
    machines.postgres.stop("immediate");
    machines.postgres.begin();
    let ran = machines.world.ran(holder.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(12);
}

#[test]
fn no_secret_is_in_any_table() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::ZERO);
    machines.done(&[&LINE[..], &["--log-level", "debug"]].concat());
    for table in ["batch", "export", "note", "event", "pace", "worker"] {
        let text = machines.sql(&format!("SELECT * FROM wexport.{table}"));
        for secret in ["a-secret", "a-token", PASSWORD, "signature="] {
            assert!(!text.contains(secret), "{table}: {text}");
        }
    }
    assert_ne!(machines.sql("SELECT count(*) FROM wexport.pace WHERE pacer IS NOT NULL"), "0");
}

#[test]
fn wrong_settings_are_told_before_anything_is_sent() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 1, Duration::ZERO);
    let url = format!("postgres://ada:{PASSWORD}@127.0.0.1:{}/x", machines.postgres.port());
    let ran = machines.run(&[&LINE[..], &["--state", &url]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("PGPASSWORD") && !ran.err.contains(PASSWORD), "{}", ran.err);
    let ran = machines.run(&["document", "d1", "-o", "d1.pdf"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--state DIR"), "{}", ran.err);
    let mut wrong = machines.command(&LINE);
    let ran = machines.world.ran(wrong.env("PGPASSWORD", "wrong-s3cret").output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("cannot log in") && !ran.err.contains("s3cret"), "{}", ran.err);
    let ran = machines.world.ran(wrong.env_remove("PGPASSWORD").output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("password missing"), "{}", ran.err);
    assert_eq!(machines.world.requests(), Vec::<String>::new());
}
