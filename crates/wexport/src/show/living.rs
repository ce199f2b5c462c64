//! A line of the terminal that lives: what there is to show of something, drawn anew now and then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::terminal::{self, Changing, Colour, Screen};

/// A clock that only goes forward, from any beginning.
pub(super) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A clock that begins now.
pub(super) fn clock() -> Clock {
    let began = Instant::now();
    Arc::new(move || began.elapsed())
}

/// Makes a line of what there is to show, the time and the width.
type Draw<V> = fn(&V, Duration, usize) -> (String, Option<Colour>);

/// A line that may be there.
pub(super) struct Living<V> {
    screen: Arc<Screen>,
    clock: Clock,
    /// Shared with the thread that draws, which holds nothing else while it has this.
    view: Arc<Mutex<Option<V>>>,
    line: Option<Changing>,
}

impl<V: Send + 'static> Living<V> {
    /// One on the program's own terminal.
    pub(super) fn on_terminal() -> Self {
        Self::new(Arc::clone(terminal::stderr()), clock())
    }

    pub(super) fn new(screen: Arc<Screen>, clock: Clock) -> Self {
        Self { screen, clock, view: Arc::default(), line: None }
    }

    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    /// Where it is.
    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The line appears.
    pub(super) fn begin(&mut self, view: V, draw: Draw<V>) {
        *lock(&self.view) = Some(view);
        let (view, clock) = (Arc::clone(&self.view), Arc::clone(&self.clock));
        self.line = self.screen.add(move |columns| {
            let view = lock(&view);
            view.as_ref().map_or_else(Default::default, |view| draw(view, clock(), columns))
        });
    }

    /// What there is to show changes.
    pub(super) fn change(&self, act: impl FnOnce(&mut V)) {
        if let Some(view) = &mut *lock(&self.view) {
            act(view);
        }
    }

    /// Draws at once what has changed.
    pub(super) fn draw(&self) {
        if let Some(line) = &self.line {
            line.draw();
        }
    }

    /// The line goes. What there was to show is given back.
    pub(super) fn end(&mut self) -> Option<V> {
        let view = lock(&self.view).take();
        self.line = None;
        view
    }
}

fn lock<V>(view: &Mutex<Option<V>>) -> MutexGuard<'_, Option<V>> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}
