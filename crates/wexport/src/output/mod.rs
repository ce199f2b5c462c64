//! Where files go: a file, a folder, a template, an object store or standard output.
//!
//! A destination is used twice. [`Outputs::check`] looks at it before anything is sent: whether it
//! can be written, and whether a file that exists ends the export before it begins, or is newer than
//! an export that is resumed.
//! [`Outputs::open`] makes the sink of the download. What appeared in between is found when the
//! file gets its name.

mod checks;
mod destination;
mod expected;
mod failure;
mod file;
mod moment;
mod newer;
mod real_path;
mod reserved_names;
mod sink;
mod stdout;
#[cfg(feature = "store")]
mod store;
mod template;

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use export_host::{name_room, shortened_name};

use self::checks::FileChecks;
use self::destination::Target;
pub(crate) use self::destination::{Destination, display_path};
pub(crate) use self::expected::Expected;
#[cfg(feature = "postgres")]
pub(crate) use self::expected::format_extension;
pub(crate) use self::failure::OpenFailure;
use self::file::FileOutput;
pub(crate) use self::moment::Moment;
#[cfg(feature = "demo")]
pub(crate) use self::newer::Earlier;
use self::newer::NewerGuard;
pub(crate) use self::real_path::real_path;
pub(crate) use self::reserved_names::{Protected, ReservedNames};
pub(crate) use self::sink::OutputSink;
use self::stdout::StdoutSink;
#[cfg(all(feature = "postgres", feature = "store"))]
pub(crate) use self::store::SharedUpload;
#[cfg(feature = "store")]
use self::store::Stores;
#[cfg(feature = "store")]
pub(crate) use self::store::{PendingUpload, Upload, UploadDir, UploadEnd};
use self::template::Known;
pub(crate) use self::template::PLACEHOLDERS;
use crate::args::IfExistsArg;
use crate::problem::Problem;
#[cfg(feature = "store")]
use crate::receipt::Origin;
use crate::receipt::{self, Receipt};
use crate::settings::Settings;
use crate::subject::Subject;

/// What the outputs of a run share: the names that are taken, the folders that were checked, and the
/// clients of object stores.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    names: ReservedNames,
    checks: FileChecks,
    /// The command that resumes the run, if it keeps newer files.
    keeps_newer: Option<String>,
    #[cfg(feature = "store")]
    stores: Arc<Stores>,
    stdout: StdoutSink,
}

