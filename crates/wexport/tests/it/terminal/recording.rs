//! The screens of an export at a few moments: `docs/recording.txt`, which `docs/first-file.md` shows.

use super::pty::Terminal;
use super::{PDF, assert_clean, eventful};
use crate::pages::{Page, is_update, mask_numbers, text_block};
use crate::world::World;

/// The moments. Each is the first screen with this text after the moment before.
const MOMENTS: [&str; 12] = [
    "submitting",
    "accepted, next poll in 1 s",
    "queued, next poll in 1 s",
    "  throttled for 2 s (429)",
    "throttled for 1 s (429)",
    "started, next poll in 1 s",
    "0%  ",
    " left",
    "(the response was cut off)",
    "resuming the download at",
    " left",
    "done: report.pdf, 4.8 MiB in",
];

/// The moments that are in the recording.
const SHOWN: [usize; 6] = [1, 2, 3, 7, 8, 11];

#[test]
fn phases_appear_in_order_as_recorded() {
    let world = World::with(eventful());
    let (code, screens) = Terminal::start(world.command(&PDF), 24, 80).end();
    assert_eq!(code, Some(0), "{}", screens.last());
    assert_clean(&screens);
    assert!(world.read("report.pdf") == world.exported());

    let moments = screens.in_order(&MOMENTS);
    let mut recording = format!("$ wexport {}\n", PDF.join(" "));
    for index in SHOWN {
        recording.push_str(&format!("\n{}\n", moments[index]));
    }
    let (mut file, mut page) = (Page::read("docs/recording.txt"), Page::read("docs/first-file.md"));
    if is_update() {
        file.text.clone_from(&recording);
        file.write();
        page.set_section("recording", &text_block(&recording));
        page.write();
    }
    let advice = "run `cargo xtask pages`";
    assert_eq!(mask_numbers(&file.text), mask_numbers(&recording), "{advice}");
    assert!(page.sections().contains(&("recording".into(), text_block(&file.text))), "{advice}");
}
