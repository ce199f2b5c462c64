//! From a plan to a run that is stored, and whose destinations were checked. Nothing is sent yet.

use std::collections::BTreeMap;
use std::mem::take;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread;

use export_hyper::Timestamp;

use super::context::{RunContext, resume_command};
use super::continuing::{ContinuedBatch, ContinuedJob, Continuing};
#[cfg(feature = "postgres")]
use super::follow::Follower;
#[cfg(feature = "postgres")]
use super::in_database::{DatabaseBatch, open_batch};
use super::prepare::{DestinationChecks, restore_names};
use super::runner::Runner;
use super::shared_client::SharedClient;
use super::{AddExport, Plan, ReadExports, Start, protect_files};
use crate::clock;
use crate::output::Outputs;
use crate::problem::{Exit, Problem};
use crate::request::ListedExport;
use crate::settings::{LoadedCredentials, Settings};
use crate::state::{
    BatchDraft, Later, NameClaim, NewRow, Retention, RunDescription, RunOptions, RunStore,
    SingleRun, StateDir,
};
use crate::ui::Reporter;

/// Opens a run. The name of one that continues others is claimed until this is dropped.
pub(super) struct Opening<'a> {
    began: Timestamp,
    settings: Arc<Settings>,
    outputs: &'a Outputs,
    reporter: &'a Arc<Reporter>,
    /// The credentials, if they were read.
    loaded: Option<LoadedCredentials>,
    claim: Option<NameClaim>,
}

/// What a plan has become.
pub(super) enum Prepared {
    /// The file of a single export exists, and is kept.
    Kept(String),
    Ready(Box<Runner>),
    /// Workers drive its exports.
    #[cfg(feature = "postgres")]
    WithWorkers(Box<Follower>),
}

/// The run of a plan, before it has a runner.
enum Opened {
    Kept(String),
    New(Arc<dyn RunStore>),
    /// One that is continued, without the exports that have a later one.
    Earlier(Arc<dyn RunStore>, BTreeMap<u64, Later>),
    #[cfg(feature = "postgres")]
    WithWorkers(Box<Follower>),
}

impl<'a> Opening<'a> {
    pub(super) fn new(
        settings: Arc<Settings>,
        outputs: &'a Outputs,
        reporter: &'a Arc<Reporter>,
    ) -> Self {
        Self { began: clock::now(), settings, outputs, reporter, loaded: None, claim: None }
    }

    pub(super) async fn prepare(&mut self, plan: Plan<'_>) -> Result<Prepared, Problem> {
        let runner = match self.open(plan).await? {
            Opened::Kept(file) => return Ok(Prepared::Kept(file)),
            #[cfg(feature = "postgres")]
            Opened::WithWorkers(follower) => return Ok(Prepared::WithWorkers(follower)),
            Opened::New(store) => self.begin(store)?,
            Opened::Earlier(store, later) => self.go_on(store, later)?,
        };
        Ok(Prepared::Ready(Box::new(runner)))
    }

    async fn open(&mut self, plan: Plan<'_>) -> Result<Opened, Problem> {
        match plan {
            Plan::Single(export, options) => self.single(*export, options).await,
            Plan::Batch { read, source, options, start } => {
                let description = self.description(Some(source), options);
                #[cfg(feature = "postgres")]
                if self.settings.database.is_some() {
                    return self.batch_in_database(read, start, description).await;
                }
                self.batch(read, start, description).await
            }
        }
    }