impl Outputs {
    /// The outputs of a run, which replace no file that it reads.
    pub(crate) fn new(settings: &Arc<Settings>) -> Self {
        let names = ReservedNames::default();
        for (what, path) in settings.input_files() {
            names.protect(path, &Protected::Input(what));
        }
        Self {
            names,
            checks: FileChecks::default(),
            keeps_newer: None,
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

    /// Replaces no file that is newer than its export. `resume` is the command of the run, which
    /// problems name.
    pub(crate) fn keeping_newer(self, resume: String) -> Self {
        Self { keeps_newer: Some(resume), ..self }
    }

    fn guard(&self, destination: &Destination, subject: &Subject) -> Option<NewerGuard> {
        let resume = self.keeps_newer.clone()?;
        // The other rules replace nothing.
        (destination.if_exists == IfExistsArg::Replace).then(|| NewerGuard {
            began: destination.moment.at,
            earlier: (destination.known_path(subject), destination.earlier),
            resume,
        })
    }

    /// Calls `warn` once for each thing that a file system cannot do.
    pub(crate) fn with_warnings(self, warn: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { checks: self.checks.with_warnings(warn), ..self }
    }

    /// Protects the file that a request body was read from.
    pub(crate) fn protect_body(&self, file: Option<&Path>) {
        if let Some(path) = file {
            self.names.protect(path, &Protected::Input("the file of --body".into()));
        }
    }

    /// Fails if the file of an export or its receipt would replace a file that the run reads, or
    /// its results.
    pub(crate) fn check_protected(
        &self,
        destination: &Destination,
        subject: &Subject,
    ) -> Result<(), Problem> {
        let path = destination.target()?.known_path(subject);
        path.map_or(Ok(()), |path| {
            let found = fs::symlink_metadata(&path).ok();
            self.check_path(&path, found.as_ref(), destination.receipt)
        })
    }

    /// The same, for a path with what is there, and for that of its receipt, if it gets one.
    fn check_path(
        &self,
        path: &Path,
        found: Option<&Metadata>,
        receipt: bool,
    ) -> Result<(), Problem> {
        if let Some(protected) = self.names.protected(path, found) {
            return Err(refused(&protected, path, "the file"));
        }
        if !receipt {
            return Ok(());
        }
        let receipt = receipt::path_for(path);
        let found = fs::symlink_metadata(&receipt).ok();
        let protected = self.names.protected(&receipt, found.as_ref());
        protected.map_or(Ok(()), |protected| Err(refused(&protected, &receipt, "the receipt")))
    }

    /// Checks a destination before anything is sent, and reserves its name if it is known. Returns
    /// the file that exists and is to be kept, if there is one. `extension` is that of the format
    /// which the file will have, if it is known.
    pub(crate) async fn check(
        &self,
        export: u64,
        destination: &Destination,
        subject: &Subject,
        expected: &Expected,
    ) -> Result<Option<String>, Problem> {
        let target = destination.target()?;
        let known_path = target.known_path(subject);
        let mut is_missing = false;
        if let Some(path) = &known_path {
            // Looked up once, since a batch may have a million paths.
            let found = fs::symlink_metadata(path);
            self.check_path(path, found.as_ref().ok(), destination.receipt)?;
            is_missing = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        }
        let (if_exists, extension) = (destination.if_exists, expected.extension.as_deref());
        let guard = self.guard(destination, subject);
        match target {
            Target::Stdout => self.stdout.check().await.map(|()| None),
            #[cfg(feature = "store")]
            Target::Object(address) => {
                let key = address.expected_key(&Known { subject }, extension);
                let operation = expected.operation.as_deref();
                // Most destinations are files, and many are checked at once.
                Box::pin(store::check(&self.stores, &address, key, operation, if_exists, guard))
                    .await
            }
            Target::File(path) => {
                let kept = file::check_existing(&path, if_exists)?;
                if kept.is_none() {
                    let path = self.names_for(export, destination).reserve_path(&path);
                    guard.map_or(Ok(()), |guard| guard.check_file(&path))?;
                    if let Some(folder) = path.parent() {
                        self.checks.make_folder(folder)?;
                    }
                    self.checks.check_file(&path, destination)?;
                }
                Ok(kept)
            }
            Target::Folder(folder) => {
                self.checks.make_folder(&folder)?;
                self.checks.check_folder(&folder).map(|()| None)
            }
            Target::Template(template) => {
                let known = Known { subject };
                // The other rules keep no file.
                let keeps = matches!(if_exists, IfExistsArg::Skip | IfExistsArg::Error);
                if keeps
                    && let Some(path) = template.expected_path(&known, extension)
                    && let Some(kept) = file::check_existing(&path, if_exists)?
                {
                    return Ok(Some(kept));
                }
                if let Some(path) = known_path {
                    if !(is_missing && self.checks.takes_new(&path, destination)) {
                        path.parent().map_or(Ok(()), |folder| self.checks.make_folder(folder))?;
                        guard.map_or(Ok(()), |guard| guard.check_file(&path))?;
                        self.checks.check_file(&path, destination)?;
                    }
                } else {
                    let folder = template.known_folder(&known);
                    self.checks.make_folder(&folder)?;
                    self.checks.check_folder(&folder)?;
                    template.check_length(&known, self.checks.name_room(&folder))?;
                }
                Ok(None)
            }
        }
    }

    /// Makes a folder for a file of the run, and those above it that are missing.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), Problem> {
        self.checks.make_folder(folder)
    }

    /// Removes the folders that were made, for a run that is refused before its first request.
    pub(crate) fn remove_made_folders(&self) {
        self.checks.remove_made_folders();
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
        #[cfg(feature = "store")] upload: impl FnOnce() -> io::Result<(UploadDir, Origin)>,
    ) -> Result<OutputSink, OpenFailure> {
        let (names, if_exists) = (self.names_for(export, destination), destination.if_exists);
        let (checks, guard) = (self.checks.clone(), self.guard(destination, subject));
        let sink = match destination.target()? {
            Target::Stdout => return Ok(OutputSink::Stdout(self.stdout.clone())),
            #[cfg(feature = "store")]
            Target::Object(address) => {
                let fail = |error: io::Error| {
                    Problem::local("cannot create a folder for the file to upload", &error)
                };
                let (dir, origin) = upload().map_err(fail)?;
                dir.create().map_err(fail)?;
                let bucket = self.stores.bucket(&address).await?;
                let sink = store::UploadSink::new(bucket, address, destination, names, dir, origin);
                let sink = sink.with_guard(guard);
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
                let known = Known { subject };
                if let Some(path) = template.known_path(&known) {
                    FileOutput::to_path(&path, if_exists, &names, checks)?
                } else {
                    let (folder, subject) = (template.known_folder(&known), subject.clone());
                    let room = name_room(&folder);
                    FileOutput::to_chosen(&folder, if_exists, names, checks, move |artifact| {
                        template.path(&Known { subject: &subject }, artifact, room)
                    })
                }
            }
        };
        Ok(OutputSink::File(Box::new(sink.with_guard(guard))))
    }

    /// Why an object is not the one that was uploaded; `None` if it is, or if that cannot be told.
    #[cfg(feature = "store")]
    pub(crate) async fn object_difference(
        &self,
        destination: &Destination,
        url: &str,
        receipt: Option<&Receipt>,
    ) -> Result<Option<String>, Problem> {
        let object = Destination { output: Some(url.into()), ..destination.clone() };
        let Target::Object(address) = object.target()? else { return Ok(None) };
        store::difference(&self.stores, &address, receipt).await
    }

    /// Without a store, an object cannot be looked at.
    #[cfg(not(feature = "store"))]
    #[expect(clippy::unused_async, reason = "a store has to be waited for")]
    pub(crate) async fn object_difference(
        &self,
        _destination: &Destination,
        _url: &str,
        _receipt: Option<&Receipt>,
    ) -> Result<Option<String>, Problem> {
        Ok(None)
    }

    fn names_for(&self, export: u64, destination: &Destination) -> ReservedNames {
        self.names.for_export(export).with_receipts(destination.receipt)
    }

    /// Resumes an upload that another process left.
    #[cfg(feature = "store")]
    pub(crate) async fn resume_upload(
        &self,
        export: u64,
        destination: &Destination,
        subject: &Subject,
        dir: UploadDir,
        pending: PendingUpload,
    ) -> Result<Upload, Problem> {
        let names = self.names.for_export(export);
        let guard = self.guard(destination, subject);
        let upload = Upload::resume(&self.stores, destination, names, dir, pending).await?;
        Ok(upload.with_guard(guard))
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

/// The problem of a file that an export would replace.
fn refused(protected: &Protected, path: &Path, of_export: &str) -> Problem {
    let path = display_path(path);
    match protected {
        Protected::Results => {
            Problem::usage(format!("--results {path} is {of_export} of this export"))
                .advise("name another file with --results")
        }
        Protected::Input(what) => {
            Problem::usage(format!("-o: {of_export} of this export, {path}, is {what}"))
                .advise("name another file with -o")
        }
    }
}
