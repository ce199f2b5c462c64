//! What time it is.

use std::time::SystemTime;

use export_hyper::Timestamp;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    at(SystemTime::now())
}

/// A time of this machine; one before 1970 counts as 1970.
pub(crate) fn at(time: SystemTime) -> Timestamp {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::EPOCH + since_epoch.unwrap_or_default()
}
