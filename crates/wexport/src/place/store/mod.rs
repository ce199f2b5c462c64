//! Object stores: `s3://bucket/key` and its like.
//!
//! A file goes there in two steps. It is downloaded into the folder of its job first, and goes on
//! there after a cut, as a file in a folder does; then it is uploaded. That takes its length on
//! the disk for a while, and in return
//!
//! - nothing is visible in the store, not even a part, before the whole file is here and checks
//!   out;
//! - its SHA-256 and the rest of what a receipt says can stand in the object's metadata, which
//!   are fixed when an upload begins;
//! - an upload that fails, whatever the reason, is repeated without the service: its export need
//!   not be there any more;
//! - the length is known, and with it the parts.
//!
//! ```text
//! jobs/20261123-021500-7f3a/
//!   file          the whole file, until it is in the store
//!   upload.json   where it goes, its receipt, and the upload in parts that was begun
//! ```
//!
//! An upload in parts is invisible until it is completed, and costs money until it is taken back.
//! Its id is on disk before its first part is sent. It is taken back when it fails and when
//! somebody stops the program; after a kill, `jobs resume` and `jobs clean` do it. What is left
//! is the moment between the store's answer and the write to the disk, for which a bucket has
//! lifecycle rules.

mod address;
mod bucket;
mod depot;
mod inbox;
mod open;
mod parts;
mod transport;
mod trouble;
mod upload;

pub(crate) use self::address::Address;
pub(crate) use self::depot::Depot;
pub(super) use self::inbox::Inbox;
pub(crate) use self::upload::{Arrived, Upload, abandon};
