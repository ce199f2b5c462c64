//! The part of a terminal in which lines change: what indicatif draws on.
//!
//! Between two frames the cursor stays at the beginning of the first line, and it is never hidden.
//! A window that gets narrower breaks lines anew, and with the cursor above them one code clears
//! whatever became of them; a program that is killed leaves a terminal in which people can type.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

/// A terminal's rows and columns.
pub(super) type Size = (u16, u16);

/// Where bytes for the terminal go.
pub(super) type Out = Arc<Mutex<Box<dyn Write + Send>>>;

/// Clears from the cursor, at the beginning of its line, to the end of the screen.
const CLEAR: &str = "\r\x1b[J";

/// A pane at the end of what was printed.
pub(super) struct Pane {
    out: Out,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    frame: Mutex<Frame>,
}

/// What is being drawn, and what was drawn last.
#[derive(Default)]
struct Frame {
    drawn: Vec<String>,
    shown: Vec<String>,
}

impl Pane {
    pub(super) fn new(out: Out, size: Arc<dyn Fn() -> Size + Send + Sync>) -> Self {
        Self { out, size, frame: Mutex::default() }
    }

    fn frame(&self) -> MutexGuard<'_, Frame> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes at once, so that a terminal never shows half of it. A terminal that has gone does not
/// stop an export.
pub(super) fn write(out: &Out, text: &str) {
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl TermLike for Pane {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    /// A frame begins with clearing, wherever its author believes the cursor to be.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    /// A line, or the blanks that fill it up to the edge. These are left out: they would be the
    /// first to break when the window gets narrower.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim_matches([' ', '\r']).is_empty() {
            self.frame().drawn.push(text.into());
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame();
        let drawn = std::mem::take(&mut frame.drawn);
        if drawn == frame.shown {
            return Ok(());
        }
        let back = match drawn.len() {
            0 => String::new(),
            1 => "\r".into(),
            lines => format!("\r\x1b[{}A", lines - 1),
        };
        write(&self.out, &format!("{CLEAR}{}{back}", drawn.join("\r\n")));
        frame.shown = drawn;
        Ok(())
    }
}

impl fmt::Debug for Pane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pane")
    }
}
