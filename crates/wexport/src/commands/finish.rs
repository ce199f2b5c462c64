//! The end of a command that exports: what is printed, and the exit code.

use crate::cli::ShowArgs;
use crate::place::Delivered;
use crate::report::{Exit, Problem};
use crate::run::Outcome;
use crate::show::{Watcher, print, streams_are_one};

/// Who reads what the command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readers {
    pub(super) show: ShowArgs,
    /// The file itself goes to standard output.
    pub(super) stdout_carries_file: bool,
}

impl Readers {
    /// Ends a command. The path of the file is what it prints to standard output, for scripts.
    pub(super) fn finish(self, ended: Result<Option<Outcome>, Problem>, watcher: &Watcher) -> Exit {
        match ended.and_then(|outcome| self.name_file(outcome.as_ref())) {
            Ok(()) => Exit::Done,
            Err(problem) => {
                watcher.failed(&problem);
                // Lines for scripts stay whole: people's words are not among them.
                if !(self.show.json && self.stdout_carries_file) {
                    problem.print();
                }
                problem.exit
            }
        }
    }

    fn name_file(self, outcome: Option<&Outcome>) -> Result<(), Problem> {
        let name = match outcome {
            Some(Outcome::Delivered(Delivered::File(path), _)) => path.display().to_string(),
            #[cfg(feature = "store")]
            Some(Outcome::Uploaded(url)) => url.clone(),
            _ => return Ok(()),
        };
        // On a terminal that shows both streams, the display has just named it.
        if self.show.quiet || self.show.json || streams_are_one() {
            return Ok(());
        }
        print(&format!("{name}\n"))
    }
}
