//! Runs the commands of the documentation, and compares their output with that on the page.
#![cfg(unix)]

#[cfg(feature = "s3")]
mod operate;
mod page;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use export_sim::Scenario;

#[cfg(feature = "s3")]
pub(crate) use self::operate::parse_yaml;
pub(crate) use self::page::{Page, is_update, mask_numbers, text_block};
use crate::mask::{mask, mask_request_ids};
use crate::world::{World, quick, without_time};

/// The base URL of the service on the pages.
const API: &str = "https://api.app.wdesk.com";

/// The working directory on the pages, which is also the home folder.
const HOME: &str = "/home/ada";

/// The program on the pages.
const PROGRAM: &str = "/usr/local/bin/wexport";

/// Separates the outputs of commands.
const SEPARATOR: &str = "--- separator ---";

/// Runs a shell script with `wexport` in its `PATH`, and returns the output of both streams.
pub(crate) fn run_script(world: &World, script: &str) -> String {
    let programs = world.home().join("bin");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_wexport"), programs.join("wexport")).unwrap();
    }
    let command = world.command(&[]);
    let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let path = std::env::var("PATH").unwrap();
    let printed = world.home().join("printed");
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .env_clear()
        .envs(environment)
        .env("PATH", format!("{}:{path}", programs.display()))
        .current_dir(world.work())
        .stdin(Stdio::null())
        .stdout(File::create(&printed).unwrap())
        .spawn()
        .unwrap();
    // A script that polls may never end.
    let give_up_at = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > give_up_at {
            child.kill().unwrap();
            panic!("the script does not end:\n{script}\n{}", fs::read_to_string(&printed).unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    }
    // The pages show what a terminal shows, where lines have no time.
    let text = fs::read_to_string(&printed).unwrap();
    let text: String = text.split_inclusive('\n').map(without_time).collect();
    let work = fs::canonicalize(world.work()).unwrap();
    let text = text.replace(env!("CARGO_BIN_EXE_wexport"), PROGRAM);
    let text = text.replace(world.server.url(), API);
    text.replace(&host_of(world.server.url()), &host_of(API))
        .replace(&*work.to_string_lossy(), HOME)
        .replace(&*world.home().to_string_lossy(), HOME)
}

/// Writes the file of the client secret that the pages name.
fn put_secret(world: &World) {
    fs::create_dir_all(world.home().join(".config/wexport")).unwrap();
    world.write("../home/.config/wexport/secret", "a-secret\n");
}

fn host_of(url: &str) -> String {
    url.split_once("://").unwrap().1.into()
}

/// The command that the test runs for one of a page; `None` if it is about the libraries.
fn test_command(command: &str) -> Option<String> {
    match command.strip_prefix("cargo run --package wexport -- ") {
        Some(words) => Some(format!("wexport {words}")),
        None => (!command.starts_with("cargo ")).then(|| command.to_owned()),
    }
}

/// The pages: README.md, and those in `docs/`.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = fs::read_dir(root.join("docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    pages.chain(["README.md".into()]).collect()
}

/// Runs the commands of a page in one shell, and checks or updates their output on the page. Its JSON is the scenario of
/// the service, or a request body, and its CSV a list.
fn check_page(path: &str) {
    let mut page = Page::read(path);
    let json = page.blocks("json").into_iter().next();
    let scenario = json.as_ref().and_then(|json| Scenario::from_json(json).ok());
    let world = World::with(quick().with_scenario(scenario.unwrap_or_default()));
    put_secret(&world);
    for (text, name) in [(json, "old.json"), (page.blocks("csv").into_iter().next(), "list.csv")] {
        if let Some(text) = text {
            fs::write(world.work().join(name), text).unwrap();
        }
    }
    let examples = page.examples();
    let examples: Vec<_> =
        examples.into_iter().filter_map(|e| Some((test_command(&e.command)?, e))).collect();
    let mut script = String::new();
    for (command, _) in &examples {
        script.push_str(&format!("{command}\necho \"{SEPARATOR} $?\"\n"));
    }
    let printed = run_script(&world, &script);
    let mut rest = printed.as_str();
    for (_, example) in &examples {
        let (output, after) = rest.split_once(SEPARATOR).unwrap();
        let (code, after) = after.split_once('\n').unwrap();
        rest = after;
        assert_eq!(code, " 0", "{}: {output}", example.command);
        if example.output.is_empty() {
            continue;
        }
        let [shown, printed] = [&example.output, output].map(|text| mask_request_ids(&mask(text)));
        if is_update() && shown != printed {
            page.replace(example, output);
            continue;
        }
        let see = format!("{path}: {}; see `cargo xtask pages`", example.command);
        assert_eq!(shown, printed, "{see}");
    }
    if is_update() {
        page.write();
    }
}

