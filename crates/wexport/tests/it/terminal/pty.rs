//! A pseudo-terminal, and what a person sees on it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{self, Pty};
use vt100::Parser;

/// What the program begins every frame with.
const FRAME: &[u8] = b"\r\x1b[J";

/// A program on a terminal of its own.
pub(super) struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
}

/// What was on the screen, from the first to the last.
pub(super) struct Seen {
    /// Every screen, as text; each once.
    pub(super) screens: Vec<String>,
    /// Rows that a longer line had to be broken into.
    pub(super) wrapped: Vec<String>,
    /// Whether the cursor was hidden at any time.
    pub(super) hid_cursor: bool,
    /// Everything that the program wrote.
    pub(super) bytes: Vec<u8>,
    parser: Parser,
    /// How much of the bytes is on the screen.
    shown: usize,
}

impl Terminal {
    /// Starts a command on a terminal of this size.
    pub(super) fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let child = blocking::Command::from(command).spawn(pts).unwrap();
        let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(Seen::new(rows, columns))));
        let (from, to) = (Arc::clone(&pty), Arc::clone(&seen));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Once the program has gone, there is nothing to read but an error.
            while let Ok(read @ 1..) = (&*from).read(&mut buffer) {
                to.lock().unwrap().take(&buffer[..read]);
            }
        });
        Self { child, pty, seen, reader }
    }

    /// Waits until a screen is seen.
    pub(super) fn wait_for(&self, what: &str) {
        let give_up_at = Instant::now() + Duration::from_secs(30);
        loop {
            let mut seen = self.seen.lock().unwrap();
            seen.look();
            if seen.screens.iter().any(|screen| screen.contains(what)) {
                return;
            }
            assert!(Instant::now() < give_up_at, "no {what:?} in {:#?}", seen.screens);
            drop(seen);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types something.
    pub(super) fn press(&self, keys: &[u8]) {
        (&*self.pty).write_all(keys).unwrap();
    }

    /// Makes the window larger or smaller; what was seen before is forgotten.
    pub(super) fn resize(&self, rows: u16, columns: u16) {
        let mut seen = self.seen.lock().unwrap();
        self.pty.resize(Size::new(rows, columns)).unwrap();
        seen.look();
        seen.parser.screen_mut().set_size(nonzero(rows), nonzero(columns));
        seen.screens.clear();
    }

    /// Waits for the end: the exit code, and all that was seen.
    pub(super) fn end(mut self) -> (Option<i32>, Seen) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), None);
        self.reader.join().unwrap();
        let mut seen = Arc::into_inner(self.seen).unwrap().into_inner().unwrap();
        seen.look();
        (status.code(), seen)
    }
}

impl Seen {
    fn new(rows: u16, columns: u16) -> Self {
        let parser = Parser::new(nonzero(rows), nonzero(columns), 0);
        let (screens, wrapped, bytes) = Default::default();
        Self { screens, wrapped, hid_cursor: false, bytes, parser, shown: 0 }
    }

    /// Takes in bytes, and looks at the screen before each new frame: however late they are read,
    /// no frame is missed.
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some(at) = self.bytes[self.shown..].windows(FRAME.len()).position(|w| w == FRAME)
        {
            self.show(self.shown + at);
            self.look();
            self.show(self.shown + FRAME.len());
        }
        // What may be the beginning of a frame waits for the rest.
        let rest = &self.bytes[self.shown..];
        let waits = (1..FRAME.len()).rev().find(|len| rest.ends_with(&FRAME[..*len]));
        self.show(self.bytes.len() - waits.unwrap_or_default());
    }

    fn show(&mut self, up_to: usize) {
        self.parser.process(&self.bytes[self.shown..up_to]);
        self.shown = up_to;
    }

    /// Looks at the screen.
    fn look(&mut self) {
        let screen = self.parser.screen();
        self.hid_cursor |= screen.hide_cursor();
        let (rows, columns) = screen.size();
        for (row, text) in (0..rows.get()).zip(screen.rows(0, columns.get())) {
            if screen.row_wrapped(row) && !self.wrapped.contains(&text) {
                self.wrapped.push(text);
            }
        }
        let text = screen.contents().trim_end().to_owned();
        if self.screens.last() != Some(&text) {
            self.screens.push(text);
        }
    }

    /// What is left on the screen.
    pub(super) fn last(&self) -> &str {
        self.screens.last().unwrap()
    }

    /// Row and column of the cursor.
    pub(super) fn cursor(&self) -> (u16, u16) {
        self.parser.screen().cursor_position()
    }

    /// The first screens with each of these, one after the other.
    pub(super) fn in_order<'a>(&'a self, moments: &[&str]) -> Vec<&'a str> {
        let mut rest = self.screens.iter();
        let mut found = Vec::new();
        for moment in moments {
            // One screen may show two of them.
            let again = found.last().filter(|screen: &&&str| screen.contains(moment)).copied();
            let screen = again.or_else(|| rest.find(|s| s.contains(moment)).map(String::as_str));
            found.push(screen.unwrap_or_else(|| panic!("no {moment:?} in {:#?}", self.screens)));
        }
        found
    }
}

fn nonzero(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}
