//! What is on a screen, and in which order it gets there.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::pane::{self, Out, Pane, Size};
use crate::text::{fold, harmless};

/// How often a line is drawn anew: seldom enough to be calm, often enough to look alive.
const EVERY: Duration = Duration::from_millis(100);

/// As many frames a second as there may be.
const MOST: u8 = 20;

/// Where text is said, and lines change if they can.
pub(crate) struct Screen {
    out: Out,
    moving: Option<Interactive>,
}

/// A terminal that can move its cursor.
#[derive(Clone)]
struct Interactive {
    lines: MultiProgress,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    has_colours: bool,
}

/// A line that changes until this is dropped.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    lines: MultiProgress,
}

impl Screen {
    /// A file, a pipe, or a terminal that only prints.
    pub(super) fn unmoved(out: Box<dyn Write + Send>) -> Self {
        Self { out: Arc::new(Mutex::new(out)), moving: None }
    }

    /// A terminal that can move its cursor.
    pub(super) fn moving(
        out: Box<dyn Write + Send>,
        size: impl Fn() -> Size + Send + Sync + 'static,
        has_colours: bool,
    ) -> Self {
        let (out, size): (Out, Arc<dyn Fn() -> Size + Send + Sync>) =
            (Arc::new(Mutex::new(out)), Arc::new(size));
        let pane = Box::new(Pane::new(Arc::clone(&out), Arc::clone(&size)));
        let target = ProgressDrawTarget::term_like_with_hz(pane, MOST);
        let lines = MultiProgress::with_draw_target(target);
        Self { out, moving: Some(Interactive { lines, size, has_colours }) }
    }

    pub(crate) const fn is_interactive(&self) -> bool {
        self.moving.is_some()
    }

    /// Says something that stays. On a terminal, lines are broken between words.
    pub(crate) fn say(&self, text: &str) {
        self.say_in(None, text);
    }

    /// Says something in a colour, if there are any.
    pub(crate) fn say_in(&self, colour: Option<Colour>, text: &str) {
        let mut whole = String::new();
        for line in text.lines() {
            let line = harmless(line);
            match &self.moving {
                None => whole.push_str(&line),
                Some(moving) => whole.push_str(&moving.arranged(&line, colour)),
            }
            whole.push('\n');
        }
        self.suspend(|| pane::write(&self.out, &whole));
    }

    /// Does something while no line changes.
    pub(crate) fn suspend<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.moving {
            None => act(),
            Some(moving) => moving.lines.suspend(act),
        }
    }

    /// Adds a line that `draw` draws, now and then, for so many columns. It is told of once it
    /// is drawn, and must not use the screen itself.
    pub(crate) fn add(
        &self,
        draw: impl Fn(usize) -> (String, Option<Colour>) + Clone + Send + Sync + 'static,
    ) -> Option<ProgressLine> {
        let moving = self.moving.as_ref()?;
        let this = moving.clone();
        let key = move |_: &ProgressState, line: &mut dyn fmt::Write| {
            let (text, colour) = draw(this.columns());
            // A line that is not drawn this time is drawn the next time.
            let _ = match colour {
                Some(colour) if this.has_colours => line.write_str(&colour.of(&text)),
                _ => line.write_str(&text),
            };
        };
        let style = ProgressStyle::with_template("{line}").ok()?.with_key("line", key);
        let bar = moving.lines.add(ProgressBar::no_length().with_style(style));
        bar.enable_steady_tick(EVERY);
        Some(ProgressLine { bar, lines: moving.lines.clone() })
    }

    /// The columns of a line that is not broken; without end where none has to be.
    pub(crate) fn columns(&self) -> usize {
        self.moving.as_ref().map_or(usize::MAX, Interactive::columns)
    }
}

impl ProgressLine {
    /// Draws at once what has changed.
    pub(crate) fn draw(&self) {
        self.bar.force_draw();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.lines.remove(&self.bar);
    }
}

