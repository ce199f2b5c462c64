//! `wexport init`: the config file, and the entry that runs an export each night.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::pages::Page;
use crate::terminal::Terminal;
use crate::world::{Ran, World};

/// The cron line of a text, without its schedule, as cron runs it.
pub(crate) fn cron_command(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [line] = &lines[..] else { panic!("{text}") };
    let mut rest = *line;
    for _ in 0..5 {
        rest = rest.split_once(' ').unwrap().1.trim_start();
    }
    // In a crontab, a % without a backslash is a line break.
    assert_eq!(rest.matches('%').count(), rest.matches("\\%").count(), "{line}");
    rest.replace("\\%", "%")
}

/// Runs a command line as cron does, in the home folder.
pub(crate) fn run_as_cron(world: &World, line: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new("/usr/bin/env");
    command.arg("-i").arg(format!("HOME={}", world.home().display()));
    command.args(["LOGNAME=ada", "PATH=/usr/bin:/bin", "SHELL=/bin/sh"]);
    command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
    command.args(["/bin/sh", "-c", line]).current_dir(world.home());
    world.ran(command.output().unwrap())
}

fn config(world: &World) -> PathBuf {
    world.home().join(".config/wexport/config.toml")
}

fn mode(path: impl AsRef<std::path::Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A world with the file of the secret.
fn world() -> World {
    let world = World::new();
    world.write("secret", "a-secret\n");
    world
}

const FILE: [&str; 5] = ["init", "--client-id", "an-id", "--client-secret-file", "secret"];

#[test]
fn cron_entry_runs_in_the_environment_of_cron() {
    let world = world();
    let words = ["--", "document", "d1", "--format", "pdf", "--quiet"];
    let output = ["-o", "it's {date:%Y-%m}/{id}.{ext}"];
    let ran = world.done(&[&FILE[..], &words, &output].concat());
    let night = run_as_cron(&world, &cron_command(&ran.out), &[]);
    assert_eq!((night.code, night.err.as_str()), (Some(0), ""), "{}", ran.out);
    let folder = fs::read_dir(world.home()).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let folder = names.into_iter().find(|name| name.starts_with("it's 20")).unwrap();
    assert_eq!(fs::read(world.home().join(folder).join("d1.pdf")).unwrap(), world.exported());
}

/// The default entry differs from one that works only in the ID.
#[test]
fn default_cron_entry_runs_once_it_has_an_id() {
    let world = world();
    let ran = world.done(&FILE);
    let line = cron_command(&ran.out).replace(" ID ", " d1 ");
    let night = run_as_cron(&world, &line, &[]);
    assert_eq!((night.code, night.err.as_str()), (Some(0), ""), "{line}");
    assert_eq!(fs::read_dir(world.home().join("reports")).unwrap().count(), 1);
}

#[test]
fn config_file_is_private_and_has_no_secret() {
    let world = world();
    let ran = world.done(&FILE);
    assert!(ran.err.contains("wrote "), "{}", ran.err);
    let text = fs::read_to_string(config(&world)).unwrap();
    assert!(!text.contains("a-secret"), "{text}");
    assert_eq!(mode(config(&world)), 0o600);
    assert_eq!(mode(config(&world).parent().unwrap()), 0o700);
    let names = fs::read_dir(config(&world).parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1);
    // What was written is what the help describes.
    let help = world.done(&["help", "config"]).out;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let key = line.split(' ').next().unwrap();
        assert!(help.contains(&format!("\n  {key} ")), "{line}\n{help}");
    }
}

