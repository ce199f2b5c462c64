//! The help, and its size.

use crate::world::World;

/// The size of a terminal.
const LINES: usize = 24;
const COLUMNS: usize = 80;

const COMMANDS: [&[&str]; 29] = [
    &[],
    &["files"],
    &["document"],
    &["spreadsheet"],
    &["presentation"],
    &["file"],
    &["folder"],
    &["container"],
    &["style-guide"],
    &["graph-report"],
    &["test-form"],
    &["attachment"],
    &["batch"],
    &["work"],
    &["status"],
    &["fetch"],
    &["jobs"],
    &["jobs", "list"],
    &["jobs", "show"],
    &["jobs", "resume"],
    &["jobs", "clean"],
    &["report"],
    &["verify"],
    &["init"],
    &["doctor"],
    &["completions"],
    &["man"],
    &["demo"],
    &["help"],
];

#[test]
fn short_help_fits_a_screen() {
    let world = World::new();
    let mut all = String::new();
    for words in COMMANDS {
        let ran = world.done(&[words, &["-h"]].concat());
        let lines: Vec<&str> = ran.out.lines().collect();
        assert!(lines.len() <= LINES, "{words:?} has {} lines:\n{}", lines.len(), ran.out);
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(COLUMNS), "{words:?}: {widest:?}\n{}", ran.out);
        all.push_str(&format!("$ wexport {}\n{}\n", words.join(" "), ran.out));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn long_help_fits_the_width() {
    let world = World::new();
    for words in COMMANDS {
        let ran = world.done(&[words, &["--help"]].concat());
        let widest = ran.out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(COLUMNS), "{words:?}: {widest:?}\n{}", ran.out);
    }
    insta::assert_snapshot!(world.done(&["spreadsheet", "--help"]).out);
}

#[test]
fn overview_names_every_command() {
    let world = World::new();
    let overview = world.done(&["--help"]).out;
    for words in COMMANDS.into_iter().filter(|words| !words.is_empty()) {
        for word in words {
            assert!(overview.contains(word), "{word}\n{overview}");
        }
    }
    assert_eq!(world.run(&[]).code, Some(2));
}

#[test]
fn help_command_prints_topics_and_commands() {
    let world = World::new();
    let mut all = String::new();
    for topic in [
        "exit-codes",
        "templates",
        "batch-files",
        "stores",
        "config",
        "environment",
        "hooks",
        "json",
    ] {
        let ran = world.done(&["help", topic]);
        assert!(ran.out.lines().all(|line| line.chars().count() <= COLUMNS), "{}", ran.out);
        all.push_str(&format!("$ wexport help {topic}\n{}\n", ran.out));
    }
    insta::assert_snapshot!(all);
    assert_eq!(
        world.done(&["help", "jobs", "resume"]).out,
        world.done(&["jobs", "resume", "--help"]).out
    );
    assert_eq!(world.run(&["help", "nonsense"]).code, Some(2));
}

#[test]
fn completions_and_manual_pages_are_generated() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = world.done(&["completions", shell]).out;
        assert!(script.contains("WEXPORT_COMPLETE"), "{shell}: {script}");
    }
    assert!(world.done(&["man"]).out.contains(".TH wexport 1"));
    world.done(&["man", "pages"]);
    let pages = world.names("pages");
    assert!(pages.contains(&"wexport-jobs-resume.1".to_owned()), "{pages:?}");
    assert_eq!(world.run(&["completions", "tcsh"]).code, Some(2));
}
