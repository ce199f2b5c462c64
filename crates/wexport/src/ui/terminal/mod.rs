//! Standard error, and the terminal that it may be: text that stays, and below it a few lines that
//! change while the program works.

mod pane;
mod screen;
#[cfg(test)]
mod test_terminal;

use std::io::{self, IsTerminal};
use std::sync::{Arc, LazyLock};

use console::Term;

pub(super) use self::screen::{Colour, ProgressLine, Screen};
#[cfg(test)]
pub(super) use self::test_terminal::TestTerminal;

/// Says something on standard error, above the lines that change.
pub(crate) fn say(text: &str) {
    stderr().say(text);
}

/// Does something to the terminal while no line changes there.
pub(crate) fn suspend<T>(act: impl FnOnce() -> T) -> T {
    stderr().suspend(act)
}

/// Whether people see both streams on one terminal.
pub(crate) fn streams_are_one() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// There is one standard error, whatever runs in the process.
pub(super) fn stderr() -> &'static Arc<Screen> {
    static SCREEN: LazyLock<Arc<Screen>> = LazyLock::new(|| Arc::new(open()));
    &SCREEN
}

fn open() -> Screen {
    let (out, variable) = (Box::new(io::stderr()), |name| std::env::var(name).ok());
    if !io::stderr().is_terminal() || !moves_its_cursor(variable("TERM").as_deref()) {
        return Screen::unmoved(out);
    }
    let size = || Term::stderr().size_checked().filter(|(rows, columns)| rows.min(columns) > &0);
    let has_colours = variable("NO_COLOR").is_none_or(|value| value.is_empty());
    // As large as a terminal was before it could tell.
    Screen::moving(out, move || size().unwrap_or((24, 80)), has_colours)
}

fn moves_its_cursor(term: Option<&str>) -> bool {
    match term {
        Some(term) => term != "dumb" && !term.is_empty(),
        // Windows has no such variable, and its console learns its codes when it is asked for them.
        None => cfg!(windows) && Term::stderr().features().colors_supported(),
    }
}
