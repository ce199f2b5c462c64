//! Plain lines, for logs and for terminals that are none.

use std::io::{self, Write};

use super::record::{Happening, Record};
use super::sink::Display;

/// One line for everything that a person wants to know of a run.
#[derive(Default)]
pub(super) struct Plain {
    /// The last state that was told: it is told once.
    status: Option<String>,
}

impl Display for Plain {
    fn show(&mut self, record: &Record) {
        if let Happening::Status { status } = &record.what {
            if self.status.as_ref() == Some(status) {
                return;
            }
            self.status = Some(status.clone());
        }
        if let Some(text) = line(&record.what) {
            // A reader that has gone does not stop the export.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// What is to be said of an event; `None` if it is of no interest while all goes well.
pub(crate) fn line(what: &Happening) -> Option<String> {
    Some(match what {
        Happening::Started { what, api_version, base_url, resumed } => {
            let verb = if *resumed { "going on with" } else { "exporting" };
            format!("{verb} {what} from {base_url}, API version {api_version}")
        }
        Happening::Answered { phase, status, retry_after_seconds, .. } if *status >= 400 => {
            let wait = retry_after_seconds.map(|wait| format!(", come back in {wait} s"));
            format!("{phase}: answered {status}{}", wait.unwrap_or_default())
        }
        Happening::NoAnswer { phase, why } => format!("{phase}: {why}"),
        Happening::Accepted { operation } => format!("accepted: {operation}"),
        Happening::Status { status } => format!("status: {status}"),
        Happening::Waiting { seconds, why, .. } if why == "back_off" || *seconds >= 10.0 => {
            format!("waiting {seconds} s ({})", why.replace('_', " "))
        }
        Happening::Downloading { offset, length } => {
            let of = length.map(|length| format!(" of {}", size(length))).unwrap_or_default();
            match offset {
                0 => format!("downloading{of}"),
                _ => format!("going on with the download at {}{of}", size(*offset)),
            }
        }
        Happening::Uploading { url, length } => format!("uploading {} to {url}", size(*length)),
        Happening::Warning { message } => format!("warning: {message}"),
        Happening::Done { file, bytes, .. } => {
            let place = if file == "-" { "standard output" } else { file };
            format!("done: {place}, {}", size(*bytes))
        }
        Happening::Skipped { file } => format!("skipped: {file} exists"),
        _ => return None,
    })
}

/// A number of bytes, for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None if bytes == 1 => "1 byte".into(),
        None => format!("{bytes} bytes"),
    }
}
