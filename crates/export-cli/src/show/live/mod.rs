//! The live display: a line for each export, which changes while it runs, and sentences above it.

mod line;
mod rate;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::line::{last, line};
use self::view::View;
use super::narrate::{Narrator, Told};
use super::record::{Happening, Record};
use super::sink::Display;
use super::terminal::{self, Changing, Colour, Screen};
use super::text::size;
use crate::place::shown;

/// How often a line hears how far a download is.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// One export on a screen.
pub(super) struct Live {
    screen: Arc<Screen>,
    clock: Clock,
    /// Shared with the thread that draws, which holds nothing else while it has this.
    view: Arc<Mutex<Option<View>>>,
    line: Option<Changing>,
    narrator: Narrator,
}

/// A clock that only goes forward, from any beginning.
type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

impl Live {
    /// One on the program's own terminal.
    pub(super) fn on_terminal() -> Self {
        let began = Instant::now();
        Self::new(Arc::clone(terminal::stderr()), Arc::new(move || began.elapsed()))
    }

    fn new(screen: Arc<Screen>, clock: Clock) -> Self {
        Self { screen, clock, view: Arc::default(), line: None, narrator: Narrator::default() }
    }

    fn view(&self) -> MutexGuard<'_, Option<View>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line appears.
    fn begin(&mut self, name: &str) {
        *self.view() = Some(View::new((self.clock)(), name));
        let (view, clock) = (Arc::clone(&self.view), Arc::clone(&self.clock));
        self.line = self.screen.add(move |columns| {
            let view = view.lock().unwrap_or_else(PoisonError::into_inner);
            view.as_ref().map_or_else(Default::default, |view| line(view, clock(), columns))
        });
    }

    /// The line changes.
    fn change(&self, what: &Happening) {
        let now = (self.clock)();
        // Let go of before it is drawn: whoever draws looks at it.
        if let Some(view) = &mut *self.view() {
            view.take(now, what);
        }
        // How far a download is can wait for the next frame.
        if let (Some(line), false) = (&self.line, matches!(what, Happening::Progress { .. })) {
            line.draw();
        }
    }

    /// The line goes, and the last thing to say of it stays.
    fn end(&mut self, how: &str, colour: Option<Colour>) {
        let Some(view) = self.view().take() else { return };
        self.line = None;
        let text = last(&view, (self.clock)(), how, self.screen.columns());
        self.screen.say_in(colour, &text);
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        if let Some(Told::Note(text)) = self.narrator.tell(&record.what) {
            self.screen.say(&text);
        }
        match &record.what {
            Happening::Started { what, .. } => self.begin(&format!("{} {}", what.kind, what.id)),
            Happening::Done { file, bytes, .. } => {
                let place = if file == "-" { "standard output".into() } else { shown(file) };
                self.end(&format!("done: {place}, {} in", size(*bytes)), None);
            }
            Happening::Skipped { file } => {
                self.end(&format!("skipped: {} exists", shown(file)), None)
            }
            Happening::Interrupted { .. } => self.end("stopped after", Some(Colour::Yellow)),
            Happening::Error(_) => self.end("failed after", Some(Colour::Red)),
            what => self.change(what),
        }
    }

    fn progress_every(&self) -> Duration {
        PROGRESS_EVERY
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use export_hyper::Timestamp;

    use super::*;
    use crate::show::terminal::Glass;
    use crate::spec::What;

    /// A display on a screen that can be read, and a clock that can be set.
    struct Stage {
        glass: Glass,
        now: Arc<AtomicU64>,
        screen: Arc<Screen>,
    }

    impl Stage {
        fn new(rows: u16, columns: u16) -> Self {
            let (glass, now) = (Glass::new(rows, columns), Arc::default());
            let screen = Arc::new(glass.screen());
            Self { glass, now, screen }
        }

        fn live(&self) -> Live {
            let now = Arc::clone(&self.now);
            let clock = move || Duration::from_millis(now.load(Ordering::Relaxed));
            Live::new(Arc::clone(&self.screen), Arc::new(clock))
        }

        fn at(&self, millis: u64) {
            self.now.store(millis, Ordering::Relaxed);
        }
    }

    fn show(live: &mut Live, what: Happening) {
        live.show(&Record::new(Timestamp::EPOCH, None, what));
    }

    fn started(id: &str) -> Happening {
        let what = What { kind: "document".into(), id: id.into(), ..What::default() };
        let (api_version, base_url) = (String::new(), "http://api".into());
        Happening::Started { what, api_version, base_url, resumed: false }
    }

    fn status(word: &str) -> Happening {
        Happening::Status { status: word.into() }
    }

    fn done(file: &str) -> Happening {
        let (media_type, operation, original_request) = (None, None, None);
        let (file, bytes) = (file.into(), 3_000_000);
        Happening::Done { file, bytes, media_type, operation, original_request }
    }

    #[test]
    fn what_stays_is_above_what_changes_and_the_last_line_stays_too() {
        let stage = Stage::new(24, 80);
        let mut live = stage.live();
        show(&mut live, started("d1"));
        show(&mut live, status("queued"));
        assert_eq!(stage.glass.text(), "document d1  queued  0:00");
        show(&mut live, Happening::Warning { message: "mind the gap".into() });
        stage.at(4000);
        show(&mut live, status("started"));
        assert_eq!(stage.glass.text(), "warning: mind the gap\ndocument d1  started  0:04");
        stage.at(12_000);
        show(&mut live, done("/there/a.pdf"));
        let last = "document d1  done: /there/a.pdf, 2.9 MiB in 12 s";
        assert_eq!(stage.glass.text(), format!("warning: mind the gap\n{last}"));
        assert_eq!(stage.glass.cursor(), (2, 0));
    }

    #[test]
    fn several_exports_have_a_line_each() {
        let stage = Stage::new(24, 80);
        let mut lives = [stage.live(), stage.live(), stage.live()];
        for (live, id) in lives.iter_mut().zip(["d1", "d2", "d3"]) {
            show(live, started(id));
            show(live, status("queued"));
        }
        show(&mut lives[1], done("b.pdf"));
        show(&mut lives[0], Happening::Interrupted { exit_code: 130 });
        assert_eq!(
            stage.glass.text(),
            "document d2  done: b.pdf, 2.9 MiB in 0 s\n\
             document d1  stopped after 0 s\n\
             document d3  queued  0:00"
        );
        drop(lives);
        assert_eq!(stage.glass.cursor(), (2, 0));
        assert!(!stage.glass.text().contains("d3"));
    }

    #[test]
    fn more_exports_than_a_screen_has_rows_leave_no_traces() {
        let stage = Stage::new(6, 60);
        let mut lives: Vec<Live> = (0..20).map(|_| stage.live()).collect();
        for (index, live) in lives.iter_mut().enumerate() {
            show(live, started(&index.to_string()));
            show(live, status("queued"));
        }
        assert_eq!(stage.glass.text().lines().count(), 6, "{}", stage.glass.text());
        for (index, live) in lives.iter_mut().enumerate() {
            show(live, done(&format!("{index}.pdf")));
        }
        let all = stage.glass.everything();
        let last = |index| format!("document {index}  done: {index}.pdf, 2.9 MiB in 0 s");
        let wanted: Vec<String> = (0..20).map(last).collect();
        let seen: Vec<&str> = all.lines().filter(|line| line.contains("done")).collect();
        assert_eq!(seen, wanted);
        assert!(!all.contains("queued"), "{all}");
    }
}
