//! A run in sentences: events go in, and what a person wants to read of them comes out.

use super::batch;
use super::record::Happening;
use super::text::{harmless, seconds, share, size, span};

/// A wait that is shorter is of no interest while all goes well.
const LONG: f64 = 10.0;

/// The sentences of one run. What goes wrong is told together with what is done about it.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    /// The last state that was told: it is told once.
    status: Option<String>,
    /// What went wrong, and was not told yet.
    trouble: Option<Trouble>,
    /// Whether anything that went wrong was told, and nothing went well since.
    is_troubled: bool,
}

/// A sentence.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// How it goes on; whoever sees a live line sees it there.
    Course(String),
    /// What one should have read.
    Note(String),
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    phase: String,
    /// In a few words: `503`, or that no answer came.
    pub(super) reason: String,
    /// How long the service wants to be left alone, if this is that.
    asks_for: Option<f64>,
    is_throttling: bool,
}

impl Trouble {
    /// What an event has of it; `None` if it is an answer as it should be.
    pub(super) fn of(what: &Happening) -> Option<Self> {
        match what {
            Happening::Answered { phase, status, retry_after_seconds, .. } if *status >= 400 => {
                Some(Self {
                    phase: phase.clone(),
                    reason: status.to_string(),
                    asks_for: *retry_after_seconds,
                    is_throttling: *status == 429,
                })
            }
            Happening::NoAnswer { phase, why } => Some(Self {
                phase: phase.clone(),
                reason: why.clone(),
                asks_for: None,
                is_throttling: false,
            }),
            _ => None,
        }
    }

    /// Whether the service wants to be left alone, and nothing is wrong beside.
    pub(super) const fn is_throttling(&self) -> bool {
        self.is_throttling
    }

