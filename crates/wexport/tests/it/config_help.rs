//! `wexport help config` describes what the program does.

use std::collections::BTreeMap;

use crate::world::World;

/// The rows of the table of keys: key, type and default.
fn keys(world: &World) -> Vec<[String; 3]> {
    let help = world.done(&["help", "config"]).out;
    let (_, table) = help.split_once("meaning\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().filter(|line| !line.starts_with("   "));
    let words =
        rows.map(|row| row.split_whitespace().map(String::from).take(3).collect::<Vec<_>>());
    words.map(|words| words.try_into().unwrap()).collect()
}

#[test]
fn defaults_of_keys_are_those_of_the_program() {
    let world = World::new();
    let ran = world.run_with(
        &[("WEXPORT_BASE_URL", ""), ("WEXPORT_POLL_INTERVAL", "")],
        &["doctor", "--proxy", "http://127.0.0.1:1", "--request-timeout", "30s"],
    );
    let rows = ran.out.lines().filter_map(|line| {
        let name = line.get(2..18)?.trim_end();
        Some((name.to_owned(), line.get(19..)?.to_owned()))
    });
    let settings: BTreeMap<String, String> = rows.collect();
    let mut compared = 0;
    for [key, _, default] in keys(&world) {
        // Without hooks, their time limit is not shown.
        if default == "-" || ["allow_plain_http", "hook_timeout"].contains(&key.as_str()) {
            continue;
        }
        let shown = &settings[&key.replace('_', " ")];
        let value = shown.split([' ', ',']).next().unwrap();
        assert_eq!(value, default, "{key}: {shown}");
        let source = if key == "request_timeout" { "(--request-timeout)" } else { "(default)" };
        assert!(shown.ends_with(source), "{key}: {shown}");
        compared += 1;
    }
    assert!(compared >= 9, "{settings:?}");
}

/// A value of each type, as the help writes it.
#[test]
fn keys_take_the_types_of_the_help() {
    let world = World::new();
    for [key, kind, _] in keys(&world) {
        let values: &[&str] = match (key.as_str(), kind.as_str()) {
            ("region", "text") => &["\"eu\""],
            ("base_url", "text") => &["\"https://a.example\""],
            ("api_version", "text") => &["\"2022-01-01\""],
            ("ping", "text") => &["\"https://a.example\""],
            ("proxy", "text") => &["\"none\"", "\"http://h:1\""],
            ("allow_origin", "texts") => &["\"https://a.example\"", "[\"https://a.example\"]"],
            (_, "text" | "path") => &["\"a\""],
            (_, "texts" | "paths") => &["\"a\"", "[\"a\", \"b\"]"],
            (_, "switch") => &["true", "false"],
            (_, "time") => &["\"500ms\"", "\"90s\"", "\"5m\"", "\"2h\"", "\"30d\"", "7"],
            (_, "size") => &["\"64K\"", "\"10M\"", "\"2G\"", "7"],
            (_, "rate") => &["\"5/s\"", "\"90/m\""],
            (_, "count") => &["10"],
            (_, kind) => panic!("unknown type {kind}"),
        };
        for value in values {
            world.write("a.toml", format!("{key} = {value}\n"));
            let line = ["document", "d1", "-f", "pdf", "--dry-run", "--config", "a.toml"];
            let ran = world.run_with(&[("WEXPORT_BASE_URL", "")], &line);
            assert_eq!(ran.code, Some(0), "{key} = {value}: {}", ran.err);
        }
    }
}

/// Each example runs a program of a vendor: here one that prints what the vendor's would.
#[cfg(unix)]
#[test]
fn examples_of_credential_command_are_valid() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let help = world.done(&["help", "config"]).out;
    let json = r#"{"client_id": "an-id", "client_secret": "a-secret"}"#;
    for (name, printed) in [
        ("vault", json),
        ("aws", json),
        ("gcloud", json),
        ("az", json),
        ("secret-tool", "a-secret"),
        ("security", "a-secret"),
        ("powershell", json),
    ] {
        let path = world.work().join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{printed}'\necho {name} >> ran\n"))
            .unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", world.work().display());
    let examples: Vec<&str> =
        help.split("\n\n").filter(|text| text.contains("  credential_command = ")).collect();
    assert_eq!(examples.len(), 7, "{help}");
    for example in examples {
        world.write("a.toml", example.replace("ID", "an-id").replace("client_an-id", "client_id"));
        let variables = [("PATH", path.as_str()), ("WORKIVA_CLIENT_SECRET", "")];
        let line = ["document", "d1", "-f", "pdf", "-q", "--config", "a.toml"];
        let ran = world.run_with(&variables, &line);
        assert_eq!(ran.code, Some(0), "{example}: {}", ran.err);
    }
    assert_eq!(world.read("ran"), b"vault\naws\ngcloud\naz\nsecret-tool\nsecurity\npowershell\n");

    // A keyring that is locked, or does not have it, is no empty secret.
    for name in ["secret-tool", "security"] {
        world.write(name, "#!/bin/sh\nexit 1\n");
        let example = help.split("\n\n").find(|text| text.contains(&format!("{name} "))).unwrap();
        world.write("a.toml", example);
        let line = ["document", "d1", "-f", "pdf", "-q", "--config", "a.toml"];
        let ran = world.run_with(&[("PATH", &path), ("WORKIVA_CLIENT_SECRET", "")], &line);
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        assert!(ran.err.contains("credential_command failed: exit status: 1"), "{}", ran.err);
    }
}

#[test]
fn manual_page_and_doctor_name_the_config_file() {
    let world = World::new();
    world.done(&["man", "pages"]);
    let pages =
        [world.done(&["man"]).out, String::from_utf8(world.read("pages/wexport.1")).unwrap()];
    for page in pages {
        assert!(page.contains("\n  credential_command  texts"), "{page}");
        assert!(page.contains("%APPDATA%\\ewexport"), "{page}");
    }
    let ran = world.done(&["doctor"]);
    if cfg!(unix) {
        let path = world.home().join(".config/wexport/config.toml");
        assert!(ran.out.contains(&path.display().to_string()), "{}", ran.out);
    }
    assert!(ran.out.contains("wexport help config"), "{}", ran.out);
}
