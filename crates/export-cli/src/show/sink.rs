//! The ways of showing events.

use std::time::Duration;

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

/// The way that was asked for. `stdout_carries_file` keeps everything else away from there.
pub(crate) fn display(args: ShowArgs, stdout_carries_file: bool) -> Box<dyn Display> {
    if args.json {
        let stream = if stdout_carries_file { Stream::Error } else { Stream::Output };
        Box::new(Json::new(stream))
    } else if args.quiet {
        Box::new(Quiet)
    } else if terminal::stderr().can_change() {
        Box::new(Live::on_terminal())
    } else {
        Box::new(Plain::default())
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
