//! The clients of the buckets that a run uses.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use super::address::{Address, Key};
use super::bucket::Bucket;
use super::transport::Transport;
use crate::args::IfExistsArg;
use crate::output::destination::Scheme;
use crate::output::file::already_exists;
use crate::output::newer::NewerGuard;
use crate::problem::Problem;
use crate::receipt::Receipt;
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
    pub(in crate::output) async fn bucket(&self, address: &Address) -> Result<Bucket, Problem> {
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

/// Checks, before anything is sent, that there are credentials, and where it matters and the key
/// is known, whether the object exists. Returns its URL if it is to be kept. One of this operation is
/// that of the export, whose end could not be recorded.
pub(in crate::output) async fn check(
    stores: &Stores,
    address: &Address,
    key: Option<String>,
    operation: Option<&str>,
    if_exists: IfExistsArg,
    guard: Option<NewerGuard>,
) -> Result<Option<String>, Problem> {
    let bucket = stores.bucket(address).await?;
    let Some(key) = key else { return Ok(None) };
    let keeps = matches!(if_exists, IfExistsArg::Skip | IfExistsArg::Error);
    if !keeps && guard.is_none() {
        return Ok(None);
    }
    let url = address.url(&key);
    match bucket.find(&key).await {
        Ok(None) => Ok(None),
        Ok(Some(object)) if operation.is_some_and(|operation| object.is_of(operation)) => Ok(None),
        Ok(Some(object)) if !keeps => {
            guard.map_or(Ok(()), |guard| guard.check_object(&url, object.modified))?;
            Ok(None)
        }
        Ok(Some(_)) if if_exists == IfExistsArg::Error => Err(already_exists(&url)),
        Ok(Some(_)) => Ok(Some(url)),
        // Credentials that may only write: the upload itself finds out.
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error.explain(&format!("looking up {url}"))),
    }
}

/// Why an object is not that of its receipt, or is not there without one; `None` if it is, or if that
/// cannot be told.
pub(in crate::output) async fn difference(
    stores: &Stores,
    address: &Address,
    receipt: Option<&Receipt>,
) -> Result<Option<String>, Problem> {
    let Key::Exact(key) = &address.key else { return Ok(None) };
    let bucket = stores.bucket(address).await?;
    match bucket.find(key).await {
        Ok(None) => Ok(Some("is gone".into())),
        Ok(Some(object)) => {
            let is_changed = receipt.is_some_and(|receipt| !object.matches(receipt));
            Ok(is_changed.then(|| "has changed".into()))
        }
        // Credentials that may only write.
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error.explain(&format!("looking up {}", address.url(key)))),
    }
}
