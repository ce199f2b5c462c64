//! One file on its way to its place: the seam between the download and all kinds of places.

use std::io;
#[cfg(feature = "store")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use export_hyper::{Artifact, FileSink, Sink};

use super::claims::Claims;
use super::file::Rules;
use super::spool::Spool;
#[cfg(feature = "store")]
use super::store::{Inbox, Upload};
use super::target::{Order, Target};
use super::template::Known;
#[cfg(feature = "store")]
use crate::receipt::Origin;
use crate::report::Problem;
use crate::settings::Settings;
use crate::spec::What;

/// A place that takes a file.
#[derive(Debug)]
pub(crate) struct Delivery {
    sink: Kind,
    skipped: Arc<OnceLock<PathBuf>>,
}

#[derive(Debug)]
enum Kind {
    File(Box<FileSink>),
    #[cfg(feature = "store")]
    Object(Box<Inbox>),
    Stdout(Spool),
}

/// A place that was looked at.
#[derive(Debug)]
pub(crate) enum Opened<S> {
    /// It takes the file.
    Sink(S),
    /// There is a file, and it is to be left.
    Skip(PathBuf),
}

/// Where a file is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    File(PathBuf),
    Stdout,
}

impl Delivery {
    /// Looks at the place, before anything is sent.
    #[cfg_attr(
        not(feature = "store"),
        expect(unused_variables, clippy::unused_async, reason = "a disk answers at once")
    )]
    pub(crate) async fn open(
        order: &Order,
        what: &What,
        claims: &Claims,
        settings: &Settings,
    ) -> Result<Opened<Self>, Problem> {
        let skipped = Arc::new(OnceLock::new());
        let rules = Rules {
            if_exists: order.if_exists,
            claims: claims.clone(),
            skipped: Arc::clone(&skipped),
        };
        let opened = match order.target()? {
            Target::Stdout => {
                return Ok(Opened::Sink(Self { sink: Kind::Stdout(Spool::default()), skipped }));
            }
            #[cfg(feature = "store")]
            Target::Object(address) => {
                return Ok(match Inbox::open(address, order, claims, settings).await? {
                    Opened::Sink(inbox) => {
                        Opened::Sink(Self { sink: Kind::Object(Box::new(inbox)), skipped })
                    }
                    Opened::Skip(url) => Opened::Skip(url),
                });
            }
            Target::File(path) => rules.open_file(&path)?,
            Target::Folder(folder) => {
                let named = folder.clone();
                rules.open_chosen(&folder, move |artifact| named.join(artifact.file_name()))?
            }
            Target::Template(template) => {
                let folder = template.known_folder(&Known { what, at: order.at });
                std::fs::create_dir_all(&folder).map_err(|error| {
                    Problem::local(format!("cannot make the folder {}", folder.display()), &error)
                })?;
                let (what, at) = (what.clone(), order.at);
                rules.open_chosen(&folder, move |artifact| {
                    template.path(&Known { what: &what, at }, artifact)
                })?
            }
        };
        Ok(match opened {
            Opened::Sink(sink) => Opened::Sink(Self { sink: Kind::File(Box::new(sink)), skipped }),
            Opened::Skip(path) => Opened::Skip(path),
        })
    }

    /// Learns of the job, if one is kept: a file that is to go further waits in its folder.
    #[cfg(feature = "store")]
    pub(crate) fn settle(&mut self, job: Option<&Path>, origin: &Origin) -> Result<(), Problem> {
        match &mut self.sink {
            Kind::Object(inbox) => inbox.settle(job, origin.clone()),
            Kind::File(_) | Kind::Stdout(_) => Ok(()),
        }
    }

    /// Whether the file is to go further, and needs a folder to wait in.
    #[cfg(feature = "store")]
    pub(crate) const fn waits_here(&self) -> bool {
        matches!(self.sink, Kind::Object(_))
    }

    /// What is left to do once the file has arrived here, if it is to go further.
    #[cfg(feature = "store")]
    pub(crate) fn upload(&mut self) -> Option<Upload> {
        match &mut self.sink {
            Kind::Object(inbox) => inbox.upload(),
            Kind::File(_) | Kind::Stdout(_) => None,
        }
    }

    /// The file because of which this one was left out, if that is how it ended.
    pub(crate) fn skipped(&self) -> Option<PathBuf> {
        self.skipped.get().cloned()
    }

    /// Removes what has arrived so far: nobody will go on with it.
    pub(crate) async fn discard(&mut self) {
        // It is hidden, and in nobody's way.
        let _ = match &mut self.sink {
            Kind::File(sink) => sink.discard().await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.discard().await,
            Kind::Stdout(_) => Ok(()),
        };
    }

    /// Where the file is, once it is complete.
    pub(crate) fn delivered(&self) -> Option<Delivered> {
        match &self.sink {
            Kind::File(sink) => sink.finished().map(|path| Delivered::File(path.into())),
            #[cfg(feature = "store")]
            Kind::Object(_) => None,
            Kind::Stdout(_) => Some(Delivered::Stdout),
        }
    }
}

impl Sink for Delivery {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        match &mut self.sink {
            Kind::File(sink) => sink.have(operation).await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.have(operation).await,
            Kind::Stdout(sink) => sink.have(operation).await,
        }
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.begin(artifact, offset).await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.begin(artifact, offset).await,
            Kind::Stdout(sink) => sink.begin(artifact, offset).await,
        }
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.write(chunk).await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.write(chunk).await,
            Kind::Stdout(sink) => sink.write(chunk).await,
        }
    }

    async fn sync(&mut self) -> io::Result<u64> {
        match &mut self.sink {
            Kind::File(sink) => sink.sync().await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.sync().await,
            Kind::Stdout(sink) => sink.sync().await,
        }
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.finish(artifact).await,
            #[cfg(feature = "store")]
            Kind::Object(inbox) => inbox.finish(artifact).await,
            Kind::Stdout(sink) => sink.finish(artifact).await,
        }
    }
}
