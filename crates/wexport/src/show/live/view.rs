//! What there is to show of one export. Events and the time go in; `line.rs` makes a line of it.

use std::time::Duration;

use super::rate::Rate;
use crate::show::narrate::Trouble;
use crate::show::record::Happening;
use crate::show::text::{harmless, seconds};

/// An export as it is now. Times are those of a clock that only goes forward.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// What is exported: `document d1`.
    pub(super) name: String,
    pub(super) began: Duration,
    pub(super) doing: Doing,
    /// What it waits for, if it waits.
    pub(super) pause: Option<Pause>,
    trouble: Option<Trouble>,
}

/// What is going on, in the order of a life.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// The service is asked for the export.
    Asking,
    /// The service makes it, and is asked how far it is; the state is the service's own word.
    Making { status: String, asked: bool },
    /// The service is asked for the file.
    Fetching,
    /// The file comes.
    Downloading { bytes: u64, length: Option<u64>, rate: Rate },
    /// It goes on to a store.
    Uploading { bytes: u64, length: u64, rate: Rate },
}

/// A wait.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pause {
    pub(super) until: Duration,
    pub(super) why: Why,
}

/// Why one waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Why {
    /// All goes well: the service is asked again then.
    Pace,
    /// The service wants to be left alone.
    Throttled,
    /// Something went wrong and is tried again.
    Again { reason: String },
}

impl View {
    pub(super) fn new(now: Duration, name: &str) -> Self {
        let name = harmless(name).into_owned();
        Self { name, began: now, doing: Doing::Asking, pause: None, trouble: None }
    }

    /// Takes in an event.
    pub(super) fn take(&mut self, now: Duration, what: &Happening) {
        match what {
            Happening::Sending { phase, .. } => {
                self.pause = None;
                match (phase.as_str(), &mut self.doing) {
                    ("submit", doing) => *doing = Doing::Asking,
                    ("poll", Doing::Making { asked, .. }) => *asked = true,
                    // Whoever goes on with a job knows no state yet.
                    ("poll", doing) => *doing = making("accepted", true),
                    (_, Doing::Downloading { .. }) => {}
                    (_, doing) => *doing = Doing::Fetching,
                }
            }
            Happening::Answered { .. } | Happening::NoAnswer { .. } => {
                self.trouble = Trouble::of(what);
            }
            Happening::Accepted { .. } => self.doing = making("accepted", false),
            Happening::Status { status } => self.doing = making(status, false),
            Happening::Waiting { seconds: wait, .. } => {
                let why = match self.trouble.take() {
                    None => Why::Pace,
                    Some(trouble) if trouble.is_throttling() => Why::Throttled,
                    Some(trouble) => Why::Again { reason: trouble.reason },
                };
                self.pause = Some(Pause { until: now.saturating_add(seconds(*wait)), why });
            }
            Happening::Downloading { offset, length } => self.downloading(now, *offset, *length),
            Happening::Uploading { length, .. } => self.uploading(now, 0, *length),
            Happening::Progress { bytes, length } => match self.doing {
                Doing::Uploading { length, .. } => self.uploading(now, *bytes, length),
                _ => self.downloading(now, *bytes, *length),
            },
            _ => {}
        }
    }

    fn downloading(&mut self, now: Duration, at: u64, of: Option<u64>) {
        self.pause = None;
        match &mut self.doing {
            Doing::Downloading { bytes, length, rate } if *bytes <= at => {
                (*bytes, *length) = (at, of);
                rate.sample(now, at);
            }
            // The file comes, or comes from its beginning again.
            _ => {
                let mut rate = Rate::default();
                rate.sample(now, at);
                self.doing = Doing::Downloading { bytes: at, length: of, rate };
            }
        }
    }

    fn uploading(&mut self, now: Duration, at: u64, of: u64) {
        match &mut self.doing {
            Doing::Uploading { bytes, rate, .. } if *bytes <= at => {
                *bytes = at;
                rate.sample(now, at);
            }
            // It begins, or begins again.
            _ => {
                let mut rate = Rate::default();
                rate.sample(now, at);
                self.doing = Doing::Uploading { bytes: at, length: of, rate };
            }
        }
    }
}

fn making(status: &str, asked: bool) -> Doing {
    Doing::Making { status: harmless(status).into_owned(), asked }
}
