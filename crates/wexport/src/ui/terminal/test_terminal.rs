//! A terminal in memory, for tests.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use vt100::{Color, Parser};

use super::screen::Screen;
use crate::text::columns;

/// A terminal whose screen can be read.
#[derive(Clone)]
pub(crate) struct TestTerminal(Arc<Mutex<Parser>>);

impl TestTerminal {
    pub(crate) fn new(rows: u16, columns: u16) -> Self {
        Self(Arc::new(Mutex::new(Parser::new(nonzero(rows), nonzero(columns), 1000))))
    }

    /// An interactive screen on this terminal, without colours.
    pub(crate) fn screen(&self) -> Screen {
        self.interactive(false)
    }

    /// An interactive screen on this terminal, with colours.
    pub(crate) fn coloured_screen(&self) -> Screen {
        self.interactive(true)
    }

    fn interactive(&self, has_colours: bool) -> Screen {
        let size = self.clone();
        let size = move || {
            let (rows, columns) = size.0.lock().unwrap().screen().size();
            (rows.get(), columns.get())
        };
        Screen::interactive(Box::new(self.clone()), size, || true, has_colours)
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

    /// The rows of the screen as runs of one colour, without empty rows at the end.
    pub(crate) fn runs(&self) -> Vec<Vec<Run>> {
        let parser = self.0.lock().unwrap();
        let screen = parser.screen();
        let (rows, width) = screen.size();
        let mut all: Vec<Vec<Run>> = Vec::new();
        for row in 0..rows.get() {
            let mut runs: Vec<Run> = Vec::new();
            for column in 0..width.get() {
                let Some(cell) = screen.cell(row, column).filter(|cell| cell.has_contents()) else {
                    continue;
                };
                let colour = match cell.fgcolor() {
                    Color::Idx(colour) => Some(colour),
                    _ => None,
                };
                match runs.last_mut() {
                    Some(run) if run.colour == colour && run.end() == column => {
                        run.text.push_str(cell.contents());
                    }
                    _ => runs.push(Run { column, text: cell.contents().into(), colour }),
                }
            }
            all.push(runs);
        }
        let used = all.iter().rposition(|runs| !runs.is_empty()).map_or(0, |last| last + 1);
        all.truncate(used);
        all
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

/// Text of one colour in a row of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it begins.
    pub(crate) column: u16,
    pub(crate) text: String,
    /// A colour of the terminal's palette; `None` is its own.
    pub(crate) colour: Option<u8>,
}

impl Run {
    /// The column after it.
    fn end(&self) -> u16 {
        self.column + columns(&self.text) as u16
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
