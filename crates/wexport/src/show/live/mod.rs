//! The live display: a line for each export, which changes while it runs, and sentences above it.

mod line;
mod rate;
mod view;

use std::time::Duration;

use self::line::{last, line};
use self::view::View;
use super::living::Living;
use super::narrate::{Narrator, Told};
use super::record::{Happening, Record};
use super::sink::Display;
use super::terminal::Colour;
use super::text::size;
use crate::place::shown;

/// How often a line hears how far a download is.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// One export on a screen.
pub(super) struct Live {
    line: Living<View>,
    narrator: Narrator,
}

impl Live {
    /// One on the program's own terminal.
    pub(super) fn on_terminal() -> Self {
        Self::new(Living::on_terminal())
    }

    fn new(line: Living<View>) -> Self {
        Self { line, narrator: Narrator::default() }
    }

    /// The line changes.
    fn change(&self, what: &Happening) {
        let now = self.line.now();
        self.line.change(|view| view.take(now, what));
        // How far a download is can wait for the next frame.
        if !matches!(what, Happening::Progress { .. }) {
            self.line.draw();
        }
    }

    /// The line goes, and the last thing to say of it stays.
    fn end(&mut self, how: &str, colour: Option<Colour>) {
        let Some(view) = self.line.end() else { return };
        let text = last(&view, self.line.now(), how, self.line.screen().columns());
        self.line.screen().say_in(colour, &text);
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        if let Some(Told::Note(text)) = self.narrator.tell(&record.what) {
            self.line.screen().say(&text);
        }
        match &record.what {
            Happening::Started { what, .. } => {
                let name = format!("{} {}", what.kind, what.id);
                self.line.begin(View::new(self.line.now(), &name), line);
            }
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
    use export_hyper::Timestamp;

    use super::*;
    use crate::show::stage::Stage;
    use crate::spec::What;

    fn live(stage: &Stage) -> Live {
        Live::new(stage.living())
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
        let mut live = live(&stage);
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
        let mut lives = [live(&stage), live(&stage), live(&stage)];
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
        let mut lives: Vec<Live> = (0..20).map(|_| live(&stage)).collect();
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
