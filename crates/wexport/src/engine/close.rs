//! The end of an export: its file, its receipt, its upload, and its record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use export_hyper::{Artifact, ExportError, Finished};
use tokio::task::spawn_blocking;

use super::context::RunContext;
use super::recording_sink::RecordingSink;
use super::systemic::is_systemic;
use crate::event::Event;
use crate::explain::explain;
use crate::output::{OpenFailure, OutputSink};
#[cfg(feature = "store")]
use crate::output::{Upload, UploadEnd};
use crate::problem::{Exit, Problem};
use crate::receipt::Receipt;
use crate::state::{Later, Row, RowEnd, RunStore, write};
use crate::text::redact;

/// The result of closing an export.
#[derive(Debug)]
pub(super) enum Closed {
    /// Its end is recorded.
    Ended(RowEnd),
    /// Its end is recorded, and reported.
    Failed {
        problem: Problem,
        /// Whether the failure affects every export.
        is_systemic: bool,
    },
    /// Its end is reported, but could not be recorded for this reason.
    Unrecorded(Problem, Box<Self>),
    /// The program was stopped before its upload was complete.
    #[cfg(feature = "store")]
    Stopped,
}

impl Closed {
    fn recorded_if(self, concluded: Result<(), Problem>) -> Self {
        match concluded {
            Ok(()) => self,
            Err(problem) => Self::Unrecorded(problem, Box::new(self)),
        }
    }
}

impl RunContext {
    /// Closes an export whose job has ended.
    pub(super) async fn close(
        self: Arc<Self>,
        finished: Finished<RecordingSink>,
    ) -> Result<Closed, Problem> {
        let (row, sink) = finished.sink.map(RecordingSink::into_parts).unzip();
        let row = match (row, &finished.outcome) {
            (Some(row), Ok(_)) => row,
            // Its checkpoint says what was sent.
            _ => self.row(finished.key).await?,
        };
        match finished.outcome {
            Ok(artifact) => self.deliver(row, &artifact, sink).await,
            Err(error) => Ok(self.fail_job(row, &error, sink).await),
        }
    }

    async fn deliver(
        &self,
        row: Row,
        artifact: &Artifact,
        sink: Option<OutputSink>,
    ) -> Result<Closed, Problem> {
        let file = sink.as_ref().and_then(OutputSink::file);
        let path = sink.as_ref().and_then(OutputSink::path).map(Path::to_owned);
        #[cfg(feature = "store")]
        if file.is_none()
            && let Some(upload) = sink.and_then(OutputSink::into_upload)
        {
            return Ok(self.upload(row, upload).await);
        }
        let file =
            file.ok_or_else(|| Problem::new(Exit::Local, "a download ended without a file"))?;
        let bytes = artifact.length().unwrap_or_default();
        let receipt = Receipt::without_digest(bytes, artifact, self.origin(&row));
        Ok(self.deliver_file(row, file, path, receipt).await)
    }

    /// Concludes an export whose file is in place. `path` is that of a file on this machine.
    pub(super) async fn deliver_file(
        &self,
        row: Row,
        file: String,
        path: Option<PathBuf>,
        receipt: Receipt,
    ) -> Closed {
        let event = done(&file, &receipt);
        let receipt = match self.make_receipt(&row, receipt, path).await {
            Ok(receipt) => receipt,
            Err(error) => {
                let problem =
                    Problem::local(format!("{file} is complete, but not its receipt"), &error);
                return self.fail(row, problem, false).await;
            }
        };
        self.done(row, event, RowEnd::Done { file, receipt }).await
    }

    /// The receipt of a file. It reads the whole file, so a single export gets one only on request, or
    /// if it has a key.
    async fn make_receipt(
        &self,
        row: &Row,
        receipt: Receipt,
        file: Option<PathBuf>,
    ) -> io::Result<Option<Box<Receipt>>> {
        let write_beside = row.destination.receipt;
        // A run that is continued checks its files.
        let is_recorded = self.store.is_batch() || self.description.options.key.is_some();
        let Some(file) = file.filter(|_| write_beside || is_recorded) else {
            return Ok(None);
        };
        let made = spawn_blocking(move || {
            let receipt = receipt.with_file(&file)?;
            if write_beside {
                receipt.write_beside(&file)?;
            }
            Ok(Some(Box::new(receipt)))
        });
        made.await.map_err(io::Error::other)?
    }

    async fn fail_job(&self, row: Row, error: &ExportError, sink: Option<OutputSink>) -> Closed {
        match OpenFailure::find(error) {
            Some(OpenFailure::Skipped(file)) => return self.skip(row, file).await,
            Some(OpenFailure::Problem(problem)) => return self.fail(row, problem, false).await,
            None => {}
        }
        if let (None, Some(mut sink)) = (error.checkpoint(), sink) {
            sink.discard().await;
        }
        let operation = error.checkpoint().and_then(|checkpoint| checkpoint.operation());
        let operation = operation.or_else(|| row.checkpoint.operation()).map(redact);
        let is_kept = self.keep_operation(&row, error).await;
        let mut problem = explain(error, &self.explain_context(&row, operation.clone()));
        if let (false, Some(operation)) = (is_kept, &operation) {
            let fetch = format!("wexport fetch {operation}");
            problem.retry = Some(format!("only with {fetch}: the operation could not be recorded"));
            if self.store.is_batch() {
                self.reporter.warn(format!(
                    "row {}: its operation could not be recorded: get its file with `{fetch}`",
                    row.number
                ));
            }
        }
        let is_systemic = error.job().is_some_and(is_systemic);
        self.fail(row, problem, is_systemic).await
    }

