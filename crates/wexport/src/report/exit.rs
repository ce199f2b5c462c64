//! The exit codes: one table, of which the help, the documentation and the program are made.

use std::fmt::Write;
use std::process::ExitCode;

/// How the program ends. The numbers never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Done = 0,
    No = 1,
    Usage = 2,
    Refused = 3,
    Unauthorized = 4,
    Failed = 5,
    Network = 6,
    Local = 7,
    Some = 8,
    GaveUp = 75,
    Interrupted = 130,
    Terminated = 143,
}

/// Each code, and what it means.
const EXITS: [(Exit, &str); 12] = [
    (Exit::Done, "done: the file is where it should be, or was there and is to be left"),
    (Exit::No, "no: `verify` found a difference, or what was asked after is not there"),
    (Exit::Usage, "usage: a flag or a setting is wrong; nothing was sent"),
    (Exit::Refused, "refused: the service will not do this; change the request"),
    (Exit::Unauthorized, "not authorised: the credentials are wrong or lack a scope"),
    (Exit::Failed, "failed at the service, or its answer was of no use"),
    (Exit::Network, "network: the service was not reached, or its peer is not trusted"),
    (Exit::Local, "local: a file, an object or the state folder cannot be read or written"),
    (Exit::Some, "some: exports of a batch ended without their file; see `wexport jobs show ID`"),
    (Exit::GaveUp, "gave up within its budgets; go on with `wexport jobs resume ID`"),
    (Exit::Interrupted, "stopped by Ctrl-C; go on with `wexport jobs resume ID`"),
    (Exit::Terminated, "stopped by SIGTERM; go on with `wexport jobs resume ID`"),
];

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table as text.
pub(crate) fn table() -> String {
    let mut text = String::new();
    for (exit, meaning) in EXITS {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{:>5}  {meaning}", exit.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_is_there_once() {
        assert!(EXITS.is_sorted_by(|(one, _), (other, _)| one.code() < other.code()));
    }
}
