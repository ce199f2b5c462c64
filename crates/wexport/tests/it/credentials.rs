//! Missing, contradictory, invalid and slow credentials.

#[cfg(target_os = "linux")]
use std::process::Command;
use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{Ran, World, quick};

const PDF: [&str; 6] = ["document", "d1", "-f", "pdf", "-q", "--no-state"];

/// Removes the client from the environment.
const NO_CLIENT: [(&str, &str); 2] = [("WORKIVA_CLIENT_ID", ""), ("WORKIVA_CLIENT_SECRET", "")];

fn run_with(world: &World, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    world.run_with(&[&NO_CLIENT[..], variables].concat(), &[&PDF[..], flags].concat())
}

fn run_with_command(world: &World, command: &str, flags: &[&str]) -> Ran {
    world.write("wexport.toml", format!("credential_command = {command}\n"));
    let path = ("PATH", "/usr/bin:/bin");
    run_with(world, &[path], &[&["--config", "wexport.toml"], flags].concat())
}

#[test]
fn whitespace_around_a_secret_is_ignored() {
    let id = ("WORKIVA_CLIENT_ID", "an-id\n");
    let world = World::new();
    world.write("token", "\n a-token\r\n");
    world.write("secret", "a-secret\r\n\n");
    for (variables, flags) in [
        (&[("WORKIVA_TOKEN", "a-token\n")][..], &[][..]),
        (&[id, ("WORKIVA_CLIENT_SECRET", "a-secret\r\n")], &[]),
        (&[id, ("WORKIVA_CLIENT_SECRET_FILE", "secret")], &[]),
        (&[], &["--token-file", "token"]),
    ] {
        let ran = run_with(&world, variables, flags);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{variables:?} {flags:?}");
    }
}

