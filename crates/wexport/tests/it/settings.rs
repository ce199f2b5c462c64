//! The sources of settings and credentials, and their order of precedence.

use std::fs;

use crate::world::{Ran, World};

const DRY_RUN: [&str; 5] = ["document", "d1", "-f", "pdf", "--dry-run"];

/// A dry run with a config file and variables.
fn dry_run(config: &str, variables: &[(&str, &str)], flags: &[&str]) -> Ran {
    let world = World::new();
    let folder = world.home().join(".config/wexport");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), config).unwrap();
    let mut command = world.command(&[&DRY_RUN[..], flags].concat());
    command.env_remove("WEXPORT_BASE_URL").envs(variables.iter().copied());
    world.ran(command.output().unwrap())
}

fn assert_host(ran: &Ran, host: &str) {
    assert!(ran.out.contains(&format!("host: {host}\n")), "{host}: {}{}", ran.out, ran.err);
}

const CONFIG: &str = r#"
region = "eu"
timeout = "2h"

[profile.sandbox]
base_url = "https://api.sandbox.example"
retries = 3

[profile.asia]
region = "apac"
"#;

#[test]
fn flags_override_variables_profiles_and_the_file() {
    let apac = [("WEXPORT_REGION", "apac")];
    assert_host(&dry_run("", &[], &[]), "api.app.wdesk.com");
    assert_host(&dry_run(CONFIG, &[], &[]), "api.eu.wdesk.com");
    assert_host(&dry_run(CONFIG, &[], &["--profile", "asia"]), "api.apac.wdesk.com");
    assert_host(&dry_run(CONFIG, &[("WEXPORT_PROFILE", "asia")], &[]), "api.apac.wdesk.com");
    assert_host(&dry_run(CONFIG, &apac, &["--profile", "sandbox"]), "api.apac.wdesk.com");
    assert_host(&dry_run(CONFIG, &apac, &["--region", "us"]), "api.app.wdesk.com");
    assert_host(&dry_run(CONFIG, &apac, &["--base-url", "https://x.example"]), "x.example");
    assert_host(&dry_run(CONFIG, &[("WEXPORT_REGION", "")], &[]), "api.eu.wdesk.com");
    assert_host(&dry_run("region = \"EU\"", &[], &[]), "api.eu.wdesk.com");
    assert_host(&dry_run("", &[], &["--region", "APAC"]), "api.apac.wdesk.com");
}

#[test]
fn base_url_of_a_profile_overrides_a_region_outside() {
    assert_host(&dry_run(CONFIG, &[], &["--profile", "sandbox"]), "api.sandbox.example");
}

