//! The second step of an export to a store: the upload.

use std::io;
use std::time::Duration;

use object_store::{Attribute, MultipartUpload};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::address::{Address, numbered};
use super::bucket::{Bucket, PutCondition, StartedUpload, attributes_of};
use super::error::StoreError;
use super::parts::{MAX_CONCURRENT, MIN_PART_SIZE, read, send_parts};
use super::stores::Stores;
use super::transport::run;
use super::upload_dir::{PendingUpload, UploadDir, UploadId};
use crate::args::IfExistsArg;
use crate::clock;
use crate::output::destination::{Destination, Target};
use crate::output::file::already_exists;
use crate::output::newer::NewerGuard;
use crate::output::reserved_names::ReservedNames;
use crate::problem::{Exit, Problem};
use crate::receipt::{ENDING, Receipt};

/// The upload of a file.
#[derive(Debug)]
pub(crate) struct Upload {
    bucket: Bucket,
    address: Address,
    if_exists: IfExistsArg,
    wants_receipt: bool,
    names: ReservedNames,
    dir: UploadDir,
    pending: PendingUpload,
    guard: Option<NewerGuard>,
    multipart: Multipart,
}

/// The multipart upload of this process, which has to be completed or aborted.
#[derive(Debug)]
enum Multipart {
    None,
    /// The request that starts it is in flight, in a task of its own: it is not cancelled with the
    /// upload, since the store may have started it already.
    Starting(JoinHandle<Result<StartedUpload, StoreError>>),
    Started(Box<dyn MultipartUpload>),
}

/// How an upload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UploadEnd {
    /// The object has this URL.
    Uploaded(String),
    /// An object with this URL exists, and is kept.
    Skipped(String),
}

/// The result of trying one key.
enum KeyResult {
    Uploaded,
    Taken,
}

/// Called with the number of bytes that were sent.
type OnProgress<'a> = dyn Fn(u64) + Sync + 'a;

/// The last number that is tried for a name that is taken.
const LAST_NUMBER: u32 = 9_999;

/// How long a user who stops the program waits for the multipart upload to be aborted.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The same after a failure, when no user waits, and a signal ends it.
const ABORT_TIMEOUT_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The pause between two tries of aborting, which is independent of `--retries`: parts that are left
/// cost money.
const ABORT_PAUSE: Duration = Duration::from_millis(100);

impl Upload {
    pub(super) fn new(
        bucket: Bucket,
        address: Address,
        destination: &Destination,
        names: ReservedNames,
        dir: UploadDir,
        pending: PendingUpload,
    ) -> Self {
        let (if_exists, wants_receipt) = (destination.if_exists, destination.receipt);
        let (guard, multipart) = (None, Multipart::None);
        Self { bucket, address, if_exists, wants_receipt, names, dir, pending, guard, multipart }
    }

    /// Replaces no newer object, if there is a guard.
    pub(in crate::output) fn with_guard(self, guard: Option<NewerGuard>) -> Self {
        Self { guard, ..self }
    }

    /// Resumes an upload of another process.
    pub(in crate::output) async fn resume(
        stores: &Stores,
        destination: &Destination,
        names: ReservedNames,
        dir: UploadDir,
        pending: PendingUpload,
    ) -> Result<Self, Problem> {
        let address = address_of(destination)?;
        let bucket = stores.bucket(&address).await?;
        Ok(Self::new(bucket, address, destination, names, dir, pending))
    }

    /// The receipt of the file.
    pub(crate) const fn receipt(&self) -> &Receipt {
        &self.pending.receipt
    }

    /// The URL that the object gets, unless another object has it.
    pub(crate) fn url(&self) -> String {
        self.address.url(&self.pending.key)
    }

    /// Whether a multipart upload may have to be aborted.
    pub(crate) const fn has_started(&self) -> bool {
        !matches!(self.multipart, Multipart::None) || self.pending.started.is_some()
    }

    /// Uploads the file. A multipart upload that fails is aborted.
    pub(crate) async fn upload(
        &mut self,
        on_progress: &OnProgress<'_>,
    ) -> Result<UploadEnd, Problem> {
        match self.try_keys(on_progress).await {
            Ok(end) => Ok(end),
            Err(problem) => Err(match self.abort_within(ABORT_TIMEOUT_AFTER_FAILURE).await {
                Ok(()) => problem,
                Err(leftover) => leftover.advice.into_iter().fold(problem, Problem::advise),
            }),
        }
    }

    /// Removes the file after its upload, and after the end of its export was recorded: a run that
    /// is killed in between must not take its own object for one of somebody else.
    pub(crate) fn clear(&self) -> Result<(), Problem> {
        self.dir.clear().map_err(|error| {
            let dir = self.dir.path().display();
            let what = format!("the file was uploaded, but cannot be removed from {dir}");
            Problem::local(what, &error)
        })
    }

