//! Headers whose value needs more than a comparison.

mod content_disposition;
mod range;
mod retry_after;
mod sunset;

pub(crate) use content_disposition::file_name;
pub(crate) use range::{ContentRange, content_length, strong_etag};
pub(crate) use retry_after::RetryAfter;
pub(crate) use sunset::sunset;
