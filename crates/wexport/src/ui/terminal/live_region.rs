//! The region at the end of the terminal's output in which lines change, as indicatif draws it.
//!
//! Between two frames the cursor is at the beginning of the first line, and it is never hidden.
//! When the window becomes narrower, the terminal wraps the lines: with the cursor above them, one
//! escape sequence clears all of the rows that they take. A program that is killed leaves a usable
//! terminal.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

/// A terminal's rows and columns.
pub(super) type Size = (u16, u16);

/// Whether the program may draw: a job of a shell that is in the background would draw over the
/// shell's prompt.
pub(super) type IsForeground = Arc<dyn Fn() -> bool + Send + Sync>;

/// The writer of the terminal, shared by the region and the text that is printed above it.
pub(super) type Output = Arc<Mutex<Box<dyn Write + Send>>>;

/// Clears from the cursor, at the beginning of its line, to the end of the screen.
const CLEAR: &str = "\r\x1b[J";

/// The region below the text that was printed.
pub(super) struct LiveRegion {
    out: Output,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    is_foreground: IsForeground,
    frame: Mutex<Frame>,
}

#[derive(Default)]
struct Frame {
    /// The lines of the frame that is being drawn.
    next: Vec<String>,
    /// The lines of the last frame.
    shown: Vec<String>,
}

impl LiveRegion {
    pub(super) fn new(
        out: Output,
        size: Arc<dyn Fn() -> Size + Send + Sync>,
        is_foreground: IsForeground,
    ) -> Self {
        Self { out, size, is_foreground, frame: Mutex::default() }
    }

    fn frame(&self) -> MutexGuard<'_, Frame> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes text with one call, so that the terminal does not show a part of it. Errors are ignored:
/// a terminal that was closed does not stop an export.
pub(super) fn write(out: &Output, text: &str) {
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl TermLike for LiveRegion {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    /// Cursor movements are ignored: each frame clears the region from its first line.
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

    /// Adds a line to the frame. The spaces with which indicatif fills a line up to the edge are
    /// dropped: they would wrap first when the window becomes narrower.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim_matches([' ', '\r']).is_empty() {
            self.frame().next.push(text.into());
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame();
        let next = std::mem::take(&mut frame.next);
        if !(self.is_foreground)() {
            // What was drawn is no longer below the cursor.
            frame.shown.clear();
            return Ok(());
        }
        if next == frame.shown {
            return Ok(());
        }
        let back = match next.len() {
            0 => String::new(),
            1 => "\r".into(),
            lines => format!("\r\x1b[{}A", lines - 1),
        };
        write(&self.out, &format!("{CLEAR}{}{back}", next.join("\r\n")));
        frame.shown = next;
        Ok(())
    }
}

impl fmt::Debug for LiveRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveRegion")
    }
}