    /// Records the operation of an export that was accepted, if that failed before. False if it
    /// fails again: a resumed run would ask for the export once more.
    async fn keep_operation(&self, row: &Row, error: &ExportError) -> bool {
        let checkpoint = error.checkpoint().filter(|checkpoint| checkpoint.operation().is_some());
        let (Some(checkpoint), None) = (checkpoint.cloned(), row.checkpoint.operation()) else {
            return true;
        };
        let number = row.number;
        let store = move |store: &dyn RunStore| store.store_checkpoint(number, &checkpoint);
        write(&self.store, store).await.is_ok()
    }

    /// Uploads a file, until the upload is complete or the program is stopped.
    #[cfg(feature = "store")]
    pub(super) async fn upload(&self, row: Row, mut upload: Upload) -> Closed {
        let (number, length) = (row.number, upload.receipt().bytes);
        self.reporter.export_event(number, Event::Uploading { url: upload.url(), length });
        let reporter = Arc::clone(&self.reporter);
        let on_progress = move |bytes| reporter.progress(number, bytes, Some(length));
        let mut stopped = self.is_stopped.subscribe();
        let ended = tokio::select! {
            biased;
            _ = stopped.wait_for(|is_stopped| *is_stopped) => None,
            ended = upload.upload(&on_progress) => Some(ended),
        };
        match ended {
            Some(Ok(UploadEnd::Uploaded(file))) => {
                let receipt = upload.receipt().clone();
                let event = done(&file, &receipt);
                let end = RowEnd::Done { file, receipt: Some(Box::new(receipt)) };
                let closed = self.done(row, event, end).await;
                self.clear(&upload, &closed);
                closed
            }
            Some(Ok(UploadEnd::Skipped(url))) => {
                let closed = self.skip(row, url).await;
                self.clear(&upload, &closed);
                closed
            }
            Some(Err(mut problem)) => {
                let receipt = upload.receipt();
                problem.facts.operation = Some(receipt.operation.clone());
                problem.facts.original_request.clone_from(&receipt.original_request);
                problem.retry = Some(match self.resume_command() {
                    Some(resume) => format!("yes, only the upload: {resume}"),
                    None => "yes: wexport fetch with the operation above".into(),
                });
                let is_systemic = matches!(problem.exit, Exit::Unauthorized | Exit::Network);
                self.fail(row, problem, is_systemic).await
            }
            None => {
                if upload.has_started() {
                    let what = "aborting the upload; stop again to leave its parts in the store";
                    self.reporter.warn(what);
                }
                if let Err(leftover) = upload.abort().await {
                    let advice = leftover.advice.join("; ");
                    let of_row = match self.store.is_batch() {
                        true => format!("row {number}: "),
                        false => String::new(),
                    };
                    self.reporter.warn(format!("{of_row}{}: {advice}", leftover.message));
                }
                Closed::Stopped
            }
        }
    }

    /// Removes the file of an export whose end is recorded.
    #[cfg(feature = "store")]
    fn clear(&self, upload: &Upload, closed: &Closed) {
        if matches!(closed, Closed::Ended(_))
            && let Err(problem) = upload.clear()
        {
            self.reporter.warn(problem.message);
        }
    }

    async fn done(&self, row: Row, event: Event, end: RowEnd) -> Closed {
        let concluded = self.conclude(row.number, end.clone()).await;
        self.reporter.export_event(row.number, event);
        Closed::Ended(end).recorded_if(concluded)
    }

    pub(super) async fn skip(&self, row: Row, file: String) -> Closed {
        let end = RowEnd::Skipped { file: file.clone() };
        self.done(row, Event::Skipped { file }, end).await
    }

    /// Ends an export of a resumed batch that has a later one: it must not replace its file.
    pub(super) async fn leave(&self, row: Row, later: Later) -> Closed {
        let Later { id, file } = later;
        match file {
            Some(file) => {
                let message = format!("not resumed: it is superseded by {id}");
                self.reporter.export_event(row.number, Event::Warning { message });
                self.skip(row, file).await
            }
            None => {
                let message = format!("not resumed: {id} is later, has the same destination");
                let problem = Problem::new(Exit::GaveUp, message + ", and is not done")
                    .advise(format!("show the later one: wexport jobs show {id}"));
                self.fail(row, problem, false).await
            }
        }
    }

    pub(super) async fn fail(&self, row: Row, problem: Problem, is_systemic: bool) -> Closed {
        let error = Box::new((&problem).into());
        let concluded = self.conclude(row.number, RowEnd::Failed { error }).await;
        self.reporter.export_failed(row.number, &row.subject, &problem);
        Closed::Failed { problem, is_systemic }.recorded_if(concluded)
    }

    /// Records the end of an export: in the store, and then in the results.
    async fn conclude(&self, number: u64, end: RowEnd) -> Result<(), Problem> {
        let result = write(&self.store, move |store| store.conclude(number, &end)).await?;
        if let Some(results) = &self.results {
            results.append(&result);
        }
        Ok(())
    }
}

/// The event of a file that is complete.
pub(super) fn done(file: &str, receipt: &Receipt) -> Event {
    Event::Done {
        file: file.into(),
        bytes: receipt.bytes,
        media_type: receipt.media_type.clone(),
        operation: Some(receipt.operation.clone()),
        original_request: receipt.original_request.clone(),
        details: receipt.details.clone(),
    }
}
