//! A program on a pseudo-terminal, and its screens.

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

/// The beginning of each frame.
const FRAME: &[u8] = b"\r\x1b[J";

/// A program on a pseudo-terminal.
pub(crate) struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    screens: Arc<Mutex<Screens>>,
    reader: JoinHandle<()>,
}

/// The screens of a program, in their order.
pub(crate) struct Screens {
    /// The text of each screen that differs from the one before.
    pub(crate) texts: Vec<String>,
    /// The rows that the terminal has wrapped.
    pub(crate) wrapped: Vec<String>,
    /// Whether the cursor was hidden at any time.
    pub(crate) hid_cursor: bool,
    /// The output of the program.
    pub(crate) bytes: Vec<u8>,
    parser: Parser,
    /// The number of bytes that the parser has processed.
    processed: usize,
}

impl Terminal {
    /// Starts a command on a terminal of this size.
    pub(crate) fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let child = blocking::Command::from(command).spawn(pts).unwrap();
        let (pty, screens) = (Arc::new(pty), Arc::new(Mutex::new(Screens::new(rows, columns))));
        let (from, to) = (Arc::clone(&pty), Arc::clone(&screens));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A read fails when the program has ended.
            while let Ok(read @ 1..) = (&*from).read(&mut buffer) {
                to.lock().unwrap().feed(&buffer[..read]);
            }
        });
        Self { child, pty, screens, reader }
    }

    /// Waits for a screen with a text.
    pub(crate) fn wait_for(&self, text: &str) {
        let give_up_at = Instant::now() + Duration::from_secs(30);
        loop {
            let mut screens = self.screens.lock().unwrap();
            screens.capture();
            if screens.texts.iter().any(|screen| screen.contains(text)) {
                return;
            }
            assert!(Instant::now() < give_up_at, "no {text:?} in {:#?}", screens.texts);
            drop(screens);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The number of frames that were drawn.
    pub(crate) fn frames(&self) -> usize {
        let screens = self.screens.lock().unwrap();
        screens.bytes.windows(FRAME.len()).filter(|window| *window == FRAME).count()
    }

    /// Sends keys to the program.
    pub(crate) fn press(&self, keys: &[u8]) {
        (&*self.pty).write_all(keys).unwrap();
    }

    /// Resizes the window, and discards the screens so far.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut screens = self.screens.lock().unwrap();
        self.pty.resize(Size::new(rows, columns)).unwrap();
        screens.capture();
        screens.parser.screen_mut().set_size(nonzero(rows), nonzero(columns));
        screens.texts.clear();
    }

    /// Waits for the end of the program. Returns its exit code and its screens.
    pub(crate) fn end(mut self) -> (Option<i32>, Screens) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), None);
        self.reader.join().unwrap();
        let mut screens = Arc::into_inner(self.screens).unwrap().into_inner().unwrap();
        screens.capture();
        (status.code(), screens)
    }
}

impl Screens {
    fn new(rows: u16, columns: u16) -> Self {
        let parser = Parser::new(nonzero(rows), nonzero(columns), 0);
        let (texts, wrapped, bytes) = Default::default();
        Self { texts, wrapped, hid_cursor: false, bytes, parser, processed: 0 }
    }

    /// Processes output, and captures the screen before each frame: no frame is missed, however late
    /// the output is read.
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some(at) =
            self.bytes[self.processed..].windows(FRAME.len()).position(|w| w == FRAME)
        {
            self.process(self.processed + at);
            self.capture();
            self.process(self.processed + FRAME.len());
        }
        // The bytes at the end may be the beginning of a frame.
        let rest = &self.bytes[self.processed..];
        let partial = (1..FRAME.len()).rev().find(|len| rest.ends_with(&FRAME[..*len]));
        self.process(self.bytes.len() - partial.unwrap_or_default());
    }

    fn process(&mut self, up_to: usize) {
        self.parser.process(&self.bytes[self.processed..up_to]);
        self.processed = up_to;
    }

    /// Records the current screen.
    fn capture(&mut self) {
        let screen = self.parser.screen();
        self.hid_cursor |= screen.hide_cursor();
        let (rows, columns) = screen.size();
        for (row, text) in (0..rows.get()).zip(screen.rows(0, columns.get())) {
            if screen.row_wrapped(row) && !self.wrapped.contains(&text) {
                self.wrapped.push(text);
            }
        }
        let text = screen.contents().trim_end().to_owned();
        if self.texts.last() != Some(&text) {
            self.texts.push(text);
        }
    }

    /// The last screen.
    pub(crate) fn last(&self) -> &str {
        self.texts.last().unwrap()
    }

    /// Row and column of the cursor.
    pub(crate) fn cursor(&self) -> (u16, u16) {
        self.parser.screen().cursor_position()
    }

    /// The first screen with each of these texts, in this order.
    pub(crate) fn in_order<'a>(&'a self, moments: &[&str]) -> Vec<&'a str> {
        let mut rest = self.texts.iter();
        let mut found = Vec::new();
        for moment in moments {
            // One screen may have two of the texts.
            let again = found.last().filter(|screen: &&&str| screen.contains(moment)).copied();
            let screen = again.or_else(|| rest.find(|s| s.contains(moment)).map(String::as_str));
            found.push(screen.unwrap_or_else(|| panic!("no {moment:?} in {:#?}", self.texts)));
        }
        found
    }
}

fn nonzero(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}
