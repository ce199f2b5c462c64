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
//! is stopped; after a kill, `jobs resume` and `jobs clean` abort it. The gap between the store's
//! response and the write to disk remains: a lifecycle rule of the bucket covers it.

mod address;
mod bucket;
mod error;
mod parts;
mod transport;
mod upload;
mod upload_dir;
mod upload_sink;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

pub(crate) use self::address::Address;
use self::address::Key;
use self::bucket::Bucket;
use self::transport::Transport;
pub(super) use self::upload::abort_upload;
pub(crate) use self::upload::{Upload, UploadEnd};
pub(crate) use self::upload_dir::{PendingUpload, UploadDir};
pub(crate) use self::upload_sink::UploadSink;
use super::destination::Scheme;
use super::file::already_exists;
use crate::args::IfExistsArg;
use crate::problem::Problem;
use crate::settings::Settings;

/// The clients of a run: one for each bucket, and one pool of connections for all of them.
#[derive(Debug)]
pub(crate) struct Stores {
    settings: Arc<Settings>,
    transport: OnceCell<Transport>,
    /// Failures are kept too: otherwise each export would wait for credentials that are missing.
    buckets: Mutex<HashMap<(Scheme, String), Result<Bucket, Problem>>>,
}

impl Stores {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, transport: OnceCell::new(), buckets: Mutex::default() }
    }

    /// The client of a bucket. It is created by the first call.
    pub(super) async fn bucket(&self, address: &Address) -> Result<Bucket, Problem> {
        // Locked while the client is created: the exports of a run call this at the same time.
        let mut buckets = self.buckets.lock().await;
        let name = (address.scheme, address.bucket.clone());
        if let Some(bucket) = buckets.get(&name) {
            return bucket.clone();
        }
        let transport = self.transport.get_or_try_init(async || Transport::new(&self.settings));
        let bucket = match transport.await {
            Ok(transport) => Bucket::open(address, &self.settings, transport.clone()).await,
            Err(problem) => Err(problem),
        };
        buckets.insert(name, bucket.clone());
        bucket
    }
}

/// Checks an address before anything is sent: whether there are credentials, and, for an exact key
/// that must not be replaced, whether the object exists. Returns its URL if it is to be kept.
pub(super) async fn check(
    stores: &Stores,
    address: &Address,
    if_exists: IfExistsArg,
) -> Result<Option<String>, Problem> {
    let bucket = stores.bucket(address).await?;
    let (Key::Exact(key), IfExistsArg::Skip | IfExistsArg::Error) = (&address.key, if_exists)
    else {
        return Ok(None);
    };
    let url = address.url(key);
    match bucket.find(key).await {
        Ok(None) => Ok(None),
        Ok(Some(_)) if if_exists == IfExistsArg::Error => Err(already_exists(&url)),
        Ok(Some(_)) => Ok(Some(url)),
        // The credentials may allow writes only: the upload checks again.
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error.explain(&format!("looking up {url}"))),
    }
}