    /// Aborts the multipart upload after [`upload`](Self::upload) was cancelled.
    ///
    /// # Errors
    ///
    /// Names what may be left in the store.
    pub(crate) async fn abort(&mut self) -> Result<(), Problem> {
        self.abort_within(ABORT_TIMEOUT).await
    }

    async fn abort_within(&mut self, time: Duration) -> Result<(), Problem> {
        let abort = async {
            // Of each part that was in flight, the connection may have ended with the upload.
            for _ in 0..MAX_CONCURRENT {
                match self.abort_multipart().await {
                    Err(error) if error.is_temporary() => sleep(ABORT_PAUSE).await,
                    ended => return ended,
                }
            }
            self.abort_multipart().await
        };
        let error = match timeout(time, abort).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => StoreError::Other("timed out".into()),
        };
        let advice = match (&self.pending.started, self.dir.is_kept()) {
            (Some(_), true) => {
                "parts may remain in the store: `jobs resume` and `jobs clean --resumable` \
                 remove them"
                    .into()
            }
            (Some(UploadId { id, .. }), false) => {
                format!("parts may remain in the store: abort the multipart upload {id}")
            }
            (None, _) => "a multipart upload without parts may remain in the store".into(),
        };
        Err(error.explain(&format!("aborting the upload to {}", self.url())).advise(advice))
    }

    async fn try_keys(&mut self, on_progress: &OnProgress<'_>) -> Result<UploadEnd, Problem> {
        let first = self.pending.key.clone();
        // Of a process that was killed.
        let aborted = self.abort_multipart().await;
        aborted.map_err(|error| explain(error, &self.address.url(&first)))?;
        for number in 1..=LAST_NUMBER {
            let key = if number == 1 { first.clone() } else { numbered(&first, number) };
            let url = self.address.url(&key);
            if !self.names.reserve(url.clone()) {
                continue;
            }
            self.check_newer(&key, &url).await?;
            match self.try_key(&key, on_progress).await.map_err(|error| explain(error, &url))? {
                KeyResult::Uploaded => {
                    self.put_receipt(&key).await?;
                    return Ok(UploadEnd::Uploaded(url));
                }
                KeyResult::Taken => match self.if_exists {
                    IfExistsArg::Skip => return Ok(UploadEnd::Skipped(url)),
                    IfExistsArg::Error => return Err(already_exists(&url)),
                    IfExistsArg::Rename | IfExistsArg::Replace => {}
                },
            }
        }
        Err(already_exists(&self.url()))
    }

    /// Checks that the object is not newer than the export.
    async fn check_newer(&mut self, key: &str, url: &str) -> Result<(), Problem> {
        let Some(guard) = &self.guard else { return Ok(()) };
        match self.bucket.find(key).await {
            Ok(Some(object)) if !object.matches(self.receipt()) => {
                guard.check_object(url, object.modified)
            }
            Ok(_) => Ok(()),
            // Credentials that may only write: nothing is known of the object.
            Err(error) if error.is_forbidden() => Ok(()),
            Err(error) => Err(explain(error, url)),
        }
    }

    async fn try_key(
        &mut self,
        key: &str,
        on_progress: &OnProgress<'_>,
    ) -> Result<KeyResult, StoreError> {
        let condition = match self.if_exists {
            IfExistsArg::Replace => PutCondition::Replace,
            _ => PutCondition::IfNew,
        };
        if condition == PutCondition::IfNew {
            match look_up(&self.bucket, key, self.receipt()).await {
                Ok(Some(result)) => return Ok(result),
                Ok(None) => {}
                // The credentials may allow writes only: the store checks the put.
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(error),
            }
        }
        let ended = if self.receipt().bytes <= MIN_PART_SIZE {
            put_whole(&self.bucket, key, &self.dir, self.receipt(), condition).await
        } else {
            self.put_parts(key, condition, on_progress).await
        };
        match ended {
            Ok(()) => Ok(KeyResult::Uploaded),
            Err(error) if error.is_taken() || error.is_missing() => {
                self.abort_multipart().await?;
                match look_up(&self.bucket, key, self.receipt()).await {
                    // The response of an earlier attempt was lost.
                    Ok(Some(KeyResult::Uploaded)) => Ok(KeyResult::Uploaded),
                    Ok(Some(KeyResult::Taken)) if condition == PutCondition::IfNew => {
                        Ok(KeyResult::Taken)
                    }
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn put_parts(
        &mut self,
        key: &str,
        condition: PutCondition,
        on_progress: &OnProgress<'_>,
    ) -> Result<(), StoreError> {
        let starting = self.bucket.start(key, attributes_of(self.receipt()), condition);
        self.multipart = Multipart::Starting(tokio::spawn(starting));
        self.wait_for_start().await?;
        let (file, length) = (self.dir.file(), self.receipt().bytes);
        let Multipart::Started(upload) = &mut self.multipart else { return Ok(()) };
        send_parts(&mut **upload, file, length, on_progress).await?;
        let is_checked = condition == PutCondition::Replace || self.bucket.checks_multipart();
        if !is_checked && look_up(&self.bucket, key, &self.pending.receipt).await?.is_some() {
            return Err(StoreError::taken());
        }
        run(upload.complete()).await?;
        self.multipart = Multipart::None;
        self.record(None).await
    }

    /// Waits until the store has started the multipart upload, and records its id before any part
    /// is sent.
    async fn wait_for_start(&mut self) -> Result<(), StoreError> {
        let Multipart::Starting(starting) = &mut self.multipart else { return Ok(()) };
        let started = starting.await.map_err(|error| StoreError::Other(error.to_string()));
        self.multipart = Multipart::None;
        let (upload, id) = started??;
        self.multipart = Multipart::Started(upload);
        self.record(id).await
    }

    /// Aborts the multipart upload of this process or of another one, if there is one.
    async fn abort_multipart(&mut self) -> Result<(), StoreError> {
        // An upload that the store refused to start need not be aborted.
        let _ = self.wait_for_start().await;
        if let Multipart::Started(upload) = &mut self.multipart {
            match run(upload.abort()).await {
                Err(error) if !error.is_missing() => return Err(error),
                _ => self.multipart = Multipart::None,
            }
        } else if let Some(started) = &self.pending.started {
            self.bucket.abort(started).await?;
        }
        if self.pending.started.is_some() { self.record(None).await } else { Ok(()) }
    }

    /// Records which multipart upload was started.
    async fn record(&mut self, started: Option<UploadId>) -> Result<(), StoreError> {
        self.pending.started = started;
        let (dir, pending) = (self.dir.clone(), self.pending.clone());
        let stored = spawn_blocking(move || dir.store_started(&pending)).await;
        let stored = stored.map_err(io::Error::other).and_then(|stored| stored);
        stored.map_err(|error| StoreError::Other(format!("cannot record the upload: {error}")))
    }

    async fn put_receipt(&mut self, key: &str) -> Result<(), Problem> {
        if !self.wants_receipt {
            return Ok(());
        }
        let receipt = &mut self.pending.receipt;
        receipt.finished = clock::now().to_string();
        key.rsplit('/').next().unwrap_or(key).clone_into(&mut receipt.file);
        let key = format!("{key}{ENDING}");
        let operation = format!("the receipt {} of the uploaded file", self.address.url(&key));
        let json = receipt.to_json().map_err(|error| Problem::local(&operation, &error))?;
        let json_type = [(Attribute::ContentType, "application/json")].into_iter().collect();
        let put = self.bucket.put(&key, json.into(), json_type, PutCondition::Replace).await;
        put.map_err(|error| error.explain(&operation))
    }
}

/// Looks up an object: `Uploaded` if it is the file of the receipt, `Taken` if it is another.
async fn look_up(
    bucket: &Bucket,
    key: &str,
    receipt: &Receipt,
) -> Result<Option<KeyResult>, StoreError> {
    let found = bucket.find(key).await?;
    Ok(found.map(
        |object| {
            if object.matches(receipt) { KeyResult::Uploaded } else { KeyResult::Taken }
        },
    ))
}

async fn put_whole(
    bucket: &Bucket,
    key: &str,
    dir: &UploadDir,
    receipt: &Receipt,
    condition: PutCondition,
) -> Result<(), StoreError> {
    let bytes = read(dir.file(), 0, receipt.bytes).await?;
    bucket.put(key, bytes, attributes_of(receipt), condition).await
}

fn explain(error: StoreError, url: &str) -> Problem {
    error.explain(&format!("the upload to {url}"))
}

/// Aborts the multipart upload of a job that is removed.
pub(in crate::output) async fn abort_upload(
    dir: &UploadDir,
    destination: &Destination,
    stores: &Stores,
) -> Result<(), Problem> {
    let fail = |error: io::Error| Problem::local("cannot read the state of the upload", &error);
    let Some(PendingUpload { started: Some(started), .. }) = dir.load().map_err(fail)? else {
        return Ok(());
    };
    let address = address_of(destination)?;
    let bucket = stores.bucket(&address).await?;
    let url = address.url(&started.key);
    let aborted = bucket.abort(&started).await;
    aborted.map_err(|error| error.explain(&format!("aborting the upload to {url}")))
}

fn address_of(destination: &Destination) -> Result<Address, Problem> {
    match destination.target()? {
        Target::Object(address) => Ok(address),
        _ => Err(Problem::new(Exit::Local, "the destination of the job is not an object store")),
    }
}