    /// Stores a single export, unless its file exists and is kept.
    async fn single(
        &mut self,
        export: ListedExport,
        options: RunOptions,
    ) -> Result<Opened, Problem> {
        #[cfg(feature = "postgres")]
        if let Some(database) = &self.settings.database {
            return Err(Problem::usage(format!(
                "a single export cannot keep its state in a database ({})",
                database.source
            ))
            .advise("use a folder: --state DIR; or `wexport batch` with a list of one"));
        }
        self.outputs.protect_body(export.request.body_file.as_deref());
        let row = NewRow::from(export);
        let mut description = self.description(None, options);
        if description.options.key.is_some() {
            let state = self.state()?;
            self.claim_name(state.as_ref(), &mut description)?;
            match self.continuing(state.as_ref(), &description).job(&row).await? {
                ContinuedJob::Done(file) => return Ok(Opened::Kept(file)),
                ContinuedJob::Earlier(store) => {
                    return Ok(Opened::Earlier(Arc::new(*store), BTreeMap::new()));
                }
                ContinuedJob::New => {}
            }
        }
        let checks = DestinationChecks::new(self.outputs, &self.settings);
        let NewRow { destination, subject, fresh, .. } = &row;
        if let Some(file) = checks.check(1, destination, subject, fresh).await? {
            // Nothing is stored: a nightly job would leave a folder each night.
            return Ok(Opened::Kept(file));
        }
        let run = match self.state()? {
            Some(state) => state.create_job(row, description)?,
            None => SingleRun::in_memory(row, description),
        };
        Ok(Opened::New(Arc::new(run)))
    }

    /// Stores a batch in the state folder.
    async fn batch(
        &mut self,
        read: ReadExports<'_>,
        start: Start,
        mut description: RunDescription,
    ) -> Result<Opened, Problem> {
        let state = self.state()?.ok_or_else(|| {
            Problem::usage("--no-state cannot be used with `batch`, which stores its exports")
        })?;
        let mut previous = None;
        if start == Start::Continue {
            self.claim_name(Some(&state), &mut description)?;
            previous = state.previous_batch(&description)?;
        }
        let mut draft = Box::new(state.begin_batch(self.began)?);
        store_rows(&mut draft, self.protecting(read))?;
        protect_files(&description.options, self.outputs, &self.settings)?;
        let (draft, begun) = match start {
            Start::New => (draft, Vec::new()),
            Start::Continue => {
                let continuing = self.continuing(Some(&state), &description);
                match continuing.batch(previous, draft).await? {
                    ContinuedBatch::Earlier(store, later) => {
                        return Ok(Opened::Earlier(store, later));
                    }
                    ContinuedBatch::New(draft, begun) => (draft, begun),
                }
            }
        };
        DestinationChecks::new(self.outputs, &self.settings).check_batch(&draft).await?;
        for (number, checkpoint) in begun {
            draft.take_over_checkpoint(number, &checkpoint)?;
        }
        Ok(Opened::New(Arc::new(draft.commit(&description)?)))
    }

    /// Stores a batch in a database.
    #[cfg(feature = "postgres")]
    async fn batch_in_database(
        &mut self,
        read: ReadExports<'_>,
        start: Start,
        mut description: RunDescription,
    ) -> Result<Opened, Problem> {
        self.bind_client(&mut description)?;
        let read = self.protecting(read);
        let Self { settings, outputs, reporter, .. } = &*self;
        let opened = open_batch(read, start, &description, settings, outputs, reporter).await?;
        match opened {
            DatabaseBatch::Held { store, is_resumed: true } => {
                Ok(Opened::Earlier(store, BTreeMap::new()))
            }
            DatabaseBatch::Held { store, is_resumed: false } => Ok(Opened::New(store)),
            DatabaseBatch::ForWorkers(batch) => {
                let options = &description.options;
                let follower = Follower::new(*batch, options, settings, outputs, reporter).await?;
                Ok(Opened::WithWorkers(Box::new(follower)))
            }
        }
    }

    /// Makes the runner of a new run.
    fn begin(&mut self, store: Arc<dyn RunStore>) -> Result<Runner, Problem> {
        let new = Arc::clone(&store);
        let context = self.client().and_then(|client| {
            let (settings, outputs) = (Arc::clone(&self.settings), self.outputs.clone());
            RunContext::new(store, settings, client, outputs, self.reporter)
        });
        // A run that is refused before its first request must not be listed. If it cannot be removed,
        // it is.
        Runner::new(context.inspect_err(|_| drop(new.remove()))?)
    }

    /// Makes the runner of a run that is continued.
    fn go_on(
        &mut self,
        store: Arc<dyn RunStore>,
        later: BTreeMap<u64, Later>,
    ) -> Result<Runner, Problem> {
        let client = self.client()?;
        let mut outputs = self.outputs.clone();
        if let Some(id) = store.id() {
            let resume = resume_command(id, &self.settings, &store.description()?);
            outputs = outputs.keeping_newer(resume);
        }
        restore_names(&*store, &outputs)?;
        let settings = Arc::clone(&self.settings);
        Runner::resume(RunContext::new(store, settings, client, outputs, self.reporter)?, later)
    }

