//! A terminal in memory, for tests: what a person would see.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use vt100::{Color, Parser};

use super::screen::Screen;

/// A terminal whose screen can be read.
#[derive(Clone)]
pub(crate) struct TestTerminal(Arc<Mutex<Parser>>);

impl TestTerminal {
    pub(crate) fn new(rows: u16, columns: u16) -> Self {
        Self(Arc::new(Mutex::new(Parser::new(nonzero(rows), nonzero(columns), 1000))))
    }

    /// A screen that is shown here, without colours.
    pub(crate) fn screen(&self) -> Screen {
        let size = self.clone();
        let size = move || {
            let (rows, columns) = size.0.lock().unwrap().screen().size();
            (rows.get(), columns.get())
        };
        Screen::moving(Box::new(self.clone()), size, false)
    }

    /// The same as a file that is written here: nothing moves.
    pub(crate) fn page(&self) -> Screen {
        Screen::unmoved(Box::new(self.clone()))
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.0.lock().unwrap().screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// The rows that have text.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().screen().contents().trim_end().into()
    }

    /// The text in the terminal's colour of this number.
    pub(crate) fn text_in(&self, colour: u8) -> String {
        let parser = self.0.lock().unwrap();
        let (rows, columns) = parser.screen().size();
        let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |at| (row, at)));
        let cells = cells.filter_map(|(row, column)| parser.screen().cell(row, column));
        cells
            .filter(|cell| cell.fgcolor() == Color::Idx(colour))
            .map(|cell| cell.contents())
            .collect()
    }

    /// What has left the screen at its top as well.
    pub(crate) fn everything(&self) -> String {
        let mut parser = self.0.lock().unwrap();
        let (rows, columns) = parser.screen().size();
        parser.screen_mut().set_scrollback(usize::MAX);
        let above = parser.screen().scrollback();
        let mut lines = Vec::new();
        for row in 0..above {
            parser.screen_mut().set_scrollback(above - row);
            lines.extend(parser.screen().rows(0, columns.get()).next());
        }
        parser.screen_mut().set_scrollback(0);
        lines.extend(parser.screen().rows(0, columns.get()).take(rows.get().into()));
        lines.join("\n")
    }

    pub(crate) fn hides_cursor(&self) -> bool {
        self.0.lock().unwrap().screen().hide_cursor()
    }

    pub(crate) fn cursor(&self) -> (u16, u16) {
        self.0.lock().unwrap().screen().cursor_position()
    }
}

fn nonzero(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

impl Write for TestTerminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // As a terminal that is not raw does it.
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\n', "\r\n");
        self.0.lock().unwrap().process(text.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