#[test]
fn invalid_config_files_are_rejected() {
    let mut errors = String::new();
    for (config, flags) in [
        ("region = ", &[][..]),
        ("region = \"eu\"\nregon = \"us\"", &[]),
        ("client_secret = \"hunter2\"", &[]),
        ("a = \"hunter2", &[]),
        ("retries = [1]", &[]),
        ("timeout = \"soon\"", &[]),
        ("retries = \"hunter2\"", &[]),
        ("allow_origin = [\"https://u:hunter2@h.example\"]", &[]),
        ("base_url = \"https://u:hunter2@h.example\"", &[]),
        ("[profile]\na = 1", &[]),
        (CONFIG, &["--profile", "nightly"]),
        ("", &["--config", "nowhere.toml"]),
    ] {
        let ran = dry_run(config, &[], flags);
        assert!(matches!(ran.code, Some(2 | 7)), "{config}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        let home = ran.err.find("/.config").map(|at| ran.err[..at].rfind(' ').unwrap_or(0) + 1);
        let text = match (home, ran.err.find("/.config")) {
            (Some(from), Some(to)) => ran.err.replace(&ran.err[from..to], "~"),
            _ => ran.err,
        };
        errors.push_str(&format!(
            "{:?} {}\n{text}",
            config.replace("hunter2", "..."),
            flags.join(" ")
        ));
    }
    insta::assert_snapshot!(errors);
}

/// Runs an export with these credentials, and no others.
fn run_with_credentials(variables: &[(&str, &str)], flags: &[&str], stdin: &str) -> (World, Ran) {
    let world = World::new();
    fs::write(world.work().join("stdin"), stdin).unwrap();
    fs::write(world.work().join("token"), "a-token\n").unwrap();
    fs::write(world.work().join("secret"), "a-secret\n").unwrap();
    // It is no secret: other users may read it.
    fs::write(world.work().join("id"), " an-id\r\n").unwrap();
    for file in ["token", "secret"] {
        make_private(&world, file);
    }
    let mut command = world.command(&[&["document", "d1", "-f", "pdf", "-q"], flags].concat());
    command.env_remove("WORKIVA_CLIENT_ID").env_remove("WORKIVA_CLIENT_SECRET");
    command.envs(variables.iter().copied());
    command.stdin(fs::File::open(world.work().join("stdin")).unwrap());
    let ran = world.ran(command.output().unwrap());
    (world, ran)
}

#[cfg(unix)]
fn make_private(world: &World, file: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(world.work().join(file), fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn make_private(_world: &World, _file: &str) {}

#[test]
fn credentials_come_from_variables_files_and_stdin() {
    let id = ("WORKIVA_CLIENT_ID", "an-id");
    for (variables, flags, stdin) in [
        (&[("WORKIVA_TOKEN", "a-token")][..], &[][..], ""),
        (&[("WORKIVA_TOKEN_FILE", "token")], &[], ""),
        (&[id, ("WORKIVA_CLIENT_SECRET", "a-secret")], &[], ""),
        (&[id, ("WORKIVA_CLIENT_SECRET_FILE", "secret")], &[], ""),
        (&[("WORKIVA_CLIENT_ID_FILE", "id"), ("WORKIVA_CLIENT_SECRET_FILE", "secret")], &[], ""),
        (&[("WORKIVA_CLIENT_SECRET", "a-secret")], &["--client-id-file", "id"], ""),
        // A flag that names a client is used instead of a token.
        (
            &[("WORKIVA_TOKEN", "wrong"), ("WORKIVA_CLIENT_SECRET", "a-secret")],
            &["--client-id-file", "id"],
            "",
        ),
        (
            &[("WORKIVA_CLIENT_ID", "wrong")],
            &["--client-id-file", "id", "--client-secret-file", "secret"],
            "",
        ),
        (&[], &["--token-file", "token"], ""),
        (&[], &["--token-stdin"], "a-token\n"),
        (&[("WORKIVA_TOKEN", "wrong")], &["--token-stdin"], "a-token\n"),
        (&[], &["--client-id", "an-id", "--client-secret-file", "secret"], ""),
    ] {
        let (_, ran) = run_with_credentials(variables, flags, stdin);
        assert_eq!(ran.code, Some(0), "{variables:?} {flags:?}: {}", ran.err);
        assert_eq!(ran.err, "", "{variables:?} {flags:?}");
    }
    let (_, ran) = run_with_credentials(&[("WORKIVA_TOKEN", "wrong")], &[], "");
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    let (_, ran) = run_with_credentials(&[], &["--token-stdin"], " \n");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

/// cron starts the program in another folder, and no shell replaces `~` in a file.
#[test]
fn paths_in_the_config_file_are_relative_to_its_folder() {
    let world = World::new();
    let folder = world.home().join(".config/wexport");
    fs::create_dir_all(&folder).unwrap();
    world.write("../home/.config/wexport/secret", "a-secret\n");
    world.write("../home/.config/wexport/id", "an-id\n");
    world.write("../home/token", "a-token\n");
    let run = |config: &str, variables: &[(&str, &str)]| {
        fs::write(folder.join("config.toml"), config).unwrap();
        let none = [("WORKIVA_CLIENT_SECRET", ""), ("WEXPORT_STATE_DIR", "")];
        world.run_with(&[&none[..], variables].concat(), &["document", "d1", "-f", "pdf", "-q"])
    };
    for (config, variables) in [
        ("client_secret_file = \"secret\"\nstate = \"jobs\"", &[][..]),
        ("[profile.p]\nclient_secret_file = \"./secret\"", &[("WEXPORT_PROFILE", "p")]),
        ("client_id_file = \"id\"\nclient_secret_file = \"secret\"", &[("WORKIVA_CLIENT_ID", "")]),
        ("token_file = \"~/token\"", &[]),
        ("", &[("WORKIVA_TOKEN_FILE", "~/token")]),
    ] {
        let ran = run(config, variables);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{config} {variables:?}");
    }
    assert!(folder.join("jobs/jobs").is_dir());
    // The secret itself instead of its file.
    for (config, variables) in [
        ("client_secret_file = \"hunter2\"", &[][..]),
        ("token_file = \"hunter2\"", &[]),
        ("", &[("WORKIVA_CLIENT_SECRET_FILE", "hunter2")]),
        (
            "client_id_file = \"hunter2\"",
            &[("WORKIVA_CLIENT_ID", ""), ("WORKIVA_CLIENT_SECRET", "a-secret")],
        ),
    ] {
        let ran = run(config, variables);
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        assert!(ran.err.contains("no file with the name in"), "{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn credential_command_prints_the_credentials() {
    for (command, code) in [
        (r#""echo a-token""#, 0),
        (r#"["echo", "a-token"]"#, 0),
        (r#"["echo", '{"token": "a-token"}']"#, 0),
        (r#"["echo", '{"client_id": "an-id", "client_secret": "a-secret"}']"#, 0),
        (r#"["echo", '{"secret": "hunter2"}']"#, 4),
        (r#""exit 3""#, 4),
        (r#"["./no-such-program"]"#, 4),
        (r#""true""#, 4),
        (r#""printf 'one\ntwo\n'""#, 4),
        (r#""printf '\\377\\376'""#, 4),
        (r#""printf 'a token'""#, 4),
        (r#""printf '{}'""#, 4),
        (r#"[]"#, 4),
    ] {
        let config = format!("credential_command = {command}");
        let world = World::new();
        fs::write(world.work().join("wexport.toml"), config).unwrap();
        let line = ["document", "d1", "-f", "pdf", "-q", "--config", "wexport.toml"];
        let mut run = world.command(&line);
        run.env_remove("WORKIVA_CLIENT_ID").env_remove("WORKIVA_CLIENT_SECRET");
        run.env("PATH", "/usr/bin:/bin");
        let ran = world.ran(run.output().unwrap());
        assert_eq!(ran.code, Some(code), "{command}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[cfg(unix)]
#[test]
fn secret_file_readable_by_others_warns_or_fails() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let path = world.work().join("token");
    fs::write(&path, "a-token").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let line = ["document", "d1", "-f", "pdf", "-q", "--token-file", "token"];
    let ran = world.done(&line);
    assert!(ran.err.contains("warning: other users can read token"), "{}", ran.err);
    let ran = world.run(&[&line[..], &["--strict-permissions"]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("chmod 600 token"), "{}", ran.err);
}

/// Docker and Kubernetes mount secrets as files of root. Only root can make such a file.
#[cfg(unix)]
#[test]
fn secret_file_of_another_user_is_read_in_silence() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let world = World::new();
    let path = world.work().join("token");
    fs::write(&path, "a-token").unwrap();
    for mode in [0o444, 0o440] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if chown(&path, Some(54_321), Some(54_321)).is_err() {
            return;
        }
        let line = ["document", "d1", "-f", "pdf", "-q", "--token-file", "token"];
        assert_eq!(world.done(&line).err, "");
        let ran = world.run(&[&line[..], &["--strict-permissions"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("change its mode where it is mounted"), "{}", ran.err);
        chown(&path, Some(0), Some(0)).unwrap();
    }
}

/// As Kubernetes mounts a secret: each file is a link to a link, and root's. Only root can make such
/// a file.
#[cfg(unix)]
#[test]
fn secret_that_is_mounted_through_links_is_read_in_silence() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let world = World::new();
    let folder = world.work().join("mounted");
    let version = folder.join("..2026_11_27");
    fs::create_dir_all(&version).unwrap();
    symlink("..2026_11_27", folder.join("..data")).unwrap();
    for (name, text) in [("client-id", "an-id"), ("client-secret", "a-secret")] {
        fs::write(version.join(name), text).unwrap();
        symlink(format!("..data/{name}"), folder.join(name)).unwrap();
    }
    let variables = [
        ("WORKIVA_CLIENT_ID", ""),
        ("WORKIVA_CLIENT_SECRET", ""),
        ("WORKIVA_CLIENT_ID_FILE", "mounted/client-id"),
        ("WORKIVA_CLIENT_SECRET_FILE", "mounted/client-secret"),
    ];
    let run = |flags: &[&str]| {
        world.run_with(&variables, &[&["document", "d1", "-f", "pdf", "-q"], flags].concat())
    };
    let secret = version.join("client-secret");
    for mode in [0o644, 0o440] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        // Of this user, who can change the mode.
        let ran = run(&[]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("other users can read mounted/client-secret"), "{}", ran.err);
        if chown(&secret, Some(54_321), Some(54_321)).is_err() {
            return;
        }
        let ran = run(&[]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert_eq!(run(&["--strict-permissions"]).code, Some(2));
        chown(&secret, Some(0), Some(0)).unwrap();
    }
}

#[test]
fn requests_have_the_user_agent() {
    let world = World::new();
    world.done(&["document", "d1", "-f", "pdf"]);
    let agent = concat!("wexport/", env!("CARGO_PKG_VERSION"));
    for request in world.server.requests() {
        assert_eq!(request.header("user-agent"), Some(agent), "{}", request.target());
    }
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_utf8_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let invalid = OsStr::from_bytes(b"p\xe4:1");
    for (name, message) in [
        ("WEXPORT_REGION", "the variable WEXPORT_REGION is not valid UTF-8"),
        ("WORKIVA_CLIENT_ID", "the variable WORKIVA_CLIENT_ID is not valid UTF-8"),
        ("HTTPS_PROXY", "HTTPS_PROXY: not valid UTF-8"),
        ("no_proxy", "no_proxy: not valid UTF-8"),
    ] {
        let world = World::new();
        let mut command = world.command(&["document", "d1", "-o", "a.pdf"]);
        let ran = world.ran(command.env(name, invalid).output().unwrap());
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(message), "{}", ran.err);
        assert_eq!(world.requests(), Vec::<String>::new());
    }
}

/// `docker run --env-file` keeps the quotes of its file.
#[test]
fn variables_in_quotes_are_refused() {
    let world = World::new();
    for (name, value) in [
        ("WEXPORT_BASE_URL", "\"https://api.example\""),
        ("WEXPORT_RETRIES", "'3'"),
        ("WEXPORT_CONFIG", "\"config.toml\""),
        ("WORKIVA_CLIENT_ID", "\"an-id\""),
        ("WORKIVA_CLIENT_SECRET", "'a-secret'"),
        ("WORKIVA_TOKEN_FILE", "\"token\""),
        ("HTTP_PROXY", "\"http://p.example:1\""),
    ] {
        let ran = world.run_with(&[(name, value)], &["document", "d1", "-f", "pdf", "-q"]);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.err);
        assert!(ran.err.contains(name) && ran.err.contains("in quotes"), "{}", ran.err);
        assert!(ran.err.contains("remove them"), "{}", ran.err);
    }
    let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--client-id", "\"an-id\""]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("invalid client ID in --client-id: it is in quotes"), "{}", ran.err);
    let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--base-url", "'https://x'"]);
    assert!(ran.err.contains("remove the quotes"), "{}", ran.err);
    assert!(world.requests().is_empty());
    let mark = [("WORKIVA_CLIENT_ID", "\u{feff}an-id\r\n")];
    let ran = world.run_with(&mark, &["document", "d1", "-f", "pdf", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn default_config_file_that_cannot_exist_is_none() {
    let world = World::new();
    fs::write(world.home().join(".config"), "a file").unwrap();
    world.done(&DRY_RUN);
    let ran = world.run(&[&DRY_RUN[..], &["--config", "../home/.config/wexport.toml"]].concat());
    assert_eq!(ran.code, Some(7), "{}", ran.err);
}

#[test]
fn config_file_may_have_a_byte_order_mark_and_has_a_limit() {
    assert_host(&dry_run(&format!("\u{feff}{CONFIG}"), &[], &[]), "api.eu.wdesk.com");
    let ran = dry_run("", &[], &["--config", "/dev/zero"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("longer than 1048576 bytes"), "{}", ran.err);
}

#[test]
fn folders_and_binary_files_are_named_as_such() {
    let world = World::new();
    fs::create_dir(world.work().join("folder")).unwrap();
    for flag in ["--token-file", "--client-secret-file"] {
        let ran = world.run(&["document", "d1", "-f", "pdf", "-q", flag, "folder"]);
        assert_eq!(ran.code, Some(7), "{}", ran.err);
        // Without the advice to change its mode.
        let message = format!("error: {flag}: cannot read folder: is a directory\n");
        assert!(ran.err.starts_with(&message), "{}", ran.err);
        assert!(ran.err.contains("name a file"), "{}", ran.err);
        let ran = world.run(&["document", "d1", "-f", "pdf", "-q", flag, "nowhere"]);
        assert!(
            ran.err.starts_with(&format!("error: {flag}: cannot read nowhere: ")),
            "{}",
            ran.err
        );
    }
    let ran = world.run(&["document", "d1", "-f", "pdf", "--base-url", "http://h.example"]);
    assert!(ran.err.contains("in a trusted network: --allow-plain-http"), "{}", ran.err);
    world.write("binary", b"region = \"\xff\"");
    let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--config", "binary"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("binary: line 1 is not UTF-8, but Latin-1"), "{}", ran.err);
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}retries = 1\n".encode_utf16().flat_map(order).collect()
    };
    for (name, bytes, what) in [
        ("le", utf16(u16::to_le_bytes), "it is UTF-16"),
        ("be", utf16(u16::to_be_bytes), "it is UTF-16"),
        ("no-mark", utf16(u16::to_le_bytes)[2..].to_vec(), "it is UTF-16"),
        ("latin", b"retries = 1\n# Gesch\xe4ft\n".to_vec(), "line 2 is not UTF-8, but Latin-1"),
    ] {
        world.write(name, bytes);
        let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--config", name]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        let message = format!("error: {name}: {what}");
        assert!(ran.err.starts_with(&message) && ran.err.contains("save it as"), "{}", ran.err);
    }
    let ran = world.run(&["document", "d1", "-f", "pdf", "-q", "--profile", "nightly"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("name the file with --config"), "{}", ran.err);
    assert!(world.requests().is_empty());
}

#[test]
fn wrong_value_of_the_config_file_is_not_repeated() {
    let world = World::new();
    for (key, expected) in [
        ("region", "expected one of us, eu, apac"),
        ("api_version", "expected one of 2022-01-01, 2026-01-01, or a later date"),
        ("allow_plain_http", "expected true or false"),
        ("stall_timeout", "expected a duration"),
        ("min_speed", "expected a number of bytes"),
    ] {
        world.write("config.toml", format!("{key} = \"s3same\"\n"));
        let line = ["document", "d1", "-f", "pdf", "-q", "--config", "config.toml"];
        let ran = world.run_with(&[("WEXPORT_BASE_URL", "")], &line);
        assert_eq!(ran.code, Some(2), "{key}: {}", ran.err);
        let message = format!("error: invalid value for '{key}' in config.toml: {expected}");
        assert!(ran.err.starts_with(&message) && !ran.err.contains("s3same"), "{}", ran.err);
    }
}
