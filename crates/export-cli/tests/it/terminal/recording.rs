//! A run as it is seen at a few moments: `docs/recording.txt`, which the README shows.

use std::path::{Path, PathBuf};

use super::pty::Terminal;
use super::{PDF, assert_clean, eventful};
use crate::world::World;

/// The moments; each is the first screen with these words after the one before.
const MOMENTS: [&str; 12] = [
    "asking for the export",
    "accepted, next poll in 1 s",
    "queued, next poll in 1 s",
    "asked to wait 2 s (429)",
    "asked to wait 1 s (429)",
    "started, next poll in 1 s",
    "0%  ",
    " left",
    "(the answer broke off)",
    "going on with the download at",
    " left",
    "done: report.pdf, 4.8 MiB in",
];

/// Those that are worth showing.
const SHOWN: [usize; 6] = [1, 2, 3, 7, 8, 11];

#[test]
fn a_terminal_sees_each_phase_in_its_order_and_the_recording_of_it_is_true() {
    let world = World::with(eventful());
    let (code, seen) = Terminal::start(world.command(&PDF), 24, 80).end();
    assert_eq!(code, Some(0), "{}", seen.last());
    assert_clean(&seen);
    assert!(world.read("report.pdf") == world.exported());

    let screens = seen.in_order(&MOMENTS);
    let mut recording = format!("$ wexport {}\n", PDF.join(" "));
    for index in SHOWN {
        recording.push_str(&format!("\n{}\n", screens[index]));
    }
    let (file, readme) = (at_the_top("docs/recording.txt"), at_the_top("README.md"));
    if std::env::var_os("WEXPORT_RECORDING").is_some() {
        std::fs::write(&file, &recording).unwrap();
        std::fs::write(&readme, shown_in(&read(&readme), &recording)).unwrap();
    }
    let kept = read(&file);
    assert_eq!(without_numbers(&kept), without_numbers(&recording), "see `cargo xtask recording`");
    assert_eq!(read(&readme), shown_in(&read(&readme), &kept), "see `cargo xtask recording`");
}

/// A README that shows this recording.
fn shown_in(readme: &str, recording: &str) -> String {
    let (before, rest) = readme.split_once("<!-- recording -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of the recording -->").unwrap();
    format!(
        "{before}<!-- recording -->\n```text\n{recording}```\n<!-- end of the recording -->{after}"
    )
}

/// A text in which numbers do not count: how fast it went differs from run to run.
pub(super) fn without_numbers(text: &str) -> String {
    let mut masked = String::new();
    for c in text.replace("KiB/s", "MiB/s").chars() {
        match c {
            '0'..='9' if masked.ends_with('N') => {}
            '.' if masked.ends_with('N') => {}
            '0'..='9' => masked.push('N'),
            c => masked.push(c),
        }
    }
    masked
}

fn at_the_top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
