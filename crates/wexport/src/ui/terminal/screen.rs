//! Prints text to standard error, above the lines that change.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use console::{Color, style};
use export_hyper::Timestamp;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::live_region::{self, LiveRegion, Output, Size};
use crate::clock;
use crate::text::{sanitize, wrap};

/// How often a line is redrawn: ten times a second is smooth, and costs little.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// The most frames that indicatif draws in a second.
const MAX_FRAMES_PER_SECOND: u8 = 20;

/// The output for people: text that stays, and lines that change if it is an interactive terminal.
pub(crate) struct Screen {
    out: Output,
    interactive: Option<Interactive>,
    /// Whether text begins with its time, as a log needs it.
    has_times: bool,
}

/// A terminal with cursor movement.
#[derive(Clone)]
struct Interactive {
    lines: MultiProgress,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    has_colours: bool,
}

/// The text of a line that changes, in parts with their colours. A part may be a line break.
pub(crate) type Spans = Vec<(String, Option<Color>)>;

/// A line that changes. Dropping it removes the line.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    lines: MultiProgress,
}

impl Screen {
    /// A terminal without cursor movement.
    pub(super) fn plain(out: Box<dyn Write + Send>) -> Self {
        Self { out: Arc::new(Mutex::new(out)), interactive: None, has_times: false }
    }

    /// A file or a pipe: each text begins with its time.
    pub(super) fn log(out: Box<dyn Write + Send>) -> Self {
        Self { has_times: true, ..Self::plain(out) }
    }

    /// A terminal with cursor movement.
    pub(super) fn interactive(
        out: Box<dyn Write + Send>,
        size: impl Fn() -> Size + Send + Sync + 'static,
        is_foreground: impl Fn() -> bool + Send + Sync + 'static,
        has_colours: bool,
    ) -> Self {
        let (out, size): (Output, Arc<dyn Fn() -> Size + Send + Sync>) =
            (Arc::new(Mutex::new(out)), Arc::new(size));
        let region =
            Box::new(LiveRegion::new(Arc::clone(&out), Arc::clone(&size), Arc::new(is_foreground)));
        let target = ProgressDrawTarget::term_like_with_hz(region, MAX_FRAMES_PER_SECOND);
        let lines = MultiProgress::with_draw_target(target);
        Self { out, interactive: Some(Interactive { lines, size, has_colours }), has_times: false }
    }

    pub(crate) const fn is_interactive(&self) -> bool {
        self.interactive.is_some()
    }

    /// Prints text that stays. An interactive terminal gets it wrapped between words.
    pub(crate) fn print(&self, text: &str) {
        self.print_in(None, text);
    }

    /// Prints text in a colour, if the terminal has colours.
    pub(crate) fn print_in(&self, colour: Option<Color>, text: &str) {
        let mut printed = String::new();
        if self.has_times && !text.is_empty() {
            let seconds = clock::now().as_millis() / 1000;
            printed = format!("{} ", Timestamp::from_millis(seconds * 1000));
        }
        for line in text.lines() {
            let line = sanitize(line);
            match &self.interactive {
                None => printed.push_str(&line),
                Some(terminal) => printed.push_str(&terminal.format(&line, colour)),
            }
            printed.push('\n');
        }
        self.suspend(|| live_region::write(&self.out, &printed));
    }

    /// Calls `act` while no line is shown.
    pub(crate) fn suspend<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.interactive {
            None => act(),
            Some(terminal) => terminal.lines.suspend(act),
        }
    }

    /// Adds a line; `None` if the output is not interactive. `draw` is called for each frame with
    /// the number of columns, by another thread too. It must not use the screen.
    pub(crate) fn add(
        &self,
        draw: impl Fn(usize) -> Spans + Clone + Send + Sync + 'static,
    ) -> Option<ProgressLine> {
        let terminal = self.interactive.as_ref()?;
        let this = terminal.clone();
        let key = move |_: &ProgressState, line: &mut dyn fmt::Write| {
            for (text, colour) in draw(this.columns()) {
                // A line that cannot be drawn now is drawn with the next frame.
                let _ = match colour {
                    Some(colour) if this.has_colours => line.write_str(&paint(colour, &text)),
                    _ => line.write_str(&text),
                };
            }
        };
        let style = ProgressStyle::with_template("{line}").ok()?.with_key("line", key);
        let bar = terminal.lines.add(ProgressBar::no_length().with_style(style));
        bar.enable_steady_tick(REDRAW_INTERVAL);
        Some(ProgressLine { bar, lines: terminal.lines.clone() })
    }

    /// The longest line that is not wrapped, in columns. Output that is not interactive has no limit.
    pub(crate) fn columns(&self) -> usize {
        self.interactive.as_ref().map_or(usize::MAX, Interactive::columns)
    }
}