#[test]
fn commands_of_the_pages_print_their_output() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    thread::scope(|scope| {
        for path in &pages {
            scope.spawn(move || check_page(path));
        }
    });
}

#[test]
fn pages_lead_to_files_and_are_on_the_site() {
    let site = Page::read("docs/site.toml").text;
    for path in pages() {
        let name = path.strip_prefix("docs/").unwrap_or(&path);
        assert!(site.contains(&format!("= \"{name}\" }}")), "docs/site.toml: no {name}");
        let page = Page::read(&path);
        let folder = page.path().parent().unwrap();
        let links = page.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links {
            let file = link.split('#').next().unwrap();
            let exists = link.contains("://") || folder.join(file).exists();
            assert!(exists, "{path}: {link}");
        }
    }
}

/// The tests of `conformance` compile them.
#[test]
fn rust_examples_of_the_pages_are_compiled() {
    let compiled = Page::read("tests/src/lib.rs").text;
    let mut count = 0;
    for path in pages() {
        if Page::read(&path).text.contains("\n```rust") {
            count += 1;
            assert!(compiled.contains(&format!("include_str!(\"../../{path}\")")), "{path}");
        }
    }
    assert!(count > 3);
}

#[test]
fn pages_show_the_help_topics() {
    let world = World::new();
    let mut topics = Vec::new();
    for path in pages() {
        let mut page = Page::read(&path);
        if !page.text.contains("<!-- wexport ") {
            continue;
        }
        for (name, content) in page.sections() {
            let Some(words) = name.strip_prefix("wexport ") else { continue };
            let words: Vec<&str> = words.split(' ').collect();
            let printed = text_block(&world.done(&words).out);
            if is_update() {
                page.set_section(&name, &printed);
            } else {
                assert_eq!(content, printed, "{path}: {name}; see `cargo xtask pages`");
            }
            topics.extend(words.last().map(|topic| (*topic).to_owned()));
        }
        if is_update() {
            page.write();
        }
    }
    topics.sort();
    topics.dedup();
    assert_eq!(
        topics,
        [
            "batch-files",
            "config",
            "environment",
            "exit-codes",
            "hooks",
            "json",
            "stores",
            "templates"
        ]
    );
}

#[test]
fn curl_script_and_its_replacement_export_the_same() {
    let world = World::new();
    let page = Page::read("docs/from-curl.md");
    let scripts = page.blocks("sh");
    let [script] = &scripts[..] else { panic!("{scripts:?}") };
    fs::write(world.work().join("old.json"), &page.blocks("json")[0]).unwrap();
    let printed = run_script(&world, &script.replace(API, world.server.url()));
    assert_eq!(printed, "");
    assert_eq!(world.read("report.pdf"), world.exported());
    let sent =
        |world: &World| world.server.requests().into_iter().rev().find(|r| r.method() == "POST");
    let by_script = sent(&world).unwrap().body().to_vec();

    fs::remove_file(world.work().join("report.pdf")).unwrap();
    let line = page.examples().remove(0).command;
    assert_eq!(run_script(&world, &line), "");
    assert_eq!(world.read("report.pdf"), world.exported());
    let by_line = sent(&world).unwrap();
    assert_eq!(by_line.target(), "/files/124efa2a142f/export");
    let json = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap();
    assert_eq!(json(by_line.body()), json(&by_script));
}
