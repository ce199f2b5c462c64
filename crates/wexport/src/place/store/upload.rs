//! The second step: the file goes into the store.

use std::io;
use std::path::Path;
use std::time::Duration;

use object_store::{Attribute, MultipartUpload};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::address::{Address, numbered};
use super::bucket::{Bucket, Put, Uploading, attributes_of};
use super::depot::{Begun, Depot, Pending};
use super::parts::{SMALLEST_PART, read, send_parts};
use super::transport::{Transport, ask};
use super::trouble::Trouble;
use crate::cli::IfExistsWord;
use crate::clock;
use crate::place::claims::Claims;
use crate::place::target::{Order, Target};
use crate::receipt::{ENDING, Receipt};
use crate::report::{Exit, Problem};
use crate::settings::Settings;

/// A file on its way into a store.
#[derive(Debug)]
pub(crate) struct Upload {
    bucket: Bucket,
    address: Address,
    if_exists: IfExistsWord,
    wants_receipt: bool,
    claims: Claims,
    depot: Depot,
    pending: Pending,
    transfer: Transfer,
}

/// What there is to take back.
#[derive(Debug)]
enum Transfer {
    Nothing,
    /// The store was asked to begin an upload. It is not forgotten when nobody waits for it any
    /// more: the store may have begun.
    Beginning(JoinHandle<Result<Uploading, Trouble>>),
    UnderWay(Box<dyn MultipartUpload>),
}

/// Where the file is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// At this URL.
    There(String),
    /// Not there: an object has this URL, and is to be left.
    Left(String),
}

/// What came of trying one key.
enum Tried {
    There,
    Taken,
}

/// Is told how many bytes are in the store.
type Sent<'a> = dyn Fn(u64) + Sync + 'a;

/// The last number that is tried for a name that is taken.
const LAST_NUMBER: u32 = 9_999;

/// Somebody who stops the program waits no longer than this for an upload to be taken back.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(5);

/// A store that fails by itself has longer: nobody waits at the keyboard, and a signal ends it.
const TAKEN_BACK_AT_LEISURE: Duration = Duration::from_secs(30);

impl Upload {
    pub(super) fn new(
        bucket: Bucket,
        address: Address,
        order: &Order,
        claims: Claims,
        depot: Depot,
        pending: Pending,
    ) -> Self {
        let (if_exists, wants_receipt) = (order.if_exists, order.receipt);
        let transfer = Transfer::Nothing;
        Self { bucket, address, if_exists, wants_receipt, claims, depot, pending, transfer }
    }

    /// Goes on with what another process left.
    pub(crate) async fn resume(
        depot: Depot,
        pending: Pending,
        order: &Order,
        claims: &Claims,
        settings: &Settings,
    ) -> Result<Self, Problem> {
        let address = address_of(order)?;
        let bucket = Bucket::open(&address, settings, Transport::new(settings)?).await?;
        Ok(Self::new(bucket, address, order, claims.clone(), depot, pending))
    }

    /// What is known of the file.
    pub(crate) const fn receipt(&self) -> &Receipt {
        &self.pending.receipt
    }

    /// Where it is to go, if nothing is in the way.
    pub(crate) fn url(&self) -> String {
        self.address.url(&self.pending.key)
    }

