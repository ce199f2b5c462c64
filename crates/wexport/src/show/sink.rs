//! The ways of showing events.

use std::time::Duration;

use super::batch;
use super::json::{Json, Stream};
use super::live::Live;
use super::plain::Plain;
use super::record::{Happening, Record};
use super::terminal;
use crate::cli::ShowArgs;

/// A way of showing events. It must not block for long: the export waits for it.
pub(crate) trait Display: Send {
    /// Shows an event.
    fn show(&mut self, record: &Record);

    /// How often it hears how far a download is: about once a second.
    fn progress_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Who reads it.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// A program.
    Json,
    /// Somebody who wants to hear of what is wrong.
    Quiet,
    /// Somebody at a terminal.
    Live,
    /// Whoever reads a log.
    Plain,
}

impl Reader {
    fn of(args: ShowArgs) -> Self {
        match args {
            ShowArgs { json: true, .. } => Self::Json,
            ShowArgs { quiet: true, .. } => Self::Quiet,
            _ if terminal::stderr().can_change() => Self::Live,
            _ => Self::Plain,
        }
    }
}

/// The way that was asked for. `stdout_carries_file` keeps everything else away from there.
pub(crate) fn display(args: ShowArgs, stdout_carries_file: bool) -> Box<dyn Display> {
    let stream = if stdout_carries_file { Stream::Error } else { Stream::Output };
    match Reader::of(args) {
        Reader::Json => Box::new(Json::new(stream)),
        Reader::Quiet => Box::new(Quiet),
        Reader::Live => Box::new(Live::on_terminal()),
        Reader::Plain => Box::new(Plain::default()),
    }
}

/// The way that was asked for, for a batch: it has files in any number, and none of them goes to
/// standard output.
pub(crate) fn batch_display(args: ShowArgs) -> Box<dyn Display> {
    match Reader::of(args) {
        Reader::Json => Box::new(Json::new(Stream::Output)),
        Reader::Quiet => Box::new(batch::Quiet::on_stderr()),
        Reader::Live => Box::new(batch::Live::on_terminal()),
        Reader::Plain => Box::new(batch::Plain::on_stderr()),
    }
}

/// Nothing at all, for whoever tells by other means.
#[cfg(feature = "demo")]
pub(crate) struct Silent;

#[cfg(feature = "demo")]
impl Display for Silent {
    fn show(&mut self, _record: &Record) {}
}

/// Warnings alone. Errors are told by whoever ends the program.
struct Quiet;

impl Display for Quiet {
    fn show(&mut self, record: &Record) {
        if let Happening::Warning { .. } = record.what {
            Plain::default().show(record);
        }
    }
}
