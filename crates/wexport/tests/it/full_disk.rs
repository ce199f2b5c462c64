//! State on a disk that is full.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use export_sim::{Endpoint, Fault, Moment, Rule, Scenario};

use crate::world::{Ran, World, quick};

/// Runs a script in a mount namespace, in which `state` is a file system with this number of free
/// KiB, until `state/filler` is removed. `"$@"` is the program. `None` if the system does not allow
/// it.
fn run_in_small_state(world: &World, free: u32, script: &str) -> Option<Ran> {
    let unshare = |command: &mut Command, script: &str| {
        command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    };
    let mut probe = Command::new("unshare");
    unshare(&mut probe, "mount -t tmpfs none /tmp");
    if !probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting a tmpfs is not permitted");
        return None;
    }
    fs::create_dir(world.work().join("state")).unwrap();
    let program = world.command(&[]);
    let mut command = Command::new("unshare");
    let filler = 16_384 - free;
    let mount = format!(
        "mount -t tmpfs -o size=16384k none state || exit 99
         head -c {filler}K /dev/zero > state/filler"
    );
    unshare(&mut command, &format!("{mount}\n{script}"));
    command.arg(program.get_program()).current_dir(world.work()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.env("WEXPORT_STATE_DIR", "state");
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(world.ran(command.output().unwrap()))
}

fn list(count: usize) -> String {
    let rows = (1..=count).map(|number| format!("document,d{number},pdf\n"));
    "kind,id,format\n".to_owned() + &rows.collect::<String>()
}

/// How much is written before the first submit depends on how fast the machine is, so that the disk is made
/// smaller until it is full meanwhile.
#[test]
fn batch_on_a_full_disk_asks_for_nothing_twice() {
    // The database and the reserved space leave little for the log.
    for (count, most) in [(3, 780), (19, 1060), (40, 1480)] {
        let full =
            (400..=most).rev().step_by(40).find_map(|free| batch_on_a_full_disk(count, free));
        assert!(full.is_some(), "{count}: the disk was never full");
    }
}

/// `None` if the disk was large enough.
fn batch_on_a_full_disk(count: usize, free: u32) -> Option<()> {
    let world = World::with(quick().with_complete_after(Duration::from_millis(100)));
    world.write("list.csv", list(count));
    let script = r#"
        "$@" batch list.csv -o '{id}.{ext}' --results results.jsonl -q
        code=$?; test $code = 0 && exit 95
        test $code = 7 || { echo "code $code, not 7" >&2; df state >&2; exit 98; }
        rm state/filler
        "$@" jobs resume --failed -q || exit 97
        test "$(ls state/batches/*/reserve 2>/dev/null)" = "" || exit 96
        "$@" jobs list"#;
    let Some(ran) = run_in_small_state(&world, free, script) else { return Some(()) };
    if ran.code == Some(95) {
        return None;
    }
    assert_eq!(ran.code, Some(0), "{count}: {}", ran.err);
    assert!(ran.err.contains("exports are not submitted"), "{}", ran.err);
    assert!(!ran.err.contains("failed: row"), "{}", ran.err);
    assert!(ran.out.contains(&format!("{count} done")), "{}", ran.out);
    assert_eq!(world.submits(), count, "{}", ran.err);
    Some(())
}

/// Somebody has removed the reserved space.
#[test]
fn operations_that_are_not_recorded_are_printed() {
    // The disk is full when the first responses arrive.
    let stall = Fault::Stall { at: Moment::BeforeHead, time: Some(Duration::from_millis(500)) };
    let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Submit, stall));
    let world = World::with(quick().with_scenario(scenario));
    world.write("list.csv", list(19));
    let script = r#"
        (
            until test -e state/batches/*/events.ndjson; do sleep 0.005; done
            rm state/batches/*/reserve
            while sleep 0.005; do cat /dev/zero >> state/filler2; done
        ) 2>/dev/null &
        filler=$!
        "$@" batch list.csv -o '{id}.{ext}' -q 2> out
        code=$?; cat out >&2; kill $filler; rm state/filler*
        test $code = 7 || exit 98
        "$@" jobs resume --failed -q || exit 97"#;
    let Some(ran) = run_in_small_state(&world, 1_000, script) else { return };
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lost = ran.err.matches("its operation could not be recorded").count();
    assert_eq!(world.submits(), 19 + lost, "{}", ran.err);
}

#[test]
fn batch_without_reserved_space_is_refused() {
    let world = World::new();
    world.write("list.csv", list(3));
    let script = r#"
        "$@" batch list.csv -o '{id}.{ext}' -q
        code=$?; ls state/batches; "$@" jobs list; exit $code"#;
    let Some(ran) = run_in_small_state(&world, 300, script) else { return };
    assert_eq!((ran.code, ran.out.as_str()), (Some(7), ""), "{}", ran.err);
    assert!(ran.err.contains("free disk space"), "{}", ran.err);
    assert!(world.requests().is_empty());
}
