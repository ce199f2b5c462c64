//! The sink of an export, which records a file before it gets its name.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use export_hyper::{Artifact, Sink};
use tokio::task::spawn_blocking;

use super::context::RunContext;
use crate::output::{OpenFailure, OutputSink};
use crate::receipt::Receipt;
use crate::state::{Placement, Row, RunStore, write};

/// Takes the file of an export. If the process is killed after the file was renamed, and before the
/// end of the export is on disk, the next run finds the file by what is recorded here.
#[derive(Debug)]
pub(super) struct RecordingSink {
    sink: OutputSink,
    context: Arc<RunContext>,
    row: Row,
}

impl RecordingSink {
    pub(super) const fn new(sink: OutputSink, context: Arc<RunContext>, row: Row) -> Self {
        Self { sink, context, row }
    }

    pub(super) fn into_parts(self) -> (Row, OutputSink) {
        (self.row, self.sink)
    }

    async fn look_again(&mut self) {
        let (number, earlier) = (self.row.number, self.row.destination.clone());
        let destination = earlier.clone().with_earlier(&self.row.subject);
        if destination != earlier {
            let store = move |store: &dyn RunStore| store.store_destination(number, &destination);
            let _ = self.context.with_store(store).await;
        }
    }

    async fn record(&mut self, artifact: &Artifact) -> io::Result<()> {
        // After this, the part is not changed.
        let Some((part, path)) = self.sink.sync_part().await? else { return Ok(()) };
        #[cfg(test)]
        crate::machine::set_modified(&part)?;
        let number = self.row.number;
        let bytes = artifact.length().unwrap_or_default();
        let receipt = Receipt::without_digest(bytes, artifact, self.context.origin(&self.row));
        let placement = spawn_blocking(move || Placement::new(part, path, receipt)).await;
        let placement = placement.map_err(io::Error::other)??;
        let store = move |store: &dyn RunStore| store.store_placement(number, &placement);
        write(&self.context.store, store).await
    }
}

impl Sink for RecordingSink {
    async fn have(&mut self, operation: &str) -> io::Result<u64> {
        self.sink.have(operation).await
    }

    async fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        self.sink.begin(artifact, offset).await
    }

    async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        #[cfg(test)]
        crate::machine::check_disk()?;
        self.sink.write(chunk).await
    }

    async fn sync(&mut self) -> io::Result<u64> {
        self.sink.sync().await
    }

    async fn finish(&mut self, artifact: &Artifact) -> io::Result<()> {
        // Without the record, a kill at this moment would cost a second download at most.
        let _ = self.record(artifact).await;
        let finished = self.sink.finish(artifact).await;
        if finished.as_ref().is_err_and(|error| OpenFailure::of(error).is_none()) {
            // A file that cannot be replaced may be overwritten in part: a resumed run must not
            // take it for one of somebody else.
            self.look_again().await;
        }
        finished
    }
}
