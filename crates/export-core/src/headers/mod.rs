//! Headers whose value has to be parsed.

mod content_coding;
mod content_disposition;
mod date;
mod range;
mod retry_after;

pub(crate) use content_coding::{ContentCoding, content_coding};
pub(crate) use content_disposition::file_name;
pub(crate) use date::{date, sunset};
pub(crate) use range::{ContentRange, content_length, strong_etag};
pub(crate) use retry_after::RetryAfter;
