//! One export of a batch, from the end of its job to the line in the book.

use std::io;
use std::path::Path;
use std::sync::Arc;

use export_hyper::{Artifact, ExportError, Finished};
use tokio::task::spawn_blocking;

use super::common::{Aside, Common};
use super::verdict::befalls_all;
#[cfg(feature = "store")]
use crate::place::{Arrived, Upload};
use crate::place::{Delivered, Delivery};
use crate::receipt::{self, Receipt};
use crate::report::{Exit, Problem, explain};
use crate::show::Happening;
use crate::state::{Row, RowEnd};

/// What became of an export.
#[derive(Debug)]
pub(super) enum Closed {
    /// It is in the book.
    Done,
    Failed {
        /// Why, if it is nothing that this export alone has to do with.
        for_all: Option<Exit>,
    },
    /// Somebody has stopped the program before it was over.
    #[cfg(feature = "store")]
    Open,
}

impl Common {
    /// Takes an export whose job is over to its end.
    pub(super) async fn close(
        self: Arc<Self>,
        finished: Finished<Delivery>,
    ) -> Result<Closed, Problem> {
        let row = self.row(finished.key).await?;
        let Finished { outcome, sink, .. } = finished;
        match (outcome, sink) {
            (Ok(artifact), Some(delivery)) => self.deliver(row, &artifact, delivery).await,
            (Ok(_), None) => Err(Problem::new(Exit::Local, "a file has come without a place")),
            (Err(error), sink) => self.give_up(row, &error, sink).await,
        }
    }

    async fn deliver(
        self: Arc<Self>,
        row: Row,
        artifact: &Artifact,
        #[cfg_attr(not(feature = "store"), expect(unused_mut, reason = "nothing goes further"))]
        mut delivery: Delivery,
    ) -> Result<Closed, Problem> {
        #[cfg(feature = "store")]
        if let Some(upload) = delivery.upload() {
            return self.bring(row, upload).await;
        }
        let Some(Delivered::File(path)) = delivery.delivered() else {
            return Err(Problem::new(Exit::Local, "a file has come without a place"));
        };
        let (origin, artifact, beside) = (self.origin(&row), artifact.clone(), row.place.receipt);
        let file = path.clone();
        let taken = spawn_blocking(move || {
            let receipt = Receipt::of_file(&file, &artifact, origin)?;
            if beside {
                receipt::put_beside(&file, &receipt)?;
            }
            Ok(receipt)
        });
        match taken.await.map_err(io::Error::other).and_then(|taken: io::Result<_>| taken) {
            Ok(receipt) => self.done(row, path.display().to_string(), receipt).await,
            Err(error) => {
                let what = format!("{} is there, but not its receipt", path.display());
                self.fail(row, Problem::local(what, &error), None).await
            }
        }
    }

    async fn give_up(
        self: Arc<Self>,
        row: Row,
        error: &ExportError,
        sink: Option<Delivery>,
    ) -> Result<Closed, Problem> {
        let skipped = sink.as_ref().and_then(Delivery::skipped);
        match (skipped, self.aside(row.number)) {
            (Some(path), _) | (None, Some(Aside::Skipped(path))) => {
                return self.skip(row, &path).await;
            }
            (None, Some(Aside::Problem(problem))) => return self.fail(row, problem, None).await,
            (None, None) => {}
        }
        if let (None, Some(mut delivery)) = (error.checkpoint(), sink) {
            delivery.discard().await;
        }
        let operation = error.checkpoint().and_then(|checkpoint| checkpoint.operation());
        let operation = operation.or_else(|| row.checkpoint.operation()).map(String::from);
        let problem = explain(error, &self.context(&row, operation));
        let for_all = error.job().is_some_and(befalls_all).then_some(problem.exit);
        self.fail(row, problem, for_all).await
    }

    /// Uploads a file that is here, until it is there or somebody stops the program.
    #[cfg(feature = "store")]
    pub(super) async fn bring(
        self: Arc<Self>,
        row: Row,
        mut upload: Upload,
    ) -> Result<Closed, Problem> {
        let (number, length) = (row.number, upload.receipt().bytes);
        self.watcher.tell_row(number, Happening::Uploading { url: upload.url(), length });
        let watcher = Arc::clone(&self.watcher);
        let sent = move |bytes| watcher.progress(number, bytes, Some(length));
        let mut stopped = self.is_stopped.subscribe();
        let brought = tokio::select! {
            biased;
            _ = stopped.wait_for(|is_stopped| *is_stopped) => None,
            brought = upload.bring(&sent) => Some(brought),
        };
        match brought {
            Some(Ok(Arrived::There(url))) => {
                let receipt = upload.receipt().clone();
                // It is empty, unless somebody has put something there.
                let _ = std::fs::remove_dir(self.book.batch().spool(number));
                self.done(row, url, receipt).await
            }
            Some(Ok(Arrived::Left(url))) => self.skip(row, Path::new(&url)).await,
            Some(Err(problem)) => {
                let exit = problem.exit;
                let for_all = matches!(exit, Exit::Unauthorized | Exit::Network).then_some(exit);
                self.fail(row, problem, for_all).await
            }
            None => {
                if let Err(left) = upload.take_back().await {
                    let advice = left.advice.join("; ");
                    self.watcher.warn(format!("row {number}: {}: {advice}", left.what));
                }
                Ok(Closed::Open)
            }
        }
    }

    async fn done(
        self: Arc<Self>,
        row: Row,
        file: String,
        receipt: Receipt,
    ) -> Result<Closed, Problem> {
        let happening = Happening::Done {
            file: file.clone(),
            bytes: receipt.bytes,
            media_type: receipt.media_type.clone(),
            operation: Some(receipt.operation.clone()),
            original_request: receipt.original_request.clone(),
        };
        let end = RowEnd::Done { file, receipt: Some(Box::new(receipt)) };
        self.write_down(row.number, end).await?;
        self.watcher.tell_row(row.number, happening);
        Ok(Closed::Done)
    }

    pub(super) async fn skip(self: Arc<Self>, row: Row, path: &Path) -> Result<Closed, Problem> {
        let file = path.display().to_string();
        self.write_down(row.number, RowEnd::Skipped { file: file.clone() }).await?;
        self.watcher.tell_row(row.number, Happening::Skipped { file });
        Ok(Closed::Done)
    }

    pub(super) async fn fail(
        self: Arc<Self>,
        row: Row,
        problem: Problem,
        for_all: Option<Exit>,
    ) -> Result<Closed, Problem> {
        let error = Box::new((&problem).into());
        self.write_down(row.number, RowEnd::Failed { error }).await?;
        self.watcher.failed_row(row.number, &row.what, &problem);
        Ok(Closed::Failed { for_all })
    }

    /// Keeps how an export ended: in the book, and then for scripts.
    async fn write_down(self: &Arc<Self>, number: u64, end: RowEnd) -> Result<(), Problem> {
        let common = Arc::clone(self);
        self.with_book(move |book| {
            let result = book.conclude(number, &end).map_err(Problem::from)?;
            if let Some(Err(error)) = common.results.as_ref().map(|results| results.add(&result)) {
                common.watcher.warn(format!("the results are not complete: {error}"));
            }
            Ok::<_, Problem>(())
        })
        .await
    }
}
