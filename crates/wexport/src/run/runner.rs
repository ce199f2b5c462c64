//! Runs exports.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use export_hyper::{Blocking, Checkpoint, CheckpointStore, Client, Export, ExportJob};
use serde_json::Value;

use super::ending::Ending;
use super::plan::{Outcome, Plan, Start};
#[cfg(feature = "store")]
use super::upload::bring;
use crate::clock;
use crate::place::{Claims, Delivered, Delivery, Opened};
#[cfg(feature = "store")]
use crate::place::{Depot, Upload};
use crate::receipt::{self, Origin};
use crate::report::{Exit, Problem};
use crate::settings::{Loaded, Settings};
use crate::show::{Happening, Watcher};
use crate::signals;
use crate::state::{Description, Job, JobCheckpoints, Lock, Standing, State, VERSION};

/// What any number of exports share: connections and tokens, the state, the names given away.
#[derive(Debug)]
pub(crate) struct Runner {
    client: Client,
    client_id: Option<String>,
    settings: Settings,
    state: Option<State>,
    claims: Claims,
    begun: AtomicU64,
}

impl Runner {
    /// Gets everything ready. Nothing is sent yet.
    pub(crate) fn open(settings: Settings, warn: &mut dyn FnMut(String)) -> Result<Self, Problem> {
        let state = settings.state.as_ref().map(|folder| State::open(&folder.value)).transpose()?;
        let checkpoints = state.as_ref().map(|state| {
            let store = Blocking::new(JobCheckpoints::new(state));
            Arc::new(store) as Arc<dyn CheckpointStore>
        });
        let Loaded { credentials, client_id } = settings.credentials.load(warn)?;
        let client = settings.client(credentials, checkpoints, settings.pacer(None))?;
        Ok(Self {
            client,
            client_id,
            settings,
            state,
            claims: Claims::default(),
            begun: AtomicU64::new(0),
        })
    }

    /// Runs an export to its end.
    pub(crate) async fn export(
        &self,
        plan: Plan,
        watcher: &Arc<Watcher>,
    ) -> Result<Outcome, Problem> {
        let claims = self.claims.of(self.begun.fetch_add(1, Ordering::Relaxed));
        let opened = Delivery::open(&plan.place, &plan.what, &claims, &self.settings).await?;
        let delivery = match opened {
            Opened::Sink(delivery) => delivery,
            Opened::Skip(path) => return Ok(skipped(watcher, &path)),
        };
        let description = Description {
            version: VERSION,
            began: clock::now(),
            what: plan.what,
            place: plan.place,
            base_url: self.settings.service.value.base_url().into(),
            api_version: self.settings.api_version.value.to_string(),
            ending: None,
        };
        let kept = match &self.state {
            None => None,
            Some(state) => {
                let job = state.create(&description)?;
                let lock = attend(&job, watcher)?;
                Some((job, lock))
            }
        };
        watcher.tell(started(&description, false));
        let (export, asked) = match plan.start {
            Start::Spec(spec) => {
                let job = ExportJob::new((*spec).clone(), &self.settings.config()?).ok();
                (self.client.export(*spec), job.map(|job| job.checkpoint()))
            }
            Start::Operation(operation) => (self.client.attach(&operation), None),
        };
        let spec = asked.as_ref().and_then(spec_of);
        let run = Run { delivery, description, kept, spec };
        self.finish(export, run, watcher).await
    }

    /// Goes on with a job.
    pub(crate) async fn resume(
        &self,
        job: Job,
        mut description: Description,
        watcher: &Arc<Watcher>,
    ) -> Result<Outcome, Problem> {
        let fail = |error| Problem::local(format!("job {} cannot be read", job.id()), &error);
        let lock = attend(&job, watcher)?;
        #[cfg(feature = "store")]
        if let Some(pending) = Depot::of_job(job.path()).load().map_err(fail)? {
            let (depot, place) = (Depot::of_job(job.path()), &description.place);
            let resumed = Upload::resume(depot, pending, place, &self.claims, &self.settings);
            let upload = resumed.await?;
            description.ending = None;
            job.describe(&description).map_err(fail)?;
            watcher.tell(started(&description, true));
            // The service is not asked any more.
            let ending = Ending { job: Some(&job), description, watcher, token_from: None };
            return bring(upload, ending).await;
        }
        let Some(checkpoint) = job.checkpoint().map_err(fail)? else {
            return Err(nothing_to_resume(&job, &description));
        };
        let (place, what) = (&description.place, &description.what);
        let delivery = match Delivery::open(place, what, &self.claims, &self.settings).await? {
            Opened::Sink(delivery) => delivery,
            Opened::Skip(path) => return Ok(skipped(watcher, &path)),
        };
        description.ending = None;
        job.describe(&description).map_err(fail)?;
        watcher.tell(started(&description, true));
        let spec = spec_of(&checkpoint);
        let export = self.client.resume(checkpoint);
        let run = Run { delivery, description, kept: Some((job, lock)), spec };
        self.finish(export, run, watcher).await
    }

