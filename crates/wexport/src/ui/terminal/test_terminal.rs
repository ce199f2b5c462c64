//! A terminal in memory, for tests.

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

    /// An interactive screen on this terminal, without colours.
    pub(crate) fn screen(&self) -> Screen {
        let size = self.clone();
        let size = move || {
            let (rows, columns) = size.0.lock().unwrap().screen().size();
            (rows.get(), columns.get())
        };
        Screen::interactive(Box::new(self.clone()), size, || true, false)
    }

    /// A plain screen that writes to this terminal.
    pub(crate) fn plain_screen(&self) -> Screen {
        Screen::plain(Box::new(self.clone()))
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.0.lock().unwrap().screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// The text on the screen, without empty rows at the end.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().screen().contents().trim_end().into()
    }

    /// The text in a colour of the terminal's palette.
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

    /// The text on the screen and in the scrollback.
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
        // A terminal that is not in raw mode does this.
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\n', "\r\n");
        self.0.lock().unwrap().process(text.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
