//! A server that is slow, full or cut off, and clocks that differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{LINE, Machines, kill, shared};
use crate::relay::{Action, Relay};
use crate::world::World;

/// Lets each commit of the state of exports do something.
fn on_commit(machines: &Machines, statements: &str) {
    machines.done(&["jobs", "list"]);
    machines.sql(&format!(
        "CREATE FUNCTION on_commit() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {statements} RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER on_commit AFTER UPDATE ON wexport.export \
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_commit()"
    ));
}

/// One commit for each of the writes that wait would take longer than the lease.
#[test]
fn slow_commits_cost_no_export_and_not_the_lease() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 24, Duration::ZERO);
    on_commit(
        &machines,
        "IF current_setting('test.slept', TRUE) IS DISTINCT FROM pg_current_xact_id()::TEXT THEN \
             PERFORM pg_sleep(0.1); \
             PERFORM set_config('test.slept', pg_current_xact_id()::TEXT, TRUE); END IF;",
    );
    let start = || machines.command(&LINE).env("WEXPORT_LEASE", "2s").spawn().unwrap();
    for child in [start(), start()] {
        let ran = machines.world.ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(!ran.err.contains("failed"), "{}", ran.err);
    }
    machines.assert_complete(24);
}

/// What it has sent to the database before arrives when another process has taken over.
#[test]
fn holder_cut_off_from_the_database_submits_nothing_more() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 12, Duration::from_secs(1));
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let server = ([127, 0, 0, 1], machines.postgres.port()).into();
    let relay = Relay::start(server, move |_, _| {
        while cut.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        Action::Pass
    });
    let line = [&LINE[..], &["--max-in-flight", "2"]].concat();
    let holder = machines.command_over(relay.address.port(), &line);
    let holder = machines.world.spawn_until(holder, |world| world.submits() >= 2);
    is_cut.store(true, Ordering::Relaxed);
    let submits_of = |world: &World, number: usize| {
        let path = format!("/d{number}/export");
        world.requests().iter().filter(|line| line.contains(&path)).count()
    };
    // It goes on when another process has taken over, and has most of the exports before it.
    let next = machines.command(&line);
    let next = machines.world.spawn_until(next, |world| submits_of(world, 2) > 0);
    is_cut.store(false, Ordering::Relaxed);
    let ran = machines.world.ran(holder.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(9), "{}", ran.err);
    let ran = machines.world.ran(next.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // The answers to the first two may not have been stored when the process was cut off.
    for number in 2..12 {
        assert_eq!(submits_of(&machines.world, number), 1, "d{number}");
    }
    assert_eq!(machines.world.names("").len(), 13);
}

/// Machines whose clocks are 5 minutes ahead and behind have stored their times.
#[test]
fn clocks_of_machines_may_differ() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 4, Duration::from_secs(1));
    let accepted = "SELECT count(*) FROM wexport.export WHERE checkpoint LIKE '%\"operation\"%'";
    let is_accepted = |_: &World| machines.sql(accepted) == "4";
    let command = machines.command(&LINE);
    machines.done(&["jobs", "list"]);
    kill(machines.world.spawn_until(command, is_accepted));
    machines.sql(
        "UPDATE wexport.export SET checkpoint = checkpoint::jsonb || (SELECT jsonb_object_agg( \
             key, (value #>> '{}')::BIGINT + (number % 2 * 2 - 1) * 5 * 60000) \
             FROM jsonb_each(checkpoint::jsonb) WHERE key IN ('accepted', 'began', 'not_before'))",
    );
    let began = Instant::now();
    let ran = machines.done(&LINE);
    assert!(ran.err.contains("continuing batch"), "{}", ran.err);
    machines.assert_complete(4);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

/// A holder that gives signs of life stays the holder, and one that was killed does not.
#[test]
fn clock_of_the_database_may_differ() {
    let Some(postgres) = shared() else { return };
    for minutes in [-5, 5] {
        let machines = Machines::new(Arc::clone(&postgres), 4, Duration::from_secs(2));
        machines.sql(&format!(
            "CREATE SCHEMA wrong; CREATE FUNCTION wrong.clock_timestamp() RETURNS TIMESTAMPTZ \
                 LANGUAGE sql VOLATILE AS \
                 $$ SELECT pg_catalog.clock_timestamp() + {minutes} * INTERVAL '1 min' $$; \
             ALTER DATABASE {} SET search_path = wrong, pg_catalog",
            machines.database
        ));
        let holder = machines.holder(&["-q"], 4);
        let standby = machines.standby(&[]);
        kill(holder);
        let ran = machines.world.ran(standby.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("waiting for its end"), "{minutes}: {}", ran.err);
        machines.assert_complete(4);
    }
}

/// The server has no space for what changes.
#[test]
fn full_disk_of_the_server_loses_no_export() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 6, Duration::from_millis(500));
    machines.sql("CREATE TABLE full_disk ()");
    on_commit(
        &machines,
        "IF EXISTS (SELECT FROM full_disk) THEN \
             RAISE SQLSTATE '53100' USING MESSAGE = 'No space left on device'; END IF;",
    );
    let holder = machines.holder(&["--max-in-flight", "3"], 3);
    machines.sql("INSERT INTO full_disk DEFAULT VALUES");
    thread::sleep(Duration::from_secs(1));
    machines.sql("DELETE FROM full_disk");
    let ran = machines.world.ran(holder.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(6);
}

/// As a server that was the primary one before a failover, to which the address still leads.
#[test]
fn server_that_only_reads_for_a_while_loses_no_export() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 12, Duration::from_millis(100));
    let holder = machines.holder(&["--max-in-flight", "2"], 2);
    let sql = |sql: &str| machines.postgres.sql("postgres", sql).trim().to_owned();
    let database = &machines.database;
    sql(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    let of_database = format!("datname = '{database}'");
    sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of_database}"));
    let sessions = || -> u64 {
        let sessions = sql(&format!("SELECT sessions FROM pg_stat_database WHERE {of_database}"));
        sessions.parse().unwrap()
    };
    let (before, until) = (sessions(), Instant::now() + Duration::from_secs(20));
    // It connects again and again.
    while sessions() < before + 6 {
        assert!(Instant::now() < until);
    }
    sql(&format!("ALTER DATABASE {database} RESET default_transaction_read_only"));
    let ran = machines.world.ran(holder.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(12);
}

/// Before its end, or after it.
#[test]
fn new_batch_is_stored_once_when_the_connection_is_lost() {
    let Some(postgres) = shared() else { return };
    let cases = [("INSERT INTO wexport.export", Action::Close), ("COMMIT", Action::LoseAnswer)];
    for (statement, action) in cases {
        let machines = Machines::new(Arc::clone(&postgres), 3, Duration::ZERO);
        machines.done(&["jobs", "list"]);
        let is_lost = AtomicBool::new(false);
        let server = ([127, 0, 0, 1], machines.postgres.port()).into();
        let relay = Relay::start(server, move |bytes, _| {
            let is_it = bytes.windows(statement.len()).any(|text| text == statement.as_bytes());
            let is_first = is_it && !is_lost.swap(true, Ordering::Relaxed);
            if is_first { action } else { Action::Pass }
        });
        let mut command = machines.command_over(relay.address.port(), &LINE);
        let ran = machines.world.ran(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{statement}: {}", ran.err);
        assert!(relay.seen().matches(statement).count() > 1, "{statement}");
        machines.assert_complete(3);
        assert_eq!(machines.sql("SELECT done FROM wexport.batches"), "3");
    }
}
