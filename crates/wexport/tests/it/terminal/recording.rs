//! A run as it is seen at a few moments: `docs/recording.txt`, which the README shows.

use super::pty::Terminal;
use super::{PDF, assert_clean, eventful};
use crate::pages::{Page, are_written, block, without_numbers};
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
    "(the response was cut off)",
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
    let (mut file, mut readme) = (Page::read("docs/recording.txt"), Page::read("README.md"));
    if are_written() {
        file.text.clone_from(&recording);
        file.write();
        readme.fill("recording", &block(&recording));
        readme.write();
    }
    let see = "see `cargo xtask pages`";
    assert_eq!(without_numbers(&file.text), without_numbers(&recording), "{see}");
    assert!(readme.places().contains(&("recording".into(), block(&file.text))), "{see}");
}