#[test]
fn invalid_secrets_are_rejected_without_their_text() {
    let world = World::new();
    world.write("two", "hunter2\nhunter3\n");
    world.write("empty", " \n");
    world.write("binary", b"\xff\xfehunter2");
    world.write("long", "hunter2".repeat(10_000));
    let id = ("WORKIVA_CLIENT_ID", "an-id");
    let mut errors = String::new();
    for (variables, flags) in [
        (&[("WORKIVA_TOKEN", "hunter2 hunter3")][..], &[][..]),
        (&[("WORKIVA_TOKEN", "Bearer hunter2")], &[]),
        (&[("WORKIVA_TOKEN", "hunter2\nhunter3")], &[]),
        (&[("WORKIVA_TOKEN", " ")], &[]),
        (&[id, ("WORKIVA_CLIENT_SECRET", "hunter2\nhunter3")], &[]),
        (&[id, ("WORKIVA_CLIENT_SECRET", "\n")], &[]),
        (&[("WORKIVA_CLIENT_ID", " "), ("WORKIVA_CLIENT_SECRET", "hunter2")], &[]),
        (&[("WORKIVA_TOKEN_FILE", "two")], &[]),
        (&[], &["--token-file", "empty"]),
        (&[], &["--token-file", "binary"]),
        (&[], &["--token-file", "long"]),
        (&[], &["--token-file", "nowhere"]),
        (&[id], &["--client-secret-file", "two"]),
        (&[("WORKIVA_CLIENT_SECRET", "hunter2")], &["--client-id-file", "two"]),
        (&[("WORKIVA_CLIENT_SECRET", "hunter2")], &["--client-id-file", "empty"]),
        (&[("WORKIVA_CLIENT_SECRET", "hunter2"), ("WORKIVA_CLIENT_ID_FILE", "nowhere")], &[]),
        (&[("WORKIVA_CLIENT_ID_FILE", "two")], &[]),
        (&[], &["--token-stdin"]),
        (&[id], &[]),
        (&[], &[]),
    ] {
        let ran = run_with(&world, variables, flags);
        assert!(matches!(ran.code, Some(2 | 7)), "{variables:?} {flags:?}: {}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
        let case = format!("{variables:?} {flags:?}").replace("hunter", "***");
        errors.push_str(&format!("--- {case}: {}\n{}", ran.code.unwrap(), ran.err));
    }
    insta::assert_snapshot!(errors);
    assert!(world.requests().is_empty());
}

#[test]
fn conflicting_credential_flags_are_rejected() {
    let world = World::new();
    for flags in [
        &["--token-file", "a", "--client-secret-file", "b"][..],
        &["--token-file", "a", "--client-id", "an-id"],
        &["--token-file", "a", "--token-stdin"],
        &["--token-stdin", "--client-id", "an-id"],
        &["--token-stdin", "--client-id-file", "b"],
        &["--token-file", "a", "--client-id-file", "b"],
        &["--client-id", "an-id", "--client-id-file", "b"],
        &["--token-stdin", "--client-secret-file", "b"],
    ] {
        let ran = run_with(&world, &[], flags);
        assert_eq!(ran.code, Some(2), "{flags:?}");
        assert!(ran.err.contains("cannot be used with"), "{}", ran.err);
    }
}

#[test]
fn token_in_the_environment_overrides_a_client() {
    let world = World::new();
    let client = [("WORKIVA_CLIENT_ID", "an-id"), ("WORKIVA_CLIENT_SECRET", "a-secret")];
    let both = [&client[..], &[("WORKIVA_TOKEN", "a-token")]].concat();
    let ran = run_with(&world, &both, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.err, "warning: using WORKIVA_TOKEN, ignoring WORKIVA_CLIENT_SECRET\n");
    assert!(world.requests().iter().all(|line| !line.contains("oauth2")));

    // A flag that names a client overrides the token.
    let ran = run_with(&world, &both, &["--client-id", "an-id"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(world.requests().iter().any(|line| line.contains("oauth2")));

    // The ID of a client is used instead of its file.
    world.write("id", "another");
    let two = [&client[..], &[("WORKIVA_CLIENT_ID_FILE", "id")]].concat();
    let ran = run_with(&world, &two, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.err, "warning: using WORKIVA_CLIENT_ID, ignoring WORKIVA_CLIENT_ID_FILE\n");
}

#[test]
fn failed_credential_commands_are_explained() {
    let world = World::new();
    for (command, message) in [
        (r#""exit 3""#, "credential_command failed: exit status: 3"),
        (r#""echo a-token; exit 3""#, "credential_command failed: exit status: 3"),
        (r#"["./no-such-program", "x"]"#, "credential_command cannot be run"),
        (r#""true""#, "printed no secret: it is empty"),
        (r#""echo; echo""#, "printed no secret: it is empty"),
        (r#""echo hunter2; echo hunter3""#, "printed an invalid token: it has 2 lines"),
        (r#""echo hunter2 hunter3""#, "printed an invalid token: it has a space"),
        (r#""head -c 100 /bin/sh; echo '\\377'""#, "printed no secret: it is not valid UTF-8"),
        (r#""head -c 100000 /dev/zero""#, "printed no secret: it is longer than"),
        (r#""echo '{\"secret\": \"hunter2\"}'""#, "printed unexpected JSON"),
        (
            r#""echo '{\"token\": \"hunter2 hunter3\"}'""#,
            "printed an invalid token: it has a space",
        ),
        ("[]", "credential_command is empty"),
    ] {
        let ran = run_with_command(&world, command, &[]);
        assert_eq!(ran.code, Some(4), "{command}: {}", ran.err);
        assert!(ran.err.contains(message), "{command}: {}", ran.err);
        assert!(ran.err.contains("wexport.toml: credential_command"), "{}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
    }
    assert!(world.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn credential_command_that_hangs_is_killed() {
    let world = World::new();
    for command in [r#"["sleep", "600"]"#, r#""echo a-token; exec sleep 600""#] {
        let began = Instant::now();
        let ran = run_with_command(&world, command, &["--request-timeout", "300ms"]);
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        assert!(ran.err.contains("timed out after 300ms"), "{}", ran.err);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

/// In a session without a terminal: on one, a command stays in the group that can ask there.
#[cfg(target_os = "linux")]
#[test]
fn credential_command_is_killed_with_all_it_has_started() {
    let world = World::new();
    let command = "flock lock sh -c 'touch locked; sleep 600' 2>/dev/null; true";
    world.write("wexport.toml", format!("credential_command = \"{command}\"\n"));
    let flags = ["--config", "wexport.toml", "--request-timeout", "1s"];
    let run = world.command(&[&PDF[..], &flags].concat());
    let mut session = Command::new("setsid");
    session.arg("--wait").arg(run.get_program()).args(run.get_args()).current_dir(world.work());
    session.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    session.env_remove("WORKIVA_CLIENT_SECRET");
    let ran = world.ran(session.output().unwrap());
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(world.names("").contains(&"locked".into()));
    // The lock is held until all of its processes have ended.
    let mut lock = Command::new("flock");
    lock.args(["-w", "20"]).arg(world.work().join("lock")).arg("true");
    assert!(lock.status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn credential_command_may_leave_a_background_process() {
    let world = World::new();
    let began = Instant::now();
    for command in [
        r#""echo a-token; sleep 30 >/dev/null 2>&1 &""#,
        r#""sleep 30 2>/dev/null & echo a-token""#,
        r#"["sh", "-c", "sleep 30 2>/dev/null & echo a-token"]"#,
        r#""sleep 30 2>/dev/null & sleep 0.1; printf a-; sleep 0.1; echo token""#,
    ] {
        let ran = run_with_command(&world, command, &[]);
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
    }
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[test]
fn missing_scope_is_named_for_each_command() {
    let world = World::with(quick().with_scopes(["some:other"]));
    for (line, scope) in [
        (&["document", "x", "-f", "pdf"][..], "file:read"),
        (&["spreadsheet", "x", "-f", "xlsx"], "file:read"),
        (&["presentation", "x", "-f", "pdf"], "file:read"),
        (&["style-guide", "x"], "file:read"),
        (&["file", "x", "--kind", "Document", "-f", "pdf"], "file:write"),
        (&["folder", "x"], "file:write"),
        (&["container", "x", "--api-version", "2022-01-01"], "file:write"),
        (&["graph-report", "x"], "graph:read"),
        (&["test-form", "x"], "graph:read"),
        (&["attachment", "x", "--test-form", "x", "--test-phase", "x"], "graph:read"),
    ] {
        let ran = world.run(&[line, &["-q"]].concat());
        assert_eq!(ran.code, Some(4), "{line:?}: {}", ran.err);
        let advice = format!("the client needs the scope {scope}, and its user needs access");
        assert!(ran.err.contains(&advice), "{line:?}: {}", ran.err);
    }
}

/// A service that rejects the token during the export.
fn rejecting_token() -> World {
    let rejected = Rule::new(Endpoint::Operation, Fault::status(401)).on(Nth::Only(2));
    let pending =
        Fault::Json { set: [("/status".into(), "started".into())].into(), remove: vec![] };
    let pending = Rule::new(Endpoint::Operation, pending).on(Nth::Only(1));
    World::with(quick().with_scenario(Scenario::default().with_rule(rejected).with_rule(pending)))
}

#[test]
fn expired_token_of_a_client_is_renewed() {
    let world = World::with(
        quick()
            .with_token_lifetime(Duration::from_millis(1_500))
            .with_complete_after(Duration::from_millis(2_500)),
    );
    let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--poll-interval", "200ms"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let requests = world.requests();
    let tokens = requests.iter().filter(|line| line.contains("oauth2")).count();
    assert!(tokens >= 2, "{requests:#?}");
    assert!(requests.iter().any(|line| line.ends_with(" 401")), "{requests:#?}");
    assert_eq!(world.submits(), 1);
}

#[test]
fn fixed_token_that_expires_fails_and_can_be_resumed() {
    for (variables, flags, place) in [
        (&[("WORKIVA_TOKEN", "a-token")][..], &[][..], "WORKIVA_TOKEN"),
        (&[], &["--token-file", "token"], "token"),
    ] {
        let world = rejecting_token();
        world.write("token", "a-token");
        let line = ["document", "d1", "-f", "pdf", "-q"];
        let ran =
            world.run_with(&[&NO_CLIENT[..], variables].concat(), &[&line[..], flags].concat());
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        let advice = format!("the token from {place} is invalid or has expired: get a new one");
        assert!(ran.err.contains(&advice), "{}", ran.err);
        assert!(ran.err.contains("try again:        yes: wexport jobs resume"), "{}", ran.err);
        // A resume with a client continues the same export.
        world.done(&["jobs", "resume", "--failed", "-q"]);
        assert_eq!(world.submits(), 1);
    }
}

#[test]
fn token_endpoint_that_asks_to_wait_too_long_ends_the_job() {
    let fault = Fault::Status {
        status: http::StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(export_sim::RetryAfter::Seconds(3600)),
        body: Default::default(),
    };
    let rule = Rule::new(Endpoint::Token, fault);
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    let began = Instant::now();
    let ran = world.run(&[&PDF[..], &["--timeout", "60s"]].concat());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_ne!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("the token endpoint asked to retry at 20"), "{}", ran.err);
}
