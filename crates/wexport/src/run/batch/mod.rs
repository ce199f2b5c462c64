//! Many exports: one client, one book, one display.
//!
//! `prepare` looks at each place before anything is sent, `fleet` runs the exports, `common` is
//! what each of them needs, `close` takes one to its end, `verdict` says which failures are not
//! those of one export, `results` is the file for scripts.

mod close;
mod common;
mod fleet;
mod prepare;
mod results;
mod verdict;

pub(crate) use self::fleet::Fleet;
pub(crate) use self::prepare::{Prepared, claims_of, prepare};