    /// Drives an export until it is over or somebody stops the program, and writes down how that
    /// was.
    async fn finish(
        &self,
        mut export: Export,
        run: Run,
        watcher: &Arc<Watcher>,
    ) -> Result<Outcome, Problem> {
        let Run { mut delivery, description, kept, spec } = run;
        if let Some((job, _)) = &kept {
            export = export.with_key(job.id());
        }
        let origin = Origin {
            what: description.what.clone(),
            spec,
            base_url: description.base_url.clone(),
            api_version: description.api_version.clone(),
            client_id: self.client_id.clone(),
            began: description.place.at,
        };
        #[cfg(feature = "store")]
        delivery.settle(kept.as_ref().map(|(job, _)| job.path()), &origin)?;
        let (events, progress) = (Arc::clone(watcher), Arc::clone(watcher));
        let export = export
            .on_event(move |event| events.event(event))
            .on_progress(move |bytes, length| progress.progress(bytes, length));
        let ended = signals::interruptible(export.to_sink(&mut delivery)).await;
        if let Ok(Err(error)) = &ended
            && error.checkpoint().is_none()
        {
            delivery.discard().await;
        }
        let mut receipt = None;
        if let (Ok(Ok(artifact)), Some(Delivered::File(path)), true) =
            (&ended, delivery.delivered(), description.place.receipt)
        {
            receipt = Some(receipt::write(&path, artifact, origin).await);
        }
        let job = kept.as_ref().map(|(job, _)| job);
        let token_from = self.settings.credentials.token_from(self.client_id.as_deref());
        let ending = Ending { job, description, watcher, token_from };
        #[cfg(feature = "store")]
        if let (Ok(Ok(_)), Some(upload)) = (&ended, delivery.upload()) {
            return bring(upload, ending).await;
        }
        let outcome = ending.conclude(ended, &delivery);
        receipt.transpose()?;
        outcome
    }
}

/// An export that runs.
struct Run {
    delivery: Delivery,
    description: Description,
    /// The job on disk, and the right to run it.
    kept: Option<(Job, Lock)>,
    /// What was asked for.
    spec: Option<Value>,
}

/// What a checkpoint says was asked for.
fn spec_of(checkpoint: &Checkpoint) -> Option<Value> {
    serde_json::from_str(checkpoint.spec()).ok()
}

/// Takes a job for this process, and lets the watcher write its log.
fn attend(job: &Job, watcher: &Watcher) -> Result<Lock, Problem> {
    let fail = |error| Problem::local(format!("cannot keep the state of job {}", job.id()), &error);
    let lock = job
        .lock()
        .map_err(fail)?
        .ok_or_else(|| Problem::usage(format!("job {} is running in another process", job.id())))?;
    watcher.attend(job.id().into(), job.log().map_err(fail)?);
    Ok(lock)
}

fn started(description: &Description, resumed: bool) -> Happening {
    Happening::Started {
        what: description.what.clone(),
        api_version: description.api_version.clone(),
        base_url: description.base_url.clone(),
        resumed,
    }
}

fn skipped(watcher: &Watcher, path: &Path) -> Outcome {
    watcher.tell(Happening::Skipped { file: path.display().to_string() });
    Outcome::Skipped
}

fn nothing_to_resume(job: &Job, description: &Description) -> Problem {
    let id = job.id();
    match (description.standing(), &description.ending) {
        (Standing::Done, Some(ending)) => {
            Problem::new(Exit::No, format!("job {id} is done: {}", ending.text))
        }
        _ => Problem::new(Exit::No, format!("job {id} never sent anything"))
            .advise("run the command again"),
    }
}