#[test]
fn existing_config_file_is_replaced_only_with_force() {
    let world = world();
    world.done(&FILE);
    fs::write(config(&world), "region = \"eu\"\n").unwrap();
    let ran = world.run(&FILE);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--force"), "{}", ran.err);
    // Its entry can be printed.
    let ran = world.done(&["init", "--print", "cron"]);
    assert!(ran.out.contains("\n15 2 * * *  /"), "{}", ran.out);
    let ran = world.run(&["init", "--print", "cron", "--region", "us"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert_eq!(fs::read_to_string(config(&world)).unwrap(), "region = \"eu\"\n");
    world.done(&[&FILE[..], &["--force"]].concat());
    assert!(fs::read_to_string(config(&world)).unwrap().contains("client_id = \"an-id\"\n"));
    assert_eq!(mode(config(&world)), 0o600);
}

#[test]
fn settings_that_fail_the_check_are_not_written() {
    let world = world();
    world.write("wrong", "wrong\n");
    let wrong = ["init", "--client-id", "an-id", "--client-secret-file", "wrong"];
    let ran = world.run(&wrong);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.err.contains("FAILED") && ran.err.contains("nothing was written"), "{}", ran.err);
    assert_eq!(ran.out, "");
    assert_eq!(fs::read_dir(config(&world).parent().unwrap()).unwrap().count(), 0);
    let requests = world.requests().len();
    world.done(&[&wrong[..], &["--no-check"]].concat());
    assert_eq!(world.requests().len(), requests);
    assert!(config(&world).exists());
}

/// What is tried is what cron has: not the variables and not the PATH of this shell.
#[test]
fn check_does_not_see_the_variables_of_the_shell() {
    let world = world();
    let programs = world.home().join("bin");
    fs::create_dir(&programs).unwrap();
    let vault = programs.join("vault");
    fs::write(&vault, "#!/bin/sh\necho a-token\n").unwrap();
    fs::set_permissions(&vault, fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let variables = [("PATH", path.as_str()), ("WORKIVA_TOKEN", "a-token")];
    let ran = world.run_with(&variables, &["init", "--credential-command", "vault read"]);
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    let command = format!("{} read", vault.display());
    let ran = world.run_with(&variables, &["init", "--credential-command", &command]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let night = run_as_cron(&world, &cron_command(&ran.out), &[]);
    assert_eq!(night.code, Some(0), "{}", night.err);
}

#[test]
fn secret_in_a_variable_is_named_by_the_entries() {
    let world = world();
    let line = ["init", "--client-id", "an-id", "--client-secret-variable"];
    let ran = world.run_with(&[("WORKIVA_CLIENT_SECRET", "")], &line);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let ran = world.done(&line);
    assert!(ran.out.contains("WORKIVA_CLIENT_SECRET="), "{}", ran.out);
    assert!(!ran.out.contains("a-secret"), "{}", ran.out);
    let line = cron_command(&ran.out);
    let night = run_as_cron(&world, &line, &[("WORKIVA_CLIENT_SECRET", "a-secret")]);
    assert_eq!(night.code, Some(0), "{}", night.err);
    for kind in ["systemd", "cronjob", "task"] {
        let ran = world.done(&["init", "--print", kind]);
        assert!(ran.out.contains("WORKIVA_CLIENT_SECRET"), "{}", ran.out);
    }
}

#[test]
fn entries_of_all_kinds_run_the_command() {
    let world = world();
    let secret = world.work().join("secret").display().to_string();
    world.done(&["init", "--client-id", "an-id", "--client-secret-file", &secret]);
    let mut all = String::new();
    for kind in ["cron", "systemd", "cronjob", "task"] {
        let line = ["init", "--print", kind, "--", "document", "d1", "-f", "pdf", "-o"];
        let ran = world.done(&[&line[..], &["a b/{date:%Y}.{ext}"]].concat());
        all.push_str(&format!("$ wexport init --print {kind}\n{}\n", ran.out));
    }
    let all = all.replace(env!("CARGO_BIN_EXE_wexport"), "/usr/bin/wexport");
    insta::assert_snapshot!(world.masked(&all));
}

/// A folder that a variable of this shell chooses is not that of cron.
#[test]
fn folders_of_the_shell_are_kept_for_cron() {
    let world = world();
    let (config, state) = (world.home().join("config"), world.home().join("state"));
    let [config, state] = [&config, &state].map(|path| path.to_str().unwrap());
    let variables = [("XDG_CONFIG_HOME", config), ("XDG_STATE_HOME", state)];
    let ran = world.run_with(&variables, &FILE);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let night = run_as_cron(&world, &cron_command(&ran.out), &[]);
    assert_eq!(night.code, Some(0), "{}", night.err);
    let jobs = world.run_with(&variables, &["jobs", "list"]);
    assert!(jobs.out.contains("done"), "{}", jobs.out);
}

#[test]
fn without_a_terminal_missing_flags_are_named() {
    let world = world();
    let none = [("WORKIVA_CLIENT_ID", "")];
    for (flags, expected) in [
        (&[][..], "--client-id, and one of --client-secret-file, --client-secret-variable"),
        (&["--client-secret-file", "secret"], "add --client-id\n"),
        (&["--client-id", "an-id"], "add one of --client-secret-file"),
        (&["--no-input"], "with --no-input"),
        (&["--client-id", "an-id", "--client-secret-file", "no-file"], "umask 077"),
        (&["--client-secret", "a-secret"], "unexpected argument"),
        (&["--proxy", "http://u:p@h:1", "--client-id", "i"], "no user name"),
        (
            &["--base-url", "ftp://h", "--client-id", "i", "--client-secret-file", "secret"],
            "base URL",
        ),
        (&["--client-id", "i", "--", "document"], "after '--'"),
        (&["--", "document", "d", "-f", "pdf", "-o", "a\nb"], "line break"),
        (&["--config", "c", "--", "document", "d", "-f", "pdf", "--config", "d"], "after '--'"),
    ] {
        let ran = world.run_with(&none, &[&["init"], flags].concat());
        assert!(matches!(ran.code, Some(2 | 7)), "{flags:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{flags:?}: {}", ran.err);
    }
    assert!(!config(&world).exists());
    assert!(world.requests().is_empty());
}

#[test]
fn questions_on_a_terminal_lead_to_a_config_file() {
    let world = World::new();
    let mut command = world.command(&["init"]);
    command.env_remove("WORKIVA_CLIENT_ID").env_remove("WORKIVA_CLIENT_SECRET");
    let terminal = Terminal::start(command, 24, 200);
    for (question, answer) in [
        ("[file]:", "nowhere\r"),
        ("expected file, variable or command", "\r"),
        ("File of the client secret [", "~/my-secret\r"),
        ("OAuth client ID:", "an-id\r"),
        ("(it is not shown):", "a-secret\r"),
    ] {
        terminal.wait_for(question);
        terminal.press(answer.as_bytes());
    }
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(0), "{}", screens.last());
    assert!(!screens.last().contains("a-secret"), "{}", screens.last());
    let secret = world.home().join("my-secret");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "a-secret\n");
    assert_eq!(mode(secret), 0o600);
    assert!(config(&world).exists());
}

/// The command that is shown for the keyring, with a program that stands in for it.
#[test]
fn command_for_the_keyring_is_shown_and_works() {
    let world = World::new();
    let help = world.done(&["help", "config"]).out;
    let call = match cfg!(target_os = "macos") {
        true => "security find-generic-password",
        false => "secret-tool lookup",
    };
    let (program, _) = call.split_once(' ').unwrap();
    world.write(program, "#!/bin/sh\necho a-secret\n");
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(world.work().join(program), mode).unwrap();
    let example = help.split("'''").find(|text| text.contains(call)).unwrap();
    let example = example.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut command = world.command(&["init"]);
    command.env_remove("WORKIVA_CLIENT_ID").env_remove("WORKIVA_CLIENT_SECRET");
    let terminal = Terminal::start(command, 24, 200);
    terminal.wait_for("[file]:");
    terminal.press(b"command\r");
    terminal.wait_for(&example);
    terminal.wait_for("and client_secret:");
    // Cron has the programs of a keyring in its PATH: those that stand in for it are elsewhere.
    let path = format!("{}/{program} ", world.work().display());
    let answer = example.replace("\"ID\"", "\"an-id\"").replace(&format!("{program} "), &path);
    terminal.press(format!("{answer}\r").as_bytes());
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(0), "{}", screens.last());
    assert!(!screens.last().contains("a-secret"), "{}", screens.last());
    world.run_with(&[("WORKIVA_CLIENT_SECRET", "")], &["document", "d1", "-f", "pdf", "-q"]);
    assert_eq!(world.submits(), 1);
}