    fn description(&self, source: Option<String>, options: RunOptions) -> RunDescription {
        RunDescription {
            began: self.began,
            base_url: self.settings.service.value.base_url().into(),
            api_version: self.settings.api_version.value.to_string(),
            client_id: None,
            source,
            options,
            end: None,
        }
    }

    fn state(&self) -> Result<Option<StateDir>, Problem> {
        let Settings { state, keep_done_for, keep_done, .. } = &*self.settings;
        let state = state.as_ref().map(|state| StateDir::open(&state.value)).transpose()?;
        let retention = Retention {
            keep_for: keep_done_for.value.0,
            keep: usize::try_from(keep_done.value.0).unwrap_or(usize::MAX),
        };
        Ok(state.inspect(|state| state.forget_done(self.began, retention)))
    }

    fn continuing<'b>(
        &'b self,
        state: Option<&'b StateDir>,
        description: &'b RunDescription,
    ) -> Continuing<'b> {
        Continuing { state, description, outputs: self.outputs, reporter: self.reporter }
    }

    /// Claims the name of a run, so that no other process continues it.
    fn claim_name(
        &mut self,
        state: Option<&StateDir>,
        description: &mut RunDescription,
    ) -> Result<(), Problem> {
        self.bind_client(description)?;
        self.claim = state.map(|state| state.claim_name(description)).transpose()?;
        Ok(())
    }

    /// A run is continued by its own client only.
    fn bind_client(&mut self, description: &mut RunDescription) -> Result<(), Problem> {
        let loaded = self.load()?;
        description.client_id.clone_from(&loaded.client_id);
        self.loaded = Some(loaded);
        Ok(())
    }

    fn client(&mut self) -> Result<SharedClient, Problem> {
        let loaded = self.load()?;
        SharedClient::new(&self.settings, loaded, self.reporter)
    }

    /// The credentials, which are read once.
    fn load(&mut self) -> Result<LoadedCredentials, Problem> {
        match self.loaded.take() {
            Some(loaded) => Ok(loaded),
            None => self.settings.credentials.load(&mut |warning| self.reporter.warn(warning)),
        }
    }

    /// Protects the files of requests as they are read.
    fn protecting<'b>(&self, read: ReadExports<'b>) -> ReadExports<'b>
    where
        'a: 'b,
    {
        let outputs = self.outputs;
        Box::new(move |add| {
            read(&mut |export| {
                outputs.protect_body(export.request.body_file.as_deref());
                add(export)
            })
        })
    }
}

/// Stores the rows of a list while the next ones are read and checked.
pub(super) fn store_rows(
    draft: &mut BatchDraft,
    read: impl FnOnce(AddExport<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    thread::scope(|scope| {
        let (chunks, read_chunks) = mpsc::sync_channel::<Vec<ListedExport>>(1);
        let storing = scope.spawn(move || {
            let mut rows = read_chunks.into_iter().flatten();
            rows.try_for_each(|export| draft.add(export.into()))?;
            draft.flush()
        });
        // The receiver is gone only if a row could not be stored, which is reported instead.
        let gone = |_| Problem::new(Exit::Local, "the batch could not be stored");
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        let read = read(&mut |export| {
            bytes += export.request.body_length;
            chunk.push(export);
            if chunk.len() < CHUNK && bytes < CHUNK_BYTES {
                return Ok(());
            }
            bytes = 0;
            chunks.send(take(&mut chunk)).map_err(gone)
        });
        let read = read.and_then(|()| chunks.send(chunk).map_err(gone));
        drop(chunks);
        let stored = storing.join().unwrap_or_else(|panic| resume_unwind(panic));
        stored.and(read)
    })
}

/// The number of rows that are handed over at once, since a thread takes longer to wake up than to store one, and the
/// length of their bodies in **bytes** from which they are.
const CHUNK: usize = 64;
const CHUNK_BYTES: usize = 1_048_576;