    /// `wait` is how long it is until the next request.
    fn told(self, wait: f64) -> String {
        match self.asks_for {
            Some(asked) if self.is_throttling && asked > 0.0 => {
                format!("the service asks to wait {} (429)", span(seconds(asked)))
            }
            _ => format!("{}, trying again in {}", self, span(seconds(wait))),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { phase, reason, .. } = self;
        // In the words of whoever waits for a file.
        let phase = if phase == "fetch" { "download" } else { phase };
        let verb =
            if reason.bytes().all(|byte| byte.is_ascii_digit()) { " was answered" } else { ":" };
        write!(f, "{phase}{verb} {reason}")
    }
}

impl Narrator {
    /// What is to be said of an event; `None` if it is of no interest.
    pub(super) fn tell(&mut self, what: &Happening) -> Option<Told> {
        match what {
            Happening::Sending { .. } => {
                let trouble = self.trouble.take()?;
                self.is_troubled = true;
                return Some(Told::Note(format!("{trouble}, trying again")));
            }
            Happening::Answered { phase, .. } => {
                self.trouble = Trouble::of(what);
                // A download says by itself that it goes on.
                let is_over = self.trouble.is_none()
                    && std::mem::take(&mut self.is_troubled)
                    && phase != "fetch";
                return is_over.then(|| Told::Note("the service answers again".into()));
            }
            Happening::NoAnswer { .. } => {
                self.trouble = Trouble::of(what);
                return None;
            }
            Happening::Waiting { seconds: wait, .. } => {
                if let Some(trouble) = self.trouble.take() {
                    self.is_troubled = true;
                    return Some(Told::Note(trouble.told(*wait)));
                }
                let is_long = *wait >= LONG;
                return is_long
                    .then(|| Told::Course(format!("next poll in {}", span(seconds(*wait)))));
            }
            Happening::Status { status } => {
                if self.status.as_ref() == Some(status) {
                    return None;
                }
                self.status = Some(status.clone());
            }
            _ => {}
        }
        let is_note = match what {
            Happening::Started { resumed, .. } => *resumed,
            Happening::Downloading { offset, .. } => *offset > 0,
            Happening::Warning { .. } => true,
            _ => false,
        };
        let text = sentence(what)?;
        Some(if is_note { Told::Note(text) } else { Told::Course(text) })
    }
}

/// What is to be said of an event by itself; `None` if that is nothing.
pub(crate) fn sentence(what: &Happening) -> Option<String> {
    Some(match what {
        Happening::Started { what, api_version, base_url, resumed } => {
            let verb = if *resumed { "going on with" } else { "exporting" };
            format!("{verb} {what} from {base_url}, API version {api_version}")
        }
        Happening::NoAnswer { phase, why } => format!("{phase}: {why}"),
        Happening::Accepted { operation } => format!("accepted: {operation}"),
        Happening::Status { status } => format!("status: {}", harmless(status)),
        Happening::Downloading { offset: 0, length } => match length {
            Some(length) => format!("downloading {}", size(*length)),
            None => "downloading".into(),
        },
        Happening::Downloading { offset, length } => {
            let at = length.map_or_else(|| size(*offset), |length| share(*offset, length));
            format!("going on with the download at {at}")
        }
        Happening::Uploading { url, length } => format!("uploading {} to {url}", size(*length)),
        Happening::Warning { message } => format!("warning: {message}"),
        Happening::Done { file, bytes, .. } => {
            let place = if file == "-" { "standard output" } else { file };
            format!("done: {place}, {}", size(*bytes))
        }
        Happening::Skipped { file } => format!("skipped: {file} exists"),
        Happening::BatchStarted(start) => batch::started(start, None),
        Happening::Totals(totals) => batch::counts(totals),
        Happening::BatchDone(end) => batch::ended(end),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(phase: &str, status: u16, retry_after_seconds: Option<f64>) -> Happening {
        Happening::Answered { phase: phase.into(), status, retry_after_seconds, request_id: None }
    }

    fn waiting(seconds: f64) -> Happening {
        Happening::Waiting { seconds, until: String::new(), why: "back_off".into() }
    }

    fn sending(phase: &str) -> Happening {
        Happening::Sending { phase: phase.into(), method: String::new(), url: String::new() }
    }

    fn told(story: &[Happening]) -> String {
        let mut narrator = Narrator::default();
        let mut told = String::new();
        for text in story.iter().filter_map(|what| narrator.tell(what)) {
            let (mark, text) = match text {
                Told::Course(text) => ("   ", text),
                Told::Note(text) => ("(!)", text),
            };
            told.push_str(&format!("{mark} {text}\n"));
        }
        told
    }

    #[test]
    fn what_goes_wrong_is_told_with_what_is_done_about_it() {
        let status = |word: &str| Happening::Status { status: word.into() };
        let cut =
            Happening::NoAnswer { phase: "fetch".into(), why: "the answer was cut off".into() };
        insta::assert_snapshot!(told(&[
            sending("submit"),
            answered("submit", 401, None),
            sending("submit"),
            answered("submit", 202, Some(5.0)),
            Happening::Accepted { operation: "http://api/operations/1".into() },
            waiting(5.0),
            answered("poll", 200, None),
            status("queued"),
            waiting(30.0),
            answered("poll", 429, Some(30.0)),
            waiting(30.0),
            answered("poll", 429, None),
            waiting(0.7),
            answered("poll", 503, Some(2.0)),
            waiting(2.0),
            answered("poll", 200, None),
            status("queued"),
            status("completed\u{1b}[2J"),
            answered("fetch", 200, None),
            Happening::Downloading { offset: 0, length: Some(3_000_000) },
            cut,
            waiting(1.2),
            answered("fetch", 206, None),
            Happening::Downloading { offset: 1_000_000, length: Some(3_000_000) },
        ]), @r"
        (!) submit was answered 401, trying again
        (!) the service answers again
            accepted: http://api/operations/1
            status: queued
            next poll in 30 s
        (!) the service asks to wait 30 s (429)
        (!) poll was answered 429, trying again in 1 s
        (!) poll was answered 503, trying again in 2 s
        (!) the service answers again
            status: completed?[2J
            downloading 2.9 MiB
        (!) download: the answer was cut off, trying again in 2 s
        (!) going on with the download at 1.0 of 2.9 MiB
        ");
    }
}
