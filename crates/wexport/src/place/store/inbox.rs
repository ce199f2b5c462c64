//! The first step: the download, into a folder on this machine.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use export_hyper::{Artifact, FileSink, Sink, Timestamp};
use tokio::task::spawn_blocking;

use super::address::{Address, Key};
use super::bucket::Bucket;
use super::depot::{Depot, Pending, VERSION};
use super::transport::Transport;
use super::upload::{Upload, exists};
use crate::cli::IfExistsWord;
use crate::place::claims::Claims;
use crate::place::delivery::Opened;
use crate::place::target::Order;
use crate::place::template::Known;
use crate::receipt::{Origin, Receipt, digest};
use crate::report::Problem;
use crate::settings::Settings;

/// Takes a file that is to go into a store.
#[derive(Debug)]
pub(in crate::place) struct Inbox {
    address: Address,
    order: Order,
    claims: Claims,
    bucket: Bucket,
    settled: Option<Settled>,
    pending: Option<Pending>,
}

/// What is known once there is a job.
#[derive(Debug)]
struct Settled {
    depot: Depot,
    origin: Origin,
    file: FileSink,
}

impl Inbox {
    /// Looks at the store: whether there is somebody to ask as, and, where it matters and the key
    /// is known, whether an object is there.
    pub(in crate::place) async fn open(
        address: Address,
        order: &Order,
        claims: &Claims,
        settings: &Settings,
    ) -> Result<Opened<Self>, Problem> {
        let bucket = Bucket::open(&address, settings, Transport::new(settings)?).await?;
        if let (Key::Named(key), IfExistsWord::Skip | IfExistsWord::Error) =
            (&address.key, order.if_exists)
        {
            let url = address.url(key);
            match bucket.find(key).await {
                Ok(None) => {}
                Ok(Some(_)) if order.if_exists == IfExistsWord::Error => return Err(exists(&url)),
                Ok(Some(_)) => return Ok(Opened::Skip(PathBuf::from(url))),
                // Whoever may only write finds out by writing.
                Err(trouble) if trouble.is_forbidden() => {}
                Err(trouble) => return Err(trouble.explain(&format!("looking for {url}"))),
            }
        }
        let (order, claims) = (order.clone(), claims.clone());
        let inbox = Self { address, order, claims, bucket, settled: None, pending: None };
        Ok(Opened::Sink(inbox))
    }

    /// Takes the file into the folder of this job, or into a temporary one.
    pub(in crate::place) fn settle(
        &mut self,
        job: Option<&Path>,
        origin: Origin,
    ) -> Result<(), Problem> {
        let depot = Depot::new(job)
            .map_err(|error| Problem::local("there is no place for the file", &error))?;
        let file = FileSink::to_file(depot.file());
        self.settled = Some(Settled { depot, origin, file });
        Ok(())
    }

    /// Removes what has arrived so far.
    pub(in crate::place) async fn discard(&mut self) -> io::Result<()> {
        self.file()?.discard().await
    }

    /// The second step, once the file is here.
    pub(in crate::place) fn upload(&mut self) -> Option<Upload> {
        let (settled, pending) = (self.settled.take()?, self.pending.take()?);
        let (bucket, address, claims) =
            (self.bucket.clone(), self.address.clone(), self.claims.clone());
        Some(Upload::new(bucket, address, &self.order, claims, settled.depot, pending))
    }

    fn file(&mut self) -> io::Result<&mut FileSink> {
        let settled = self.settled.as_mut();
        settled.map(|settled| &mut settled.file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What is to become of a file that is complete.
    async fn judge(&self, artifact: &Artifact) -> io::Result<Pending> {
        let settled = self.settled.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let at: Timestamp = self.order.at;
        let known = Known { what: &settled.origin.what, at };
        let key = self.address.key_of(&known, artifact).map_err(io::Error::other)?;
        let file = settled.depot.file();
        let digested = spawn_blocking(move || digest(&file)).await.map_err(io::Error::other)??;
        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
        let receipt = Receipt::new(name, digested, artifact, settled.origin.clone());
        Ok(Pending { version: VERSION, key, receipt, begun: None })
    }
}

impl Sink for Inbox {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.file()?.have(operation).await
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.file()?.begin(artifact, offset).await
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.file()?.write(chunk).await
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.file()?.sync().await
    }

    /// The file is here. The job is done with the service when this is on disk: from now on it is
    /// an upload.
    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        self.file()?.finish(artifact).await?;
        let pending = self.judge(artifact).await?;
        if let Some(settled) = &self.settled {
            settled.depot.store(&pending)?;
        }
        self.pending = Some(pending);
        Ok(())
    }
}