    /// Whether there may be something to take back.
    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self.transfer, Transfer::Nothing) || self.pending.begun.is_some()
    }

    /// Uploads the file. `sent` is told how many bytes are there. Whatever fails, nothing is left
    /// in the store.
    pub(crate) async fn bring(&mut self, sent: &Sent<'_>) -> Result<Arrived, Problem> {
        match self.try_keys(sent).await {
            Ok(arrived) => {
                self.depot.clear().map_err(|error| {
                    Problem::local("the file is there, but it could not be removed here", &error)
                })?;
                Ok(arrived)
            }
            Err(problem) => Err(match self.take_back_within(TAKEN_BACK_AT_LEISURE).await {
                Ok(()) => problem,
                Err(left) => left.advice.into_iter().fold(problem, Problem::advise),
            }),
        }
    }

    /// Takes back what was begun, after somebody stopped [`bring`](Self::bring).
    ///
    /// # Errors
    ///
    /// Says what may be left in the store.
    pub(crate) async fn take_back(&mut self) -> Result<(), Problem> {
        self.take_back_within(TAKEN_BACK_WITHIN).await
    }

    async fn take_back_within(&mut self, time: Duration) -> Result<(), Problem> {
        let taken_back = timeout(time, self.abort()).await;
        let trouble = match taken_back {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(trouble)) => trouble,
            Err(_) => Trouble::Other("no answer came".into()),
        };
        let left = match (&self.pending.begun, self.depot.lasts()) {
            (Some(_), true) => {
                "parts of it may be left there: `jobs resume` and `jobs clean` take them back"
                    .into()
            }
            (Some(Begun { id, .. }), false) => {
                format!("parts of it may be left there: abort the multipart upload {id}")
            }
            (None, _) => "an upload without parts may be left there".into(),
        };
        Err(trouble.explain(&format!("taking back the upload to {}", self.url())).advise(left))
    }

    async fn try_keys(&mut self, sent: &Sent<'_>) -> Result<Arrived, Problem> {
        let first = self.pending.key.clone();
        // What another process began.
        let taken_back = self.abort().await;
        taken_back.map_err(|trouble| explain(trouble, &self.address.url(&first)))?;
        for number in 1..=LAST_NUMBER {
            let key = if number == 1 { first.clone() } else { numbered(&first, number) };
            let url = self.address.url(&key);
            if !self.claims.take(url.clone()) {
                continue;
            }
            match self.try_key(&key, sent).await.map_err(|trouble| explain(trouble, &url))? {
                Tried::There => {
                    self.put_receipt(&key).await?;
                    return Ok(Arrived::There(url));
                }
                Tried::Taken => match self.if_exists {
                    IfExistsWord::Skip => return Ok(Arrived::Left(url)),
                    IfExistsWord::Error => return Err(exists(&url)),
                    IfExistsWord::Rename | IfExistsWord::Replace => {}
                },
            }
        }
        Err(exists(&self.url()))
    }

    async fn try_key(&mut self, key: &str, sent: &Sent<'_>) -> Result<Tried, Trouble> {
        let put = match self.if_exists {
            IfExistsWord::Replace => Put::Replacing,
            _ => Put::IfNew,
        };
        if put == Put::IfNew {
            match look(&self.bucket, key, self.receipt()).await {
                Ok(Some(tried)) => return Ok(tried),
                Ok(None) => {}
                // Whoever may only write finds out by writing.
                Err(trouble) if trouble.is_forbidden() => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let ended = if self.receipt().bytes <= SMALLEST_PART {
            at_once(&self.bucket, key, &self.depot, self.receipt(), put).await
        } else {
            self.in_parts(key, put, sent).await
        };
        match ended {
            Ok(()) => Ok(Tried::There),
            Err(trouble) if trouble.is_taken() || trouble.is_missing() => {
                self.abort().await?;
                match look(&self.bucket, key, self.receipt()).await {
                    // An answer was lost, and its request sent again.
                    Ok(Some(Tried::There)) => Ok(Tried::There),
                    Ok(Some(Tried::Taken)) if put == Put::IfNew => Ok(Tried::Taken),
                    _ => Err(trouble),
                }
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn in_parts(&mut self, key: &str, put: Put, sent: &Sent<'_>) -> Result<(), Trouble> {
        let beginning = self.bucket.begin(key, attributes_of(self.receipt()), put);
        self.transfer = Transfer::Beginning(tokio::spawn(beginning));
        self.begin().await?;
        let (file, length) = (self.depot.file(), self.receipt().bytes);
        let Transfer::UnderWay(upload) = &mut self.transfer else { return Ok(()) };
        send_parts(&mut **upload, file, length, sent).await?;
        let guarded = put == Put::Replacing || self.bucket.guards();
        if !guarded && look(&self.bucket, key, &self.pending.receipt).await?.is_some() {
            return Err(Trouble::taken());
        }
        ask(upload.complete()).await?;
        self.transfer = Transfer::Nothing;
        self.note(None)
    }

    /// Waits until the store has begun an upload. Its id is on disk before anything is sent.
    async fn begin(&mut self) -> Result<(), Trouble> {
        let Transfer::Beginning(beginning) = &mut self.transfer else { return Ok(()) };
        let begun = beginning.await.map_err(|error| Trouble::Other(error.to_string()));
        self.transfer = Transfer::Nothing;
        let (upload, begun) = begun??;
        self.transfer = Transfer::UnderWay(upload);
        self.note(begun)
    }

    /// Takes back what this process or another one began, if anything.
    async fn abort(&mut self) -> Result<(), Trouble> {
        // What the store refused to begin need not be taken back.
        let _ = self.begin().await;
        if let Transfer::UnderWay(upload) = &mut self.transfer {
            match ask(upload.abort()).await {
                Err(trouble) if !trouble.is_missing() => return Err(trouble),
                _ => self.transfer = Transfer::Nothing,
            }
        } else if let Some(begun) = &self.pending.begun {
            self.bucket.take_back(begun).await?;
        }
        if self.pending.begun.is_some() { self.note(None) } else { Ok(()) }
    }

    /// Keeps which upload was begun.
    fn note(&mut self, begun: Option<Begun>) -> Result<(), Trouble> {
        self.pending.begun = begun;
        let noted = self.depot.store(&self.pending);
        noted.map_err(|error| Trouble::Other(format!("its id cannot be kept: {error}")))
    }

    async fn put_receipt(&mut self, key: &str) -> Result<(), Problem> {
        if !self.wants_receipt {
            return Ok(());
        }
        let receipt = &mut self.pending.receipt;
        receipt.finished = clock::now().to_string();
        key.rsplit('/').next().unwrap_or(key).clone_into(&mut receipt.file);
        let key = format!("{key}{ENDING}");
        let doing = format!("the file is there, but its receipt {}", self.address.url(&key));
        let json = receipt.to_json().map_err(|error| Problem::local(&doing, &error))?;
        let json_type = [(Attribute::ContentType, "application/json")].into_iter().collect();
        let put = self.bucket.put(&key, json.into(), json_type, Put::Replacing).await;
        put.map_err(|trouble| trouble.explain(&doing))
    }
}

/// Whether a key is taken, and whether by this very file.
async fn look(bucket: &Bucket, key: &str, receipt: &Receipt) -> Result<Option<Tried>, Trouble> {
    let found = bucket.find(key).await?;
    Ok(found.map(|found| if found.is_of(receipt) { Tried::There } else { Tried::Taken }))
}

async fn at_once(
    bucket: &Bucket,
    key: &str,
    depot: &Depot,
    receipt: &Receipt,
    put: Put,
) -> Result<(), Trouble> {
    let bytes = read(depot.file(), 0, receipt.bytes).await?;
    bucket.put(key, bytes, attributes_of(receipt), put).await
}

fn explain(trouble: Trouble, url: &str) -> Problem {
    trouble.explain(&format!("the upload to {url}"))
}

/// Takes back the upload that a job began and that nobody will go on with.
pub(crate) async fn abandon(job: &Path, order: &Order, settings: &Settings) -> Result<(), Problem> {
    let depot = Depot::of_job(job);
    let fail = |error: io::Error| Problem::local("its upload cannot be looked up", &error);
    let Some(Pending { begun: Some(begun), .. }) = depot.load().map_err(fail)? else {
        return Ok(());
    };
    let address = address_of(order)?;
    let bucket = Bucket::open(&address, settings, Transport::new(settings)?).await?;
    let url = address.url(&begun.key);
    let taken_back = bucket.take_back(&begun).await;
    taken_back.map_err(|trouble| trouble.explain(&format!("taking back the upload to {url}")))
}

fn address_of(order: &Order) -> Result<Address, Problem> {
    match order.target()? {
        Target::Object(address) => Ok(address),
        _ => Err(Problem::new(Exit::Local, "the job is not one that goes into a store")),
    }
}

/// An object is there, and is not to be.
pub(super) fn exists(url: &str) -> Problem {
    Problem::new(Exit::Local, format!("{url} exists, and --if-exists error was given"))
}