impl ProgressLine {
    /// Redraws the line at once.
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
    /// Wraps a line between words, and colours it.
    fn format(&self, line: &str, colour: Option<Color>) -> String {
        let columns = self.columns();
        // The facts of an error are a table, whose second column begins here.
        let indent = if line.starts_with("  ") { 20 } else { 2 };
        let wrapped = wrap(line, columns, if indent * 2 > columns { 2 } else { indent });
        if !self.has_colours {
            return wrapped;
        }
        match (colour, wrapped.split_once(':')) {
            (Some(colour), _) => paint(colour, &wrapped),
            (None, Some(("error", rest))) => format!("{}{rest}", paint(Color::Red, "error:")),
            (None, Some(("failed", rest))) => format!("{}{rest}", paint(Color::Red, "failed:")),
            (None, Some(("warning", rest))) => {
                format!("{}{rest}", paint(Color::Yellow, "warning:"))
            }
            _ => wrapped,
        }
    }

    /// The columns of a line. The last column of the terminal is not used: some terminals begin a
    /// new line when it is filled.
    fn columns(&self) -> usize {
        usize::from((self.size)().1).saturating_sub(1)
    }
}

fn paint(colour: Color, text: &str) -> String {
    // Whether the terminal has colours was found out when it was opened.
    style(text).fg(colour).force_styling(true).to_string()
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::text::clip;
    use crate::ui::terminal::TestTerminal;

    /// A screen with one line, which is drawn.
    fn with_line(terminal: &TestTerminal, text: &'static str) -> (Screen, ProgressLine) {
        let screen = terminal.screen();
        let line =
            screen.add(move |columns| vec![(clip(text, columns).into_owned(), None)]).unwrap();
        line.draw();
        (screen, line)
    }

    #[test]
    fn the_cursor_rests_at_the_first_live_line() {
        let terminal = TestTerminal::new(24, 80);
        let (screen, line) = with_line(&terminal, "one");
        let other = screen.add(|_| vec![("two".into(), None)]).unwrap();
        other.draw();
        assert_eq!((terminal.text().as_str(), terminal.cursor()), ("one\ntwo", (0, 0)));
        screen.print("before");
        assert_eq!((terminal.text().as_str(), terminal.cursor()), ("before\none\ntwo", (1, 0)));
        drop(line);
        assert_eq!((terminal.text().as_str(), terminal.cursor()), ("before\ntwo", (1, 0)));
        drop(other);
        assert_eq!((terminal.text().as_str(), terminal.cursor()), ("before", (1, 0)));
        assert!(!terminal.hides_cursor());
    }

    #[test]
    fn nothing_is_drawn_in_the_background() {
        let terminal = TestTerminal::new(24, 80);
        let is_foreground = Arc::new(AtomicBool::new(true));
        let shared = Arc::clone(&is_foreground);
        let foreground = move || shared.load(Ordering::Relaxed);
        let out = Box::new(terminal.clone());
        let screen = Screen::interactive(out, || (24, 80), foreground, false);
        let line = screen.add(|_| vec![("live".into(), None)]).unwrap();
        line.draw();
        assert_eq!(terminal.text(), "live");
        is_foreground.store(false, Ordering::Relaxed);
        terminal.clone().write_all(b"\x1b[2J\x1b[H$ ").unwrap();
        line.draw();
        screen.print("a notice");
        assert_eq!(terminal.text(), "$ a notice");
        is_foreground.store(true, Ordering::Relaxed);
        line.draw();
        assert_eq!(terminal.text(), "$ a notice\nlive");
        is_foreground.store(false, Ordering::Relaxed);
        drop(line);
        assert_eq!(terminal.text(), "$ a notice\nlive");
    }

    #[test]
    fn lines_fit_a_resized_window() {
        let terminal = TestTerminal::new(24, 80);
        let long = "a line that takes more than forty columns, and fewer than eighty";
        let (screen, line) = with_line(&terminal, long);
        assert_eq!(terminal.text(), long);
        terminal.resize(24, 40);
        line.draw();
        assert_eq!(terminal.text(), "a line that takes more than forty co...");
        screen.print(long);
        assert_eq!(
            terminal.text(),
            "a line that takes more than forty\n  columns, and fewer than eighty\n\
             a line that takes more than forty co..."
        );
        terminal.resize(24, 80);
        line.draw();
        assert!(terminal.text().ends_with(&format!("\n{long}")), "{}", terminal.text());
    }

    #[test]
    fn printed_text_is_sanitized_and_wrapped() {
        let terminal = TestTerminal::new(24, 60);
        let screen = terminal.screen();
        screen.print("error: \u{1b}[2Jgone\n  what to do:       look for it where it was the last time it was seen");
        assert_eq!(
            terminal.text(),
            "error: ?[2Jgone\n  what to do:       look for it where it was the last time\n\
             \x20                   it was seen"
        );
    }

    #[test]
    fn errors_and_warnings_have_a_coloured_label() {
        let terminal = TestTerminal::new(24, 80);
        let screen = Screen::interactive(Box::new(terminal.clone()), || (24, 80), || true, true);
        screen.print("error: one\nfailed: two\nwarning: three\ndone: four");
        assert_eq!(
            (terminal.text_in(1).as_str(), terminal.text_in(3).as_str()),
            ("error:failed:", "warning:")
        );
    }

    #[test]
    fn plain_output_is_not_wrapped() {
        let terminal = TestTerminal::new(24, 200);
        let screen = Screen::plain(Box::new(terminal.clone()));
        assert!(screen.add(|_| vec![("never".into(), None)]).is_none());
        let long = "word ".repeat(30);
        screen.print(&long);
        assert_eq!(terminal.text(), long.trim_end());
    }
}
