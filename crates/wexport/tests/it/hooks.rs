//! What a command does when it begins and ends: `--on-failure`, `--on-success` and `--ping`.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use export_sim::Scenario;
use test_servers::{Action, Server};

use crate::world::{Ran, World, quick};

const PATH: (&str, &str) = ("PATH", "/usr/bin:/bin");
const PDF: [&str; 5] = ["document", "d1", "-o", "d1.pdf", "-q"];

/// A hook that writes what it is told to `told`, and its number of runs to `runs`.
const TELL: &str = "cat > told; env | grep ^WEXPORT_ | sort >> told; echo run >> runs";

fn run(world: &World, line: &[&str], flags: &[&str]) -> Ran {
    world.run_with(&[PATH], &[line, flags].concat())
}

/// A service that ends each export without its file.
fn world_with_failure() -> World {
    let rules = r#"{"rules": [{"match": {"endpoint": "operation"}, "then": {"fault": "end_operation",
        "code": "TooLarge", "message": "The document is too large."}}]}"#;
    World::with(quick().with_scenario(Scenario::from_json(rules).unwrap()))
}

fn text(world: &World, name: &str) -> String {
    String::from_utf8(world.read(name)).unwrap()
}

/// The value of a variable that the hook has written.
fn told(world: &World, name: &str) -> String {
    let told = text(world, "told");
    let prefix = format!("WEXPORT_{name}=");
    told.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("not set").to_owned()
}

pub(crate) fn ok() -> Action {
    Action::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK".to_vec())
}

/// The paths that a monitor was sent.
pub(crate) fn pings(monitor: &Server) -> Vec<String> {
    let path = |request: &String| request.split(' ').nth(1).unwrap().to_owned();
    monitor.requests().iter().map(path).collect()
}

