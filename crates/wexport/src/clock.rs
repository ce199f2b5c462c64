//! The wall clock as [`Timestamp`]s.

use std::time::SystemTime;

use export_hyper::Timestamp;

/// The current time.
pub(crate) fn now() -> Timestamp {
    at(SystemTime::now())
}

/// Converts a system time. Times before 1970 become 1970.
pub(crate) fn at(time: SystemTime) -> Timestamp {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::EPOCH + since_epoch.unwrap_or_default()
}
