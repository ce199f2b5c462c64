//! Constructors of [`ExportJob`] with this dialect.

use alloc::sync::Arc;

use super::dialect::{NAME, Workiva};
use super::saved::Saved;
use super::spec::{ExportSpec, SpecError};
use crate::config::Config;
use crate::job::{Checkpoint, ExportJob, ResumeError};
use crate::url::UrlError;

impl ExportJob {
    /// A job for the export that `spec` describes.
    ///
    /// # Errors
    ///
    /// Fails if the service would certainly refuse the export. The error names the field.
    ///
    /// ```
    /// use export_core::workiva::{DocumentExport, ExportSpec, Region};
    /// use export_core::{Config, ExportJob, Phase};
    ///
    /// let spec = ExportSpec::document("d1", DocumentExport::pdf());
    /// let job = ExportJob::new(spec, &Config::for_region(Region::Us))?;
    /// assert_eq!(job.phase(), Phase::Submit);
    /// # Ok::<(), export_core::workiva::SpecError>(())
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a spec is used for one job")]
    pub fn new(spec: ExportSpec, config: &Config) -> Result<Self, SpecError> {
        Ok(Self::with_dialect(Arc::new(Workiva::new(&spec, config)?), config))
    }

    /// What the job exports, also after it was resumed. `None` for an operation that was started
    /// elsewhere, and in another dialect.
    #[must_use]
    pub fn spec(&self) -> Option<ExportSpec> {
        let dialect = self.dialect();
        let saved = (dialect.name() == NAME).then(|| dialect.save())?;
        let submit = Saved::parse(&saved).ok()?.submit?;
        ExportSpec::from_body(&submit.path, submit.body.get()).ok()
    }

    /// A job for an operation that already exists. `operation` is its id or its URL.
    ///
    /// # Errors
    ///
    /// Fails if `operation` is empty, or a URL whose origin may not have the token.
    ///
    /// ```
    /// use export_core::origins::UrlError;
    /// use export_core::workiva::Region;
    /// use export_core::{Config, ExportJob};
    ///
    /// let config = Config::for_region(Region::Us);
    /// let job = ExportJob::attach("op-1", &config)?;
    /// assert_eq!(job.operation().unwrap().path(), "/platform/v1/operations/op-1");
    /// assert_eq!(
    ///     ExportJob::attach("https://other.example/operations/1", &config).unwrap_err(),
    ///     UrlError::Origin
    /// );
    /// # Ok::<(), UrlError>(())
    /// ```
    pub fn attach(operation: &str, config: &Config) -> Result<Self, UrlError> {
        Self::attach_as(Workiva::attached(config), operation, config)
    }

    /// Like [`attach`](Self::attach), and the file has to be of a [format](Workiva::expecting).
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub fn attach_expecting(
        operation: &str,
        format: &str,
        config: &Config,
    ) -> Result<Self, UrlError> {
        Self::attach_as(Workiva::attached(config).expecting(format), operation, config)
    }

    fn attach_as(workiva: Workiva, operation: &str, config: &Config) -> Result<Self, UrlError> {
        let url = workiva.operation_url(operation).map_err(|_| UrlError::Syntax)?;
        Self::attach_with(Arc::new(workiva), &url, config)
    }

    /// Continues a job from a checkpoint. A job that was killed has the rest of its time; one that has
    /// ended, or has used it up, begins again with all of it. Failures are counted anew. The API version
    /// is that of the checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the checkpoint belongs to another service or another dialect, or if a newer release
    /// wrote it.
    #[expect(clippy::needless_pass_by_value, reason = "a checkpoint is resumed once")]
    pub fn resume(saved: Checkpoint, config: &Config) -> Result<Self, ResumeError> {
        saved.check(NAME, config)?;
        let workiva = Workiva::restore(saved.spec(), config)
            .map_err(|error| ResumeError::Spec(alloc::format!("{error}")))?;
        Self::resume_with(Arc::new(workiva), &saved, config)
    }
}
