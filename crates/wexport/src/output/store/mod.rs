//! Object stores: `s3://bucket/key`, and the same for other stores.
//!
//! A file is first downloaded into a folder of its job, where a download that breaks off is
//! resumed, and then uploaded. That needs its length on disk for a while. In return,
//!
//! - nothing is visible in the store before the whole file has arrived and was verified;
//! - its SHA-256 and the rest of the receipt can be metadata of the object, which is fixed when
//!   an upload starts;
//! - an upload that fails is repeated without the service, where the export may have expired;
//! - the length is known, and with it the parts.
//!
//! ```text
//! jobs/20261123-021500-7f3a/
//!   file          the whole file, until it is uploaded
//!   upload.json   its key, its receipt, and the multipart upload that was started
//! ```
//!
//! A multipart upload is invisible until it is completed, and costs money until it is aborted. Its
//! id is on disk before its first part is sent. It is aborted when it fails, and when the program
//! is stopped; after a kill, `jobs resume` and `jobs clean` abort it, on another machine by what is shared
//! ([`SharedUpload`]). The gap between the store's
//! response and the write to disk remains: a lifecycle rule of the bucket covers it.

mod address;
mod bucket;
mod error;
mod parts;
mod stores;
mod transport;
mod upload;
mod upload_dir;
mod upload_sink;
mod variables;

pub(crate) use self::address::Address;
pub(super) use self::stores::{Stores, check, difference};
pub(super) use self::upload::abort_upload;
pub(crate) use self::upload::{Upload, UploadEnd};
#[cfg(feature = "postgres")]
pub(crate) use self::upload_dir::SharedUpload;
pub(crate) use self::upload_dir::{PendingUpload, UploadDir};
pub(crate) use self::upload_sink::UploadSink;
