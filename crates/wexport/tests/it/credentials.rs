//! Credentials that are missing, contradictory, broken or slow.

use std::time::{Duration, Instant};

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{Ran, World, quick};

const PDF: [&str; 6] = ["document", "d1", "-f", "pdf", "-q", "--no-state"];

/// Takes the client out of the environment.
const NOBODY: [(&str, &str); 2] = [("WORKIVA_CLIENT_ID", ""), ("WORKIVA_CLIENT_SECRET", "")];

fn with(world: &World, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    world.run_with(&[&NOBODY[..], variables].concat(), &[&PDF[..], flags].concat())
}

fn by_command(world: &World, command: &str, flags: &[&str]) -> Ran {
    world.write("wexport.toml", format!("credential_command = {command}\n"));
    let path = ("PATH", "/usr/bin:/bin");
    with(world, &[path], &[&["--config", "wexport.toml"], flags].concat())
}

#[test]
fn what_is_around_a_secret_is_no_part_of_it() {
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
        let ran = with(&world, variables, flags);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{variables:?} {flags:?}");
    }
}

#[test]
fn what_is_no_secret_is_refused_with_its_place_and_without_its_text() {
    let world = World::new();
    world.write("two", "hunter2\nhunter3\n");
    world.write("empty", " \n");
    world.write("binary", b"\xff\xfehunter2");
    world.write("long", "hunter2".repeat(10_000));
    let id = ("WORKIVA_CLIENT_ID", "an-id");
    let mut said = String::new();
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
        (&[], &["--token-stdin"]),
        (&[id], &[]),
        (&[], &[]),
    ] {
        let ran = with(&world, variables, flags);
        assert!(matches!(ran.code, Some(2 | 7)), "{variables:?} {flags:?}: {}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
        let shown = format!("{variables:?} {flags:?}").replace("hunter", "***");
        said.push_str(&format!("--- {shown}: {}\n{}", ran.code.unwrap(), ran.err));
    }
    insta::assert_snapshot!(said);
    assert!(world.requests().is_empty());
}

#[test]
fn flags_that_name_two_who_ask_are_refused() {
    let world = World::new();
    for flags in [
        &["--token-file", "a", "--client-secret-file", "b"][..],
        &["--token-file", "a", "--client-id", "an-id"],
        &["--token-file", "a", "--token-stdin"],
        &["--token-stdin", "--client-id", "an-id"],
        &["--token-stdin", "--client-secret-file", "b"],
    ] {
        let ran = with(&world, &[], flags);
        assert_eq!(ran.code, Some(2), "{flags:?}");
        assert!(ran.err.contains("cannot be used with"), "{}", ran.err);
    }
}

#[test]
fn of_a_token_and_a_client_in_the_environment_the_token_counts_and_that_is_told() {
    let world = World::new();
    let client = [("WORKIVA_CLIENT_ID", "an-id"), ("WORKIVA_CLIENT_SECRET", "a-secret")];
    let both = [&client[..], &[("WORKIVA_TOKEN", "a-token")]].concat();
    let ran = with(&world, &both, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(
        ran.err,
        "warning: WORKIVA_TOKEN is used; WORKIVA_CLIENT_SECRET is set too, and is not\n"
    );
    assert!(world.requests().iter().all(|line| !line.contains("oauth2")));

    // A client that a flag names is meant.
    let ran = with(&world, &both, &["--client-id", "an-id"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(world.requests().iter().any(|line| line.contains("oauth2")));
}

#[test]
fn a_command_that_brings_no_secret_is_told_with_what_it_did() {
    let world = World::new();
    for (command, said) in [
        (r#""exit 3""#, "credential_command failed: exit status: 3"),
        (r#""echo a-token; exit 3""#, "credential_command failed: exit status: 3"),
        (r#"["./no-such-program", "x"]"#, "credential_command cannot be run"),
        (r#""true""#, "printed nothing of use: it is empty"),
        (r#""echo; echo""#, "printed nothing of use: it is empty"),
        (r#""echo hunter2; echo hunter3""#, "printed no token: it has 2 lines"),
        (r#""echo hunter2 hunter3""#, "printed no token: there is a blank"),
        (r#""head -c 100 /bin/sh; echo '\\377'""#, "printed nothing of use: it is no text"),
        (r#""head -c 100000 /dev/zero""#, "printed nothing of use: it is longer than"),
        (r#""echo '{\"secret\": \"hunter2\"}'""#, "printed JSON of another form"),
        (r#""echo '{\"token\": \"hunter2 hunter3\"}'""#, "printed no token: there is a blank"),
        ("[]", "credential_command is empty"),
    ] {
        let ran = by_command(&world, command, &[]);
        assert_eq!(ran.code, Some(4), "{command}: {}", ran.err);
        assert!(ran.err.contains(said), "{command}: {}", ran.err);
        assert!(ran.err.contains("wexport.toml: credential_command"), "{}", ran.err);
        assert!(!ran.err.contains("hunter"), "{}", ran.err);
    }
    assert!(world.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn a_command_that_hangs_is_given_up_and_ended() {
    let world = World::new();
    for command in [r#"["sleep", "600"]"#, r#""echo a-token; exec sleep 600""#] {
        let began = Instant::now();
        let ran = by_command(&world, command, &["--request-timeout", "300ms"]);
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        assert!(ran.err.contains("did not end within 300ms"), "{}", ran.err);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    // One that goes on in the background after it has printed is waited for no longer.
    let ran = by_command(&world, r#""echo a-token; sleep 5 >/dev/null 2>&1 &""#, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn a_refusal_for_want_of_a_scope_names_the_scope_of_that_command() {
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
        let said = format!("the client needs the scope {scope}, and its user access to this");
        assert!(ran.err.contains(&said), "{line:?}: {}", ran.err);
    }
}

/// A service at which a token ends while the export is made.
fn ending() -> World {
    let ends = Rule::new(Endpoint::Operation, Fault::status(401)).on(Nth::Only(2));
    let pending =
        Fault::Json { set: [("/status".into(), "started".into())].into(), remove: vec![] };
    let pending = Rule::new(Endpoint::Operation, pending).on(Nth::Only(1));
    World::with(quick().with_scenario(Scenario::default().with_rule(ends).with_rule(pending)))
}

#[test]
fn a_client_goes_on_when_its_token_ends_in_the_middle() {
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
fn a_token_that_was_given_cannot_be_renewed_and_that_is_told() {
    for (variables, flags, place) in [
        (&[("WORKIVA_TOKEN", "a-token")][..], &[][..], "WORKIVA_TOKEN"),
        (&[], &["--token-file", "token"], "token"),
    ] {
        let world = ending();
        world.write("token", "a-token");
        let line = ["document", "d1", "-f", "pdf", "-q"];
        let ran = world.run_with(&[&NOBODY[..], variables].concat(), &[&line[..], flags].concat());
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        let said =
            format!("the token of {place} has ended or was never good, and cannot be renewed");
        assert!(ran.err.contains(&said), "{}", ran.err);
        assert!(ran.err.contains("try again:        yes: wexport jobs resume"), "{}", ran.err);
        // With a client, it goes on where it was.
        world.done(&["jobs", "resume", "--failed", "-q"]);
        assert_eq!(world.submits(), 1);
    }
}
