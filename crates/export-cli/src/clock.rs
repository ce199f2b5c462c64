//! What time it is.

use std::time::SystemTime;

use export_hyper::Timestamp;

/// The wall clock; one that stands before 1970 counts as 1970.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::EPOCH + since_epoch.unwrap_or_default()
}