#[test]
fn region_is_asked_until_it_is_valid() {
    let world = world();
    let mut command = world.command(&[&FILE[..], &["--no-check"]].concat());
    command.env_remove("WEXPORT_BASE_URL");
    let terminal = Terminal::start(command, 24, 200);
    terminal.wait_for("Region: us, eu or apac [us]:");
    terminal.press(b"mars\r");
    terminal.wait_for("invalid answer");
    terminal.press(b"EU\r");
    let (code, screens) = terminal.end();
    assert_eq!(code, Some(0), "{}", screens.last());
    let text = fs::read_to_string(config(&world)).unwrap();
    assert!(text.contains("region = \"eu\"\n"), "{text}");
    assert!(world.requests().is_empty());
}

/// The README's commands, as they are printed there.
#[test]
fn cron_line_of_the_readme_runs_in_the_environment_of_cron() {
    let world = World::new();
    let page = Page::read("README.md");
    let [line, batch] = &page.blocks("cron")[..] else { panic!("two cron lines") };
    let [init] = &page.blocks("sh")[..] else { panic!("one init command") };
    let programs = world.home().join(".cargo/bin");
    fs::create_dir_all(&programs).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wexport"), programs.join("wexport")).unwrap();
    fs::create_dir_all(world.home().join(".config/wexport")).unwrap();
    world.write("../home/.config/wexport/secret", "a-secret\n");
    let set_up = format!("PATH=$HOME/.cargo/bin:$PATH\nWEXPORT_BASE_URL={}\n", world.server.url());
    let ran = run_as_cron(&world, &format!("{set_up}export WEXPORT_BASE_URL\n{init}"), &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for night in 1..=2 {
        let ran = run_as_cron(&world, &cron_command(line), &[]);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
        assert_eq!(world.submits(), night);
    }
    // The line of a batch goes on with its run, and sends nothing for what is done.
    world.write("../home/list.csv", "kind,id,format\ndocument,d9,pdf\n");
    for _ in 0..2 {
        let line = format!("{} --date 2026-11-30", cron_command(batch));
        let ran = run_as_cron(&world, &line, &[]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert_eq!(world.submits(), 3);
    }
    // The date may change between the two runs.
    let days = fs::read_dir(world.home().join("reports")).unwrap();
    for day in days {
        assert_eq!(fs::read_dir(day.unwrap().path()).unwrap().count(), 2);
    }
}
