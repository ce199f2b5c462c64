//! Standard error. On a terminal, text stays, and below it a few lines change while the program runs.

mod live_region;
mod screen;
#[cfg(test)]
mod test_terminal;

use std::io::{self, IsTerminal};
use std::sync::{Arc, LazyLock};

pub(super) use console::Color;
use console::Term;

pub(super) use self::screen::{ProgressLine, Screen, Spans};
#[cfg(test)]
pub(super) use self::test_terminal::{Run, TestTerminal};

/// Prints to standard error, above the lines that change.
pub(super) fn print(text: &str) {
    stderr().print(text);
}

/// Calls `act` while no line is shown.
pub(super) fn suspend<T>(act: impl FnOnce() -> T) -> T {
    stderr().suspend(act)
}

/// Whether standard output and standard error are a terminal: the same one, usually.
pub(crate) fn streams_share_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// The width of standard output; `None` if it is not a terminal.
pub(crate) fn stdout_columns() -> Option<usize> {
    let (_, columns) = Term::stdout().size_checked().filter(|_| io::stdout().is_terminal())?;
    // A terminal that does not report its size has that of a VT100.
    Some(if columns == 0 { 80 } else { columns.into() })
}

/// The screen of standard error. The whole process shares it.
pub(super) fn stderr() -> Arc<Screen> {
    static SCREEN: LazyLock<Arc<Screen>> = LazyLock::new(|| Arc::new(open()));
    #[cfg(test)]
    if let Some(machine) = crate::machine::Machine::current() {
        return Arc::new(Screen::log(Box::new(crate::machine::StandardError(machine))));
    }
    Arc::clone(&SCREEN)
}

fn open() -> Screen {
    let (out, variable) = (Box::new(io::stderr()), |name| std::env::var(name).ok());
    if !io::stderr().is_terminal() {
        return Screen::log(out);
    }
    if !has_cursor_movement(variable("TERM").as_deref()) {
        return Screen::plain(out);
    }
    let size = || Term::stderr().size_checked().filter(|(rows, columns)| rows.min(columns) > &0);
    let has_colours = variable("NO_COLOR").is_none_or(|value| value.is_empty());
    // The size of a VT100, for a terminal that does not report its own.
    Screen::interactive(out, move || size().unwrap_or((24, 80)), is_foreground, has_colours)
}

/// Whether the process is in the foreground of the terminal of standard error. In one that does not
/// tell, or is not its controlling terminal, it is.
#[cfg(unix)]
fn is_foreground() -> bool {
    let group = rustix::termios::tcgetpgrp(io::stderr());
    group.map_or(true, |group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
const fn is_foreground() -> bool {
    true
}

fn has_cursor_movement(term: Option<&str>) -> bool {
    match term {
        Some(term) => term != "dumb" && !term.is_empty(),
        // Windows does not set it. This call enables escape sequences in its console.
        None => cfg!(windows) && Term::stderr().features().colors_supported(),
    }
}
