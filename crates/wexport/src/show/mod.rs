//! What one sees: one stream of events, shown in one of several ways and recorded as it is.

mod batch;
mod json;
mod live;
mod living;
mod narrate;
mod out;
mod outlet;
mod parts;
mod plain;
mod record;
mod sink;
#[cfg(test)]
mod stage;
mod terminal;
mod text;
mod watcher;

pub(crate) use self::batch::{BatchWatcher, Beginning, Gauges};
pub(crate) use self::narrate::sentence;
pub(crate) use self::out::print;
pub(crate) use self::record::{Failure, Happening, Record, Tally};
#[cfg(feature = "demo")]
pub(crate) use self::sink::Silent;
pub(crate) use self::sink::{batch_display, display};
pub(crate) use self::terminal::{say, streams_are_one};
pub(crate) use self::text::harmless;
#[cfg(feature = "demo")]
pub(crate) use self::text::size;
pub(crate) use self::watcher::Watcher;
