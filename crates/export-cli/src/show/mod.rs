//! What one sees: one stream of events, shown in one of several ways and recorded as it is.

mod json;
mod out;
mod plain;
mod record;
mod sink;
mod watcher;

pub(crate) use self::out::print;
pub(crate) use self::plain::line;
#[cfg(feature = "demo")]
pub(crate) use self::plain::size;
pub(crate) use self::record::{Happening, Record};
#[cfg(feature = "demo")]
pub(crate) use self::sink::Silent;
pub(crate) use self::sink::display;
pub(crate) use self::watcher::Watcher;
