//! Which events a level prints.

use crate::args::LogLevel;
use crate::event::{CheckStatus, Event, Record};

/// The first level that prints an event. Of an export of a batch, `info` has only the end, as the
/// lines for people do.
pub(super) const fn level_of(record: &Record) -> LogLevel {
    match &record.event {
        // The result of a command is printed in any case.
        Event::Error(_)
        | Event::Operation { .. }
        | Event::File(_)
        | Event::Diagnosis { .. }
        | Event::Check { status: CheckStatus::Failed, .. } => LogLevel::Errors,
        Event::Warning { .. } | Event::Check { status: CheckStatus::Warning, .. } => {
            LogLevel::Warnings
        }
        Event::Response { status: ..400, .. }
        | Event::Sending { .. }
        | Event::Waiting { .. }
        | Event::Progress { .. }
        | Event::Ignored { .. } => LogLevel::Debug,
        Event::Response { .. }
        | Event::NoResponse { .. }
        | Event::Accepted { .. }
        | Event::Status { .. }
        | Event::Downloading { .. }
        | Event::Uploading { .. }
        | Event::Sunset { .. }
        | Event::Deprecated
            if record.row.is_some() =>
        {
            LogLevel::Debug
        }
        _ => LogLevel::Info,
    }
}
