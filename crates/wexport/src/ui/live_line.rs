//! A line of the terminal that is redrawn from a view, and the notices above it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use export_hyper::Timestamp;

use super::messages::{Message, Narrator};
use super::terminal::{self, ProgressLine, Screen, Spans};
use crate::event::Record;

/// The clock of a run: monotonic, or set by a test.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that a change of the system's time does not affect.
pub(super) fn clock() -> Clock {
    Arc::new(crate::clock::steady())
}

/// Renders a view at a time, for a number of columns.
type Draw<V> = fn(&V, Timestamp, usize) -> Spans;

/// A line that is redrawn while it is shown.
pub(super) struct LiveLine<V, N> {
    narrator: N,
    screen: Arc<Screen>,
    clock: Clock,
    /// Shared with the thread that draws, which locks nothing else while it holds this.
    view: Arc<Mutex<Option<V>>>,
    line: Option<ProgressLine>,
}

impl<V: Send + 'static, N: Narrator + Default> LiveLine<V, N> {
    pub(super) fn on_terminal() -> Self {
        Self::new(terminal::stderr(), clock())
    }

    pub(super) fn new(screen: Arc<Screen>, clock: Clock) -> Self {
        Self { narrator: N::default(), screen, clock, view: Arc::default(), line: None }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Prints the message for an event above the line, if it is a notice.
    pub(super) fn print_notice(&mut self, record: &Record) {
        if let Some(Message::Notice(text)) = self.narrator.message(self.now(), record) {
            self.screen.print(&text);
        }
    }

    /// Shows the line.
    pub(super) fn begin(&mut self, view: V, draw: Draw<V>) {
        *lock(&self.view) = Some(view);
        let (view, clock) = (Arc::clone(&self.view), Arc::clone(&self.clock));
        self.line = self.screen.add(move |columns| {
            let view = lock(&view);
            view.as_ref().map_or_else(Default::default, |view| draw(view, clock(), columns))
        });
    }

    /// Changes the view.
    pub(super) fn update(&self, update: impl FnOnce(&mut V)) {
        if let Some(view) = &mut *lock(&self.view) {
            update(view);
        }
    }

    /// Redraws the line at once.
    pub(super) fn draw(&self) {
        if let Some(line) = &self.line {
            line.draw();
        }
    }

    /// Removes the line, and returns the view.
    pub(super) fn end(&mut self) -> Option<V> {
        let view = lock(&self.view).take();
        self.line = None;
        view
    }
}

fn lock<V>(view: &Mutex<Option<V>>) -> MutexGuard<'_, Option<V>> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}
