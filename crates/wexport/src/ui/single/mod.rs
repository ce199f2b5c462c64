//! The display of a single export.

mod line;
mod messages;
mod view;

use std::time::Duration;

use self::line::{final_line, line};
pub(super) use self::messages::ExportNarrator;
use self::view::ExportView;
use super::display::Display;
use super::live_line::LiveLine;
use super::terminal::Color;
use crate::event::{Event, Record};
use crate::output::display_path;
use crate::text::size;

/// How often the line shows the progress of a transfer.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// A line that changes, and messages above it.
pub(in crate::ui) type Live = LiveLine<ExportView, ExportNarrator>;

impl Live {
    fn show_event(&self, event: &Event) {
        let now = self.now();
        self.update(|view| view.update(now, event));
        // Progress can wait for the next frame.
        if !matches!(event, Event::Progress { .. }) {
            self.draw();
        }
    }

    /// Replaces the line with the final one.
    fn show_end(&mut self, end: &str, colour: Option<Color>) {
        let Some(view) = self.end() else { return };
        let text = final_line(&view, self.now(), end, self.screen().columns());
        self.screen().print_in(colour, &text);
    }
}

impl Display for Live {
    fn show(&mut self, record: &Record) {
        self.print_notice(record);
        match &record.event {
            Event::Started { subject, .. } => {
                let name = format!("{} {}", subject.kind, subject.id);
                let view = ExportView::new(self.now(), &name);
                self.begin(view, |view, now, width| vec![line(view, now, width)]);
            }
            Event::Done { file, bytes, .. } => {
                let destination =
                    if file == "-" { "standard output".into() } else { display_path(file) };
                self.show_end(&format!("done: {destination}, {} in", size(*bytes)), None);
            }
            Event::Skipped { file } => {
                self.show_end(&format!("skipped: {} exists", display_path(file)), None)
            }
            Event::Interrupted { .. } => self.show_end("stopped after", Some(Color::Yellow)),
            Event::Error(_) => self.show_end("failed after", Some(Color::Red)),
            event => self.show_event(event),
        }
    }

    fn progress_interval(&self) -> Duration {
        PROGRESS_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use export_hyper::Timestamp;

    use super::*;
    use crate::subject::Subject;
    use crate::ui::display_fixture::DisplayFixture;

    fn live(fixture: &DisplayFixture) -> Live {
        fixture.live_line()
    }

    fn show(live: &mut Live, event: Event) {
        live.show(&Record::new(Timestamp::EPOCH, None, event));
    }

    fn started(id: &str) -> Event {
        let subject = Subject { kind: "document".into(), id: id.into(), ..Subject::default() };
        let (api_version, base_url) = (String::new(), "http://api".into());
        Event::Started { subject, api_version, base_url, resumed: false }
    }

    fn status(word: &str) -> Event {
        Event::Status { status: word.into() }
    }

    fn done(file: &str) -> Event {
        let (media_type, operation, original_request) = (None, None, None);
        let (file, bytes) = (file.into(), 3_000_000);
        let details = Vec::new();
        Event::Done { file, bytes, media_type, operation, original_request, details }
    }

    #[test]
    fn messages_are_printed_above_the_line() {
        let fixture = DisplayFixture::new(24, 80);
        let mut live = live(&fixture);
        show(&mut live, started("d1"));
        show(&mut live, status("queued"));
        assert_eq!(fixture.terminal.text(), "document d1  queued  0:00");
        show(&mut live, Event::Warning { message: "the clock is off".into() });
        fixture.at(4000);
        show(&mut live, status("started"));
        assert_eq!(
            fixture.terminal.text(),
            "warning: the clock is off\ndocument d1  started  0:04"
        );
        fixture.at(12_000);
        show(&mut live, done("/there/a.pdf"));
        let final_line = "document d1  done: /there/a.pdf, 2.9 MiB in 12 s";
        assert_eq!(fixture.terminal.text(), format!("warning: the clock is off\n{final_line}"));
        assert_eq!(fixture.terminal.cursor(), (2, 0));
    }

    #[test]
    fn several_exports_have_a_line_each() {
        let fixture = DisplayFixture::new(24, 80);
        let mut displays = [live(&fixture), live(&fixture), live(&fixture)];
        for (live, id) in displays.iter_mut().zip(["d1", "d2", "d3"]) {
            show(live, started(id));
            show(live, status("queued"));
        }
        show(&mut displays[1], done("b.pdf"));
        show(&mut displays[0], Event::Interrupted { exit_code: 130 });
        assert_eq!(
            fixture.terminal.text(),
            "document d2  done: b.pdf, 2.9 MiB in 0 s\n\
             document d1  stopped after 0 s\n\
             document d3  queued  0:00"
        );
        drop(displays);
        assert_eq!(fixture.terminal.cursor(), (2, 0));
        assert!(!fixture.terminal.text().contains("d3"));
    }

    #[test]
    fn more_exports_than_rows_leave_no_traces() {
        let fixture = DisplayFixture::new(6, 60);
        let mut displays: Vec<Live> = (0..20).map(|_| live(&fixture)).collect();
        for (index, live) in displays.iter_mut().enumerate() {
            show(live, started(&index.to_string()));
            show(live, status("queued"));
        }
        assert_eq!(fixture.terminal.text().lines().count(), 6, "{}", fixture.terminal.text());
        for (index, live) in displays.iter_mut().enumerate() {
            show(live, done(&format!("{index}.pdf")));
        }
        let all = fixture.terminal.everything();
        let final_line = |index| format!("document {index}  done: {index}.pdf, 2.9 MiB in 0 s");
        let wanted: Vec<String> = (0..20).map(final_line).collect();
        let shown: Vec<&str> = all.lines().filter(|line| line.contains("done")).collect();
        assert_eq!(shown, wanted);
        assert!(!all.contains("queued"), "{all}");
    }
}