impl Interactive {
    /// A line as it is shown: broken between words, under the word that it is about.
    fn arranged(&self, line: &str, colour: Option<Colour>) -> String {
        let columns = self.columns();
        // Facts of an error stand in two columns.
        let indent = if line.starts_with("  ") { 20 } else { 2 };
        let folded = fold(line, columns, if indent * 2 > columns { 2 } else { indent });
        if !self.has_colours {
            return folded;
        }
        match (colour, folded.split_once(':')) {
            (Some(colour), _) => colour.of(&folded),
            (None, Some(("error", rest))) => format!("{}{rest}", Colour::Red.of("error:")),
            (None, Some(("failed", rest))) => format!("{}{rest}", Colour::Red.of("failed:")),
            (None, Some(("warning", rest))) => format!("{}{rest}", Colour::Yellow.of("warning:")),
            _ => folded,
        }
    }

    /// The columns of a line. The last one of the terminal stays free: some begin a new line once
    /// it is filled.
    fn columns(&self) -> usize {
        usize::from((self.size)().1).saturating_sub(1)
    }
}

/// A colour of the terminal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Yellow,
}

impl Colour {
    fn of(self, text: &str) -> String {
        let code = match self {
            Self::Red => 31,
            Self::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clip;
    use crate::ui::terminal::TestTerminal;

    /// A screen with a line, drawn.
    fn with_line(glass: &TestTerminal, text: &'static str) -> (Screen, ProgressLine) {
        let screen = glass.screen();
        let line = screen.add(move |columns| (clip(text, columns).into_owned(), None)).unwrap();
        line.draw();
        (screen, line)
    }

    #[test]
    fn between_frames_the_cursor_is_where_the_lines_begin_and_it_is_never_hidden() {
        let glass = TestTerminal::new(24, 80);
        let (screen, line) = with_line(&glass, "one");
        let other = screen.add(|_| ("two".into(), None)).unwrap();
        other.draw();
        assert_eq!((glass.text().as_str(), glass.cursor()), ("one\ntwo", (0, 0)));
        screen.say("before");
        assert_eq!((glass.text().as_str(), glass.cursor()), ("before\none\ntwo", (1, 0)));
        drop(line);
        assert_eq!((glass.text().as_str(), glass.cursor()), ("before\ntwo", (1, 0)));
        drop(other);
        assert_eq!((glass.text().as_str(), glass.cursor()), ("before", (1, 0)));
        assert!(!glass.hides_cursor());
    }

    #[test]
    fn a_window_that_changes_its_width_gets_lines_that_fit() {
        let glass = TestTerminal::new(24, 80);
        let long = "a line that takes more than forty columns, and fewer than eighty";
        let (screen, line) = with_line(&glass, long);
        assert_eq!(glass.text(), long);
        glass.resize(24, 40);
        line.draw();
        assert_eq!(glass.text(), "a line that takes more than forty co...");
        screen.say(long);
        assert_eq!(
            glass.text(),
            "a line that takes more than forty\n  columns, and fewer than eighty\n\
             a line that takes more than forty co..."
        );
        glass.resize(24, 80);
        line.draw();
        assert!(glass.text().ends_with(&format!("\n{long}")), "{}", glass.text());
    }

    #[test]
    fn what_is_said_is_harmless_and_its_facts_stand_below_one_another() {
        let glass = TestTerminal::new(24, 60);
        let screen = glass.screen();
        screen.say("error: \u{1b}[2Jgone\n  what to do:       look for it where it was the last time it was seen");
        assert_eq!(
            glass.text(),
            "error: ?[2Jgone\n  what to do:       look for it where it was the last time\n\
             \x20                   it was seen"
        );
    }

    #[test]
    fn what_is_wrong_has_a_coloured_word_in_front() {
        let glass = TestTerminal::new(24, 80);
        let screen = Screen::moving(Box::new(glass.clone()), || (24, 80), true);
        screen.say("error: one\nfailed: two\nwarning: three\ndone: four");
        assert_eq!(
            (glass.text_in(1).as_str(), glass.text_in(3).as_str()),
            ("error:failed:", "warning:")
        );
    }

    #[test]
    fn where_nothing_moves_nothing_is_folded_or_coloured() {
        let glass = TestTerminal::new(24, 200);
        let screen = Screen::unmoved(Box::new(glass.clone()));
        assert!(screen.add(|_| ("never".into(), None)).is_none());
        let long = "word ".repeat(30);
        screen.say(&long);
        assert_eq!(glass.text(), long.trim_end());
    }
}
