//! Where files go: a file, a folder, a template, an object store or standard output.
//!
//! A destination is used twice. [`Outputs::check`] looks at it before anything is sent: whether it
//! can be written, and whether a file that exists ends the export before it begins.
//! [`Outputs::open`] makes the sink of the download. What appeared in between is found when the
//! file gets its name.

mod checks;
mod destination;
mod failure;
mod file;
mod reserved_names;
mod sink;
mod stdout;
#[cfg(feature = "store")]
mod store;
mod template;

use std::sync::Arc;

use export_host::{name_room, shortened_name};

use self::checks::FileChecks;
use self::destination::Target;
pub(crate) use self::destination::{Destination, display_path};
pub(crate) use self::failure::OpenFailure;
use self::file::FileOutput;
pub(crate) use self::reserved_names::ReservedNames;
pub(crate) use self::sink::OutputSink;
use self::stdout::StdoutSink;
#[cfg(feature = "store")]
use self::store::Stores;
#[cfg(feature = "store")]
pub(crate) use self::store::{PendingUpload, Upload, UploadDir, UploadEnd};
use self::template::Known;
pub(crate) use self::template::PLACEHOLDERS;
use crate::problem::Problem;
#[cfg(feature = "store")]
use crate::receipt::Origin;
use crate::settings::Settings;
use crate::subject::Subject;

/// What the outputs of a run share: the names that are taken, the folders that were checked, and the
/// clients of object stores.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    names: ReservedNames,
    checks: FileChecks,
    #[cfg(feature = "store")]
    stores: Arc<Stores>,
    stdout: StdoutSink,
}

impl Outputs {
    #[cfg_attr(not(feature = "store"), expect(unused_variables, reason = "only stores use them"))]
    pub(crate) fn new(settings: &Arc<Settings>) -> Self {
        Self {
            names: ReservedNames::default(),
            checks: FileChecks::default(),
            #[cfg(feature = "store")]
            stores: Arc::new(Stores::new(Arc::clone(settings))),
            stdout: StdoutSink::default(),
        }
    }

    /// The names that the files of the run have taken.
    pub(crate) const fn names(&self) -> &ReservedNames {
        &self.names
    }

    /// Calls `on_reserve` with each name that is taken from now on.
    pub(crate) fn with_observer(
        self,
        on_reserve: impl Fn(u64, &str) + Send + Sync + 'static,
    ) -> Self {
        Self { names: self.names.with_observer(on_reserve), ..self }
    }

    /// Calls `warn` once for each thing that a file system cannot do.
    pub(crate) fn with_warnings(self, warn: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { checks: self.checks.with_warnings(warn), ..self }
    }

    /// Checks a destination before anything is sent, and reserves its name if it is known. Returns
    /// the file that exists and is to be kept, if there is one.
    pub(crate) async fn check(
        &self,
        export: u64,
        destination: &Destination,
        subject: &Subject,
    ) -> Result<Option<String>, Problem> {
        let if_exists = destination.if_exists;
        match destination.target()? {
            Target::Stdout => self.stdout.check().await.map(|()| None),
            #[cfg(feature = "store")]
            Target::Object(address) => store::check(&self.stores, &address, if_exists).await,
            Target::File(path) => {
                let kept = file::check_existing(&path, if_exists)?;
                if kept.is_none() {
                    let path = self.names.for_export(export).reserve_path(&path);
                    self.checks.check_file(&path, destination)?;
                }
                Ok(kept)
            }
            Target::Folder(folder) => self.checks.check_folder(&folder).map(|()| None),
            Target::Template(template) => {
                let known = Known { subject, at: destination.at };
                let folder = template.known_folder(&known);
                std::fs::create_dir_all(&folder).map_err(|error| {
                    Problem::local(format!("cannot create {}", folder.display()), &error)
                })?;
                self.checks.check_folder(&folder)?;
                template.check_length(&known, name_room(&folder))?;
                if let Some(path) = template.known_path(&known) {
                    self.checks.check_file(&path, destination)?;
                }
                Ok(None)
            }
        }
    }

    /// Makes the sink of a download. `upload` has what a file that is uploaded needs.
    #[cfg_attr(
        not(feature = "store"),
        expect(clippy::unused_async, reason = "only a store has to be waited for")
    )]
    pub(crate) async fn open(
        &self,
        export: u64,
        destination: &Destination,
        subject: &Subject,
        #[cfg(feature = "store")] upload: impl FnOnce() -> std::io::Result<(UploadDir, Origin)>,
    ) -> Result<OutputSink, OpenFailure> {
        let (names, if_exists) = (self.names.for_export(export), destination.if_exists);
        let checks = self.checks.clone();
        let sink = match destination.target()? {
            Target::Stdout => return Ok(OutputSink::Stdout(self.stdout.clone())),
            #[cfg(feature = "store")]
            Target::Object(address) => {
                let fail = |error: std::io::Error| {
                    Problem::local("cannot create a folder for the file to upload", &error)
                };
                let (dir, origin) = upload().map_err(fail)?;
                dir.create().map_err(fail)?;
                let bucket = self.stores.bucket(&address).await?;
                let sink = store::UploadSink::new(bucket, address, destination, names, dir, origin);
                return Ok(OutputSink::Object(Box::new(sink)));
            }
            Target::File(path) => FileOutput::to_path(&path, if_exists, &names, checks)?,
            Target::Folder(folder) => {
                let parent = folder.clone();
                let room = name_room(&folder);
                let choose = move |artifact: &export_hyper::Artifact| {
                    parent.join(shortened_name(artifact.file_name(), room))
                };
                FileOutput::to_chosen(&folder, if_exists, names, checks, choose)
            }
            Target::Template(template) => {
                let at = destination.at;
                let known = Known { subject, at };
                if let Some(path) = template.known_path(&known) {
                    FileOutput::to_path(&path, if_exists, &names, checks)?
                } else {
                    let (folder, subject) = (template.known_folder(&known), subject.clone());
                    let room = name_room(&folder);
                    FileOutput::to_chosen(&folder, if_exists, names, checks, move |artifact| {
                        template.path(&Known { subject: &subject, at }, artifact, room)
                    })
                }
            }
        };
        Ok(OutputSink::File(Box::new(sink)))
    }

    /// Resumes an upload that another process left.
    #[cfg(feature = "store")]
    pub(crate) async fn resume_upload(
        &self,
        export: u64,
        destination: &Destination,
        dir: UploadDir,
        pending: PendingUpload,
    ) -> Result<Upload, Problem> {
        let names = self.names.for_export(export);
        Upload::resume(&self.stores, destination, names, dir, pending).await
    }

    /// Aborts the multipart upload of an export that is removed.
    #[cfg(feature = "store")]
    pub(crate) async fn abort_upload(
        &self,
        destination: &Destination,
        dir: &UploadDir,
    ) -> Result<(), Problem> {
        store::abort_upload(dir, destination, &self.stores).await
    }
}
