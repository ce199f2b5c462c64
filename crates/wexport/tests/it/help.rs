//! Help that fits a screen.

use crate::world::World;

/// A terminal of 24 lines and 80 columns.
const LINES: usize = 24;
const COLUMNS: usize = 80;

const COMMANDS: [&[&str]; 24] = [
    &[],
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
    &["status"],
    &["fetch"],
    &["jobs"],
    &["jobs", "list"],
    &["jobs", "show"],
    &["jobs", "resume"],
    &["jobs", "clean"],
    &["verify"],
    &["doctor"],
    &["completions"],
    &["man"],
    &["demo"],
    &["help"],
];

#[test]
fn the_short_help_of_every_command_fits_a_screen() {
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
fn the_long_help_has_every_flag_and_fits_the_width() {
    let world = World::new();
    for words in COMMANDS {
        let ran = world.done(&[words, &["--help"]].concat());
        let widest = ran.out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(COLUMNS), "{words:?}: {widest:?}\n{}", ran.out);
    }
    insta::assert_snapshot!(world.done(&["spreadsheet", "--help"]).out);
}

#[test]
fn the_overview_names_every_command() {
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
fn topics_fit_the_width_and_a_command_s_help_can_be_asked_for() {
    let world = World::new();
    let mut all = String::new();
    for topic in ["exit-codes", "templates", "stores", "environment", "json"] {
        let ran = world.done(&["help", topic]);
        assert!(ran.out.lines().all(|line| line.chars().count() <= 88), "{}", ran.out);
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
fn completions_and_manual_pages_are_made_of_the_command_line_itself() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = world.done(&["completions", shell]).out;
        assert!(script.contains("include-draft-watermark"), "{shell}");
    }
    assert!(world.done(&["man"]).out.contains(".TH wexport 1"));
    world.done(&["man", "pages"]);
    let pages = world.names("pages");
    assert!(pages.contains(&"wexport-jobs-resume.1".to_owned()), "{pages:?}");
    assert_eq!(world.run(&["completions", "tcsh"]).code, Some(2));
}
