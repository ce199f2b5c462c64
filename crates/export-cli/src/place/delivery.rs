//! One file on its way to its place: the seam between the download and all kinds of places.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use export_hyper::{Artifact, FileSink, Sink};

use super::claims::Claims;
use super::file::Rules;
use super::spool::Spool;
use super::target::{Order, Target};
use super::template::Known;
use crate::report::Problem;
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
    pub(crate) fn open(
        order: &Order,
        what: &What,
        claims: &Claims,
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

    /// The file because of which this one was left out, if that is how it ended.
    pub(crate) fn skipped(&self) -> Option<PathBuf> {
        self.skipped.get().cloned()
    }

    /// Removes what has arrived so far: nobody will go on with it.
    pub(crate) async fn discard(&mut self) {
        if let Kind::File(sink) = &mut self.sink {
            // It is hidden, and in nobody's way.
            let _ = sink.discard().await;
        }
    }

    /// Where the file is, once it is complete.
    pub(crate) fn delivered(&self) -> Option<Delivered> {
        match &self.sink {
            Kind::File(sink) => sink.finished().map(|path| Delivered::File(path.into())),
            Kind::Stdout(_) => Some(Delivered::Stdout),
        }
    }
}

impl Sink for Delivery {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        match &mut self.sink {
            Kind::File(sink) => sink.have(operation).await,
            Kind::Stdout(sink) => sink.have(operation).await,
        }
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.begin(artifact, offset).await,
            Kind::Stdout(sink) => sink.begin(artifact, offset).await,
        }
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.write(chunk).await,
            Kind::Stdout(sink) => sink.write(chunk).await,
        }
    }

    async fn sync(&mut self) -> io::Result<u64> {
        match &mut self.sink {
            Kind::File(sink) => sink.sync().await,
            Kind::Stdout(sink) => sink.sync().await,
        }
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        match &mut self.sink {
            Kind::File(sink) => sink.finish(artifact).await,
            Kind::Stdout(sink) => sink.finish(artifact).await,
        }
    }
}
