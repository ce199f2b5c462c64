//! The animated picture of a batch, for the README and the site: `docs/batch.svg`, and a narrow one for phones.
//!
//! `recording.jsonl` has what the display shows of a real batch of 40 exports, with its times. They were submitted at 5
//! a second to `export-sim --operations-rate 3 --complete-after 2s..7s`, which refused the 7th and ended the 24th that
//! was polled, and printed by `wexport batch --json --log-level debug`. The display draws these events here on a
//! terminal, whose screens are the frames of the picture.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;

use super::super::Live;
use crate::event::Record;
use crate::text::columns as width_of;
use crate::ui::display::Display;
use crate::ui::display_fixture::DisplayFixture;
use crate::ui::terminal::Run;

const RECORDING: &str = include_str!("recording.jsonl");

const PROMPT: &str = "$ wexport batch list.csv -o 'night/{id}.{ext}'\n";

/// How long the last frame stays, in **seconds**.
const LAST_FRAME: f64 = 6.0;

/// The width of a character, in pixels. Each text is set to its width, since fonts differ.
const COLUMN: f64 = 8.4;

/// The height of a row, in pixels.
const ROW: f64 = 20.0;

/// A screen, and how many seconds after the start it was drawn.
type Frame = (f64, Vec<Vec<Run>>);

/// Draws the recorded events on a terminal of this width. Returns the screens that differ.
fn frames(columns: u16) -> Vec<Frame> {
    let fixture = DisplayFixture::coloured(30, columns);
    fixture.terminal.clone().write_all(PROMPT.as_bytes()).unwrap();
    let mut display: Live = fixture.live_line();
    let records: Vec<Record> =
        RECORDING.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let time = |record: &Record| record.at.parse::<Timestamp>().unwrap().as_millisecond();
    let began = time(&records[0]);
    let mut frames: Vec<Frame> = vec![(0.0, fixture.terminal.runs())];
    for record in &records {
        let since = time(record) - began;
        fixture.at(since as u64);
        display.show(record);
        // Not all events draw at once, and the thread that draws has the time of the machine.
        display.draw();
        let screen = fixture.terminal.runs();
        if frames.last().is_none_or(|(_, last)| *last != screen) {
            frames.push((since as f64 / 1000.0, screen));
        }
    }
    frames
}

/// The frames one below the other, which are moved past a window as a film.
fn picture(columns: u16) -> String {
    let frames = frames(columns);
    let rows = frames.iter().map(|(_, rows)| rows.len()).max().unwrap_or_default() as f64;
    let (width, height) = (f64::from(columns) * COLUMN, rows * ROW);
    let length = frames.last().map_or(0.0, |(time, _)| *time) + LAST_FRAME;
    let (mut steps, mut film) = (String::new(), String::new());
    for (index, (time, rows)) in frames.iter().enumerate() {
        let top = index as f64 * height;
        let _ =
            writeln!(steps, "{:.2}%{{transform:translateY({:.0}px)}}", time / length * 100.0, -top);
        for (row, runs) in rows.iter().enumerate() {
            for Run { column, text, colour } in runs {
                let class =
                    colour.map(|colour| format!(" class=\"c{colour}\"")).unwrap_or_default();
                let width = width_of(text) as f64 * COLUMN;
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                let _ = writeln!(
                    film,
                    "<text{class} x=\"{:.1}\" y=\"{:.0}\" textLength=\"{width:.1}\">{text}</text>",
                    f64::from(*column) * COLUMN,
                    top + (row as f64 + 0.75) * ROW,
                );
            }
        }
    }
    let last = -((frames.len() - 1) as f64) * height;
    let (outer_width, outer_height) = (width + 32.0, height + 32.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {outer_width:.0} {outer_height:.0}\" \
         width=\"{outer_width:.0}\" role=\"img\">\n\
         <title>wexport exports a list of 40 files</title>\n<style>\n\
         rect{{fill:#f6f8fa;stroke:#d0d7de}}\n\
         text{{fill:#24292f;font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;\
         white-space:pre}}\n\
         .c1{{fill:#c4212b}}.c2{{fill:#1a7f37}}.c3{{fill:#8a5a00}}.c6{{fill:#0a6ebd}}\n\
         @media (prefers-color-scheme:dark){{rect{{fill:#0d1117;stroke:#30363d}}text{{fill:#e6edf3}}\
         .c1{{fill:#ff7b72}}.c2{{fill:#3fb950}}.c3{{fill:#d29922}}.c6{{fill:#58a6ff}}}}\n\
         .film{{animation:film {length:.1}s step-end infinite}}\n\
         @media (prefers-reduced-motion:reduce){{.film{{animation:none;transform:translateY({last:.0}px)}}}}\n\
         @keyframes film{{\n{steps}}}\n</style>\n\
         <rect x=\".5\" y=\".5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\"/>\n\
         <svg x=\"16\" y=\"16\" width=\"{width:.0}\" height=\"{height:.0}\"><g class=\"film\">\n{film}</g></svg>\n</svg>\n",
        outer_width - 1.0,
        outer_height - 1.0,
    )
}

#[test]
fn pictures_show_what_the_display_draws() {
    for (name, columns) in [("batch.svg", 80), ("batch-narrow.svg", 44)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let picture = picture(columns);
        if std::env::var_os("WEXPORT_PAGES").is_some() {
            fs::write(&path, &picture).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == picture, "{name}: run `cargo xtask pages`");
    }
}