#[test]
fn success_hook_gets_summary_and_facts() {
    let world = World::new();
    let ran = run(&world, &PDF, &["--on-success", TELL, "--on-failure", "echo no > failed"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(!world.names("").contains(&"failed".to_owned()));
    let id = world.done(&["jobs", "list"]).out.split(' ').next().unwrap().to_owned();
    assert_eq!(told(&world, "JOB"), id);
    let file = world.work().join("d1.pdf").display().to_string();
    for (name, value) in [
        ("EXIT_CODE", "0"),
        ("STATUS", "done"),
        ("FILE", &file),
        ("ERROR", ""),
        ("EXPORTS", "1"),
        ("DONE", "1"),
        ("FAILED", "0"),
        ("LEFT", "0"),
    ] {
        assert_eq!(told(&world, name), value, "{name}");
    }
    assert_eq!(told(&world, "BYTES"), world.read("d1.pdf").len().to_string());
    let told = text(&world, "told");
    let summary = format!("wexport: done\njob {id}: document d1 as pdf: {file}\n");
    assert!(told.starts_with(&summary), "{told}");
}

#[test]
fn failure_hook_of_a_batch_runs_once_with_each_reason() {
    let world = world_with_failure();
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n");
    let line = ["batch", "list.csv", "-o", "{id}.{ext}", "-q", "--on-failure", TELL];
    let ran = run(&world, &line, &[]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(text(&world, "runs"), "run\n");
    for (name, value) in [
        ("EXIT_CODE", "8"),
        ("STATUS", "failed"),
        ("FILE", ""),
        ("ERROR", "some exports failed"),
        ("EXPORTS", "2"),
        ("DONE", "0"),
        ("FAILED", "2"),
    ] {
        assert_eq!(told(&world, name), value, "{name}");
    }
    let told = text(&world, "told");
    for part in [
        "wexport: failed (exit code 8)\nbatch ",
        ": list.csv: 2 exports: 2 failed\n",
        "\nrow 2 (document d1 as pdf): ",
        "\nrow 3 (document d2 as pdf): ",
        "  service:          TooLarge: The document is too large.",
        "  what to do:",
        "\nerror: some exports failed\n",
        "wexport jobs resume ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }

    // Once for all runs that are resumed.
    run(&world, &[&PDF[..], &["--on-failure", "true"]].concat(), &[]);
    let ids = world.done(&["jobs", "list"]).out;
    let batch = ids.lines().find(|line| line.contains("list.csv")).unwrap();
    let batch = batch.split(' ').next().unwrap();
    let ran = run(&world, &["jobs", "resume", batch, "-q", "--on-failure", TELL], &[]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(text(&world, "runs"), "run\nrun\n");
    assert!(text(&world, "told").contains(&format!("WEXPORT_JOB={batch}\n")));
}

#[test]
fn failure_hook_runs_for_invalid_settings_and_ids() {
    let world = World::new();
    for (line, code) in [
        (&["document", "d1", "-o", "d1.pdf", "--config", "nowhere.toml"][..], "7"),
        (&["document", "d1", "-o", "d1.pdf", "--retries", "1", "-f", "docx"], "2"),
        (&["batch", "nowhere.csv", "-o", "{id}.{ext}"], "7"),
        (&["jobs", "resume", "nothing"], "1"),
        (&["fetch", "op", "--base-url", "nonsense"], "2"),
    ] {
        let ran = run(&world, line, &["--on-failure", TELL]);
        assert_eq!(told(&world, "EXIT_CODE"), code, "{line:?}: {}", ran.err);
        assert_eq!(ran.code.unwrap().to_string(), code, "{line:?}: {}", ran.err);
        let error = told(&world, "ERROR");
        assert!(ran.err.contains(&format!("error: {error}")), "{line:?}: {error}: {}", ran.err);
    }
    assert!(world.requests().is_empty());
}

#[test]
fn failed_hook_is_a_warning() {
    let world = World::new();
    for (hook, warning) in [
        ("exit 3", "on_success (--on-success) failed: exit status: 3"),
        ("sleep 600", "on_success (--on-success) was killed after 400ms (--hook-timeout)"),
        // The summary need not be read.
        ("exec 0<&-; true", ""),
    ] {
        let began = Instant::now();
        let ran = run(&world, &PDF, &["--on-success", hook, "--hook-timeout", "400ms"]);
        let warning = match warning {
            "" => String::new(),
            warning => format!("warning: {warning}\n"),
        };
        assert_eq!((ran.code, ran.err), (Some(0), warning), "{hook}");
        assert!(began.elapsed() < Duration::from_secs(20), "{hook}: {:?}", began.elapsed());
    }
    let ran =
        run(&world, &["document", "d1", "-o", "d1.pdf", "--json"], &["--on-success", "exit 3"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let last = ran.out.lines().last().unwrap();
    assert!(last.contains(r#""event":"warning","message":"on_success"#), "{last}");
}

/// `wexport help json` says so.
#[test]
fn only_warnings_of_hooks_follow_the_end_of_a_batch() {
    let world = World::new();
    let monitor = Server::start(|_, _| {
        Action::Send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec())
    });
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    let line = ["batch", "list.csv", "--json", "--metrics", "no/wexport.prom", "--on-success"];
    let ran = run(&world, &line, &["exit 3", "--ping", &monitor.url()]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let (_, after) = ran.out.rsplit_once(r#""event":"batch_done""#).unwrap();
    let after: Vec<&str> = after.lines().skip(1).collect();
    let warns = |line: &&str| line.contains(r#""event":"warning","message":""#);
    // Two pings, the metrics and the command.
    assert!(after.len() == 4 && after.iter().all(warns), "{}", ran.out);
}

/// Also on a terminal: it reads nothing there.
#[test]
fn hook_is_killed_with_all_it_has_started() {
    let world = World::new();
    let hook = "flock lock sh -c 'touch locked; sleep 600'; true";
    let ran = run(&world, &PDF, &["--on-success", hook, "--hook-timeout", "1s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.names("").contains(&"locked".into()));
    let mut lock = std::process::Command::new("flock");
    lock.args(["-w", "20"]).arg(world.work().join("lock")).arg("true");
    assert!(lock.status().unwrap().success());
}

#[test]
fn hook_output_is_not_mixed_with_the_file() {
    let world = World::new();
    let ran = run(
        &world,
        &["document", "d1", "-f", "pdf", "-o", "-", "-q"],
        &["--on-success", "echo hello"],
    );
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), "hello\n"));
    assert!(!ran.out.contains("hello"));
}

#[test]
fn hooks_of_the_config_file_run_in_the_shell_or_as_words() {
    let world = World::new();
    for (hooks, expected) in [
        ("on_success = 'echo $WEXPORT_STATUS > told'", "done\n"),
        ("on_success = ['cp', 'source', 'told']", "copied"),
    ] {
        world.write("source", "copied");
        world.write("wexport.toml", hooks);
        let ran = run(&world, &PDF, &["--config", "wexport.toml"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{hooks}");
        assert_eq!(text(&world, "told"), expected);
    }
    world.write("wexport.toml", "on_success = ''");
    let ran = run(&world, &PDF, &["--config", "wexport.toml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("invalid value for 'on_success' in wexport.toml: it is empty"));
}

#[test]
fn wexport_in_a_hook_does_not_run_the_hook_again() {
    let world = world_with_failure();
    let program = env!("CARGO_BIN_EXE_wexport");
    world.write(
        "wexport.toml",
        format!("on_failure = 'echo run >> runs; {program} document d2 -o d2.pdf -q'\n"),
    );
    let ran = world.run_with(
        &[PATH, ("WEXPORT_CONFIG", "wexport.toml")],
        &[&PDF[..], &["--no-state"]].concat(),
    );
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert_eq!(text(&world, "runs"), "run\n");
    assert!(ran.err.contains("error: "), "{}", ran.err);
}

#[test]
fn hook_gets_no_secret_of_the_program() {
    let world = World::new();
    let secrets = [PATH, ("WORKIVA_TOKEN", "a-token"), ("WORKIVA_CLIENT_SECRET", "a-secret")];
    let ran = world.run_with(&secrets, &[&PDF[..], &["--on-success", "env > told"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told = text(&world, "told");
    assert!(told.contains("WEXPORT_EXIT_CODE=0"));
    assert!(!told.contains("a-token") && !told.contains("a-secret"), "{told}");
}

#[test]
fn dry_run_has_no_hooks() {
    let (world, monitor) = (World::new(), Server::start(|_, _| ok()));
    let flags = ["--dry-run", "--on-success", "touch ran", "--ping", &monitor.url()];
    let ran = run(&world, &PDF, &flags);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(world.names("").is_empty() && pings(&monitor).is_empty());
}

#[test]
fn monitor_is_told_of_start_and_end() {
    let monitor = Server::start(|_, _| ok());
    let url = format!("{}/1f2e?create=1", monitor.url());
    let ran = run(&World::new(), &PDF, &["--ping", &url]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(pings(&monitor), ["/1f2e/start?create=1", "/1f2e?create=1"]);
    // No secret is sent.
    for request in monitor.requests() {
        let request = request.to_lowercase();
        assert!(!request.contains("authorization") && !request.contains("a-secret"), "{request}");
    }

    let monitor = Server::start(|_, _| ok());
    let world = world_with_failure();
    let ping = ("WEXPORT_PING", format!("{}/1f2e/", monitor.url()));
    let ran = world.run_with(&[(ping.0, &ping.1)], &PDF);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert_eq!(pings(&monitor), ["/1f2e/start", "/1f2e/fail"]);
}

#[test]
fn failed_ping_is_a_warning_without_its_url() {
    let answers = |status: &'static str| {
        Server::start(move |_, _| {
            Action::Send(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes())
        })
    };
    let monitor = answers("404 Not Found");
    let ran = run(&World::new(), &PDF, &["--ping", &format!("{}/hunter2", monitor.url())]);
    let host = monitor.url();
    let warning = format!("warning: cannot ping {host}/***: the response is 404 Not Found\n");
    assert_eq!((ran.code, ran.err), (Some(0), warning.repeat(2)));
    assert_eq!(pings(&monitor).len(), 2);

    // One that may pass is repeated.
    let monitor = Server::start(|number, _| match number {
        0 => Action::Send(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec()),
        _ => ok(),
    });
    let ran = run(&World::new(), &PDF, &["--ping", &format!("{}/hunter2", monitor.url())]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(pings(&monitor), ["/hunter2/start", "/hunter2/start", "/hunter2"]);

    for invalid in ["hunter2", "ftp://hunter2/x", "https://me:hunter2@host/x"] {
        let world = World::new();
        let ran = run(&world, &PDF, &["--ping", invalid]);
        assert_eq!(ran.code, Some(2), "{invalid}: {}", ran.err);
        assert!(ran.err.contains("invalid value for '--ping'"), "{}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
        assert!(world.requests().is_empty());
    }
}

#[test]
fn metrics_are_replaced_and_keep_the_last_success() {
    let world = World::new();
    let line = [&PDF[..], &["--metrics", "wexport.prom"]].concat();
    world.done(&line);
    let value = |name: &str| -> f64 {
        let metrics = text(&world, "wexport.prom");
        let prefix = format!("{name} ");
        let found = metrics.lines().find_map(|line| line.strip_prefix(&prefix));
        found.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
    };
    assert_eq!(value("wexport_exit_code"), 0.0);
    assert_eq!(value("wexport_exports{status=\"done\"}"), 1.0);
    assert_eq!(value("wexport_file_bytes"), world.read("d1.pdf").len() as f64);
    assert!(value("wexport_requests") >= 3.0);
    let (succeeded, ended) =
        (value("wexport_last_success_timestamp_seconds"), value("wexport_end_timestamp_seconds"));
    assert_eq!(succeeded, ended);
    let metrics = text(&world, "wexport.prom");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(metrics.contains(&format!("# TYPE {name} gauge\n")), "{line}");
        assert!(world.done(&["help", "hooks"]).out.contains(name), "{line}");
    }
    assert_eq!(world.names(""), ["d1.pdf", "wexport.prom"]);
    let mode = world.work().join("wexport.prom").metadata().unwrap().permissions().mode();
    // The collector is another user; the umask may forbid more.
    assert_eq!(mode & 0o700, 0o600);

    // A command that fails keeps the time of the last success.
    let ran = world.run_with(&[("WORKIVA_CLIENT_SECRET", "wrong")], &line);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert_eq!(value("wexport_exit_code"), 4.0);
    assert_eq!(value("wexport_last_success_timestamp_seconds"), succeeded);
    assert!(value("wexport_end_timestamp_seconds") >= ended);

    // It is not replaced by an export, and a folder that is missing is a warning.
    let ran = world.run(&["document", "d1", "-f", "pdf", "-o", "m.prom", "--metrics", "m.prom"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("the file of metrics (--metrics)"), "{}", ran.err);
    let ran = world.run(&[&PDF[..], &["--metrics", "nowhere/m.prom"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.starts_with("warning: cannot write the metrics to nowhere/m.prom: "));
}

#[test]
fn doctor_shows_hooks_without_their_secrets() {
    let world = World::new();
    world.write(
        "wexport.toml",
        "on_failure = 'mail hunter2'\nping = 'https://hc-ping.com/hunter2'\nhook_timeout = '5s'\n",
    );
    let ran = world.run(&["doctor", "--config", "wexport.toml"]);
    for line in [
        "  on failure       a command  (wexport.toml)\n",
        "  hook timeout     5s  (wexport.toml)\n",
        "  ping             https://hc-ping.com/***  (wexport.toml)\n",
    ] {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(!ran.out.contains("hunter"), "{}", ran.out);
}
