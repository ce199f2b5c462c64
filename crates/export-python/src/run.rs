//! The blocking client, whose exports run on threads of their own: the thread that waits for one can be
//! interrupted by a signal.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use export_core::workiva::{FilesQuery, ListFiles, ListedFile};
use export_ureq::{
    BatchLimits, CaBundle, ClientCertificate, Export, ExportError, FileSink, ProxySettings, Stopper,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::{Value, json};

use crate::job::Job;
use crate::settings::Settings;
use crate::values::{self, Outcome, runtime_error, to_python, value_error};

/// A client with connections, tokens and rate limits of its own.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Client {
    client: export_ureq::Client,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (settings, *, ca_bundle=None, proxy=None, client_certificate=None, headers=vec![]))]
    fn new(
        py: Python<'_>,
        settings: &Settings,
        ca_bundle: Option<PathBuf>,
        proxy: Option<&str>,
        client_certificate: Option<(PathBuf, PathBuf)>,
        headers: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let mut builder = export_ureq::Client::builder()
            .config(settings.config.clone())
            .credentials(settings.credentials(py))
            .pacer(settings.pacer());
        if let Some(path) = ca_bundle {
            builder = builder.ca_bundle(CaBundle::file(path));
        }
        // An empty proxy is none, whatever the environment has.
        match proxy {
            Some("") => builder = builder.proxy(ProxySettings::Off),
            Some(url) => builder = builder.proxy(ProxySettings::Url(url.into())),
            None => {}
        }
        if let Some((chain, key)) = client_certificate {
            builder = builder.client_certificate(ClientCertificate::files(chain, key));
        }
        if let Some(seed) = settings.config.jitter() {
            builder = builder.jitter(seed);
        }
        if let Some(folder) = &settings.checkpoints {
            builder = builder.checkpoints(Arc::new(folder.clone()));
        }
        if let Some(store) = &settings.pace_store {
            builder = builder.pace_store(Arc::clone(store));
        }
        if !headers.is_empty() {
            let added = header_map(&headers)?;
            builder = builder.headers(move |headers| headers.extend(added.clone()));
        }
        let client = py.detach(|| builder.build()).map_err(value_error)?;
        Ok(Self { client })
    }

    /// Starts an export on a new thread. `target` is the name of a method of an export, with a path or a limit.
    #[pyo3(signature = (job, target, path=None, limit=None, *, observed=false, on_end=None))]
    fn start(
        &self,
        job: &Job,
        target: &str,
        path: Option<PathBuf>,
        limit: Option<usize>,
        observed: bool,
        on_end: Option<Py<PyAny>>,
    ) -> PyResult<Run> {
        let run = Run::new(on_end);
        let shared = Arc::clone(&run.shared);
        let mut export = job.export(&self.client).with_stopper(&run.stopper);
        if observed {
            let (on_event, on_progress) = (Arc::clone(&shared), Arc::clone(&shared));
            export = export.on_event(move |event| on_event.event(event)).on_progress(
                move |done, length| on_progress.state().progress = Some((done, length)),
            );
        }
        let path = path.unwrap_or_default();
        let work: Work = match target {
            "to_file" => Box::new(move || to_file(export, path)),
            "to_dir" => Box::new(move || {
                let (path, artifact) = export.to_dir(path)?;
                Ok(file(&artifact, Some(&path)))
            }),
            "to_bytes" => Box::new(move || {
                let (artifact, bytes) = export.bytes(limit.unwrap_or(usize::MAX))?;
                let Outcome::File(value) = file(&artifact, None) else {
                    return Err(ExportError::NoStore);
                };
                Ok(Outcome::Bytes(value, bytes))
            }),
            "submit" => Box::new(move || export.submit().map(|it| Outcome::submitted(&it))),
            "status" => Box::new(move || {
                let status = export.status()?;
                let checkpoint = values::checkpoint_text(&status.checkpoint);
                let (word, ready) = (status.facts.status.as_deref(), status.is_ready);
                Ok(Outcome::File(
                    json!({"status": word, "is_ready": ready, "checkpoint": checkpoint}),
                ))
            }),
            _ => return Err(runtime_error(format!("there is no target {target:?}"))),
        };
        run.spawn(move |shared| {
            let outcome = work().unwrap_or_else(|error| Outcome::Error(values::error(&error)));
            shared.finished(0, outcome);
        })?;
        Ok(run)
    }

    /// Starts any number of exports, each to a file, on a few threads.
    #[pyo3(signature = (jobs, *, max_open, max_downloads, on_end=None))]
    fn start_many(
        &self,
        py: Python<'_>,
        jobs: Vec<(Py<Job>, PathBuf)>,
        max_open: usize,
        max_downloads: usize,
        on_end: Option<Py<PyAny>>,
    ) -> PyResult<Run> {
        let run = Run::new(on_end);
        let paths: Arc<Vec<PathBuf>> =
            Arc::new(jobs.iter().map(|(_, path)| path.clone()).collect());
        let to = Arc::clone(&paths);
        let open = move |key: u64| {
            let path = usize::try_from(key).ok().and_then(|key| to.get(key));
            Ok(FileSink::to_file(path.cloned().unwrap_or_default()))
        };
        let limits =
            BatchLimits::default().with_max_open(max_open).with_max_downloads(max_downloads);
        // Another thread may have the pacer, and call Python.
        let mut exports = py.detach(|| {
            let mut exports = self.client.exports(limits, open).with_stopper(&run.stopper);
            for (key, (job, path)) in (0..).zip(&jobs) {
                let checked = export_host::PartFile::check(path).map_err(PyErr::from);
                let added = job.get().export(&self.client);
                checked.and_then(|_| exports.add(key, added).map_err(value_error))?;
            }
            PyResult::Ok(exports)
        })?;
        run.spawn(move |shared| {
            for finished in &mut exports {
                let path = usize::try_from(finished.key).ok().and_then(|key| paths.get(key));
                let outcome = match &finished.outcome {
                    Ok(artifact) => file(artifact, path.map(PathBuf::as_path)),
                    Err(error) => Outcome::Error(values::error(error)),
                };
                shared.finished(finished.key, outcome);
            }
        })?;
        Ok(run)
    }

    /// Starts a list of the files of the workspace.
    #[pyo3(signature = (text, kind, container, state, *, on_end=None))]
    fn start_files(
        &self,
        text: Option<String>,
        kind: Option<String>,
        container: Option<String>,
        state: Option<String>,
        on_end: Option<Py<PyAny>>,
    ) -> PyResult<Run> {
        let add = |query, with: fn(FilesQuery, String) -> FilesQuery, value| match value {
            Some(value) => with(query, value),
            None => query,
        };
        let query = add(FilesQuery::new(), FilesQuery::with_text, text);
        let query = add(query, FilesQuery::with_kind, kind);
        let query = add(query, FilesQuery::with_container, container);
        let query = add(query, FilesQuery::with_state, state);
        let list = ListFiles::new(query, self.client.config());
        let run = Run::new(on_end);
        let (client, stopper) = (self.client.clone(), run.stopper.clone());
        run.spawn(move |shared| {
            let files = client.list_files(list, |page| page.with_stopper(&stopper));
            let outcome = files.map_or_else(
                |error| Outcome::Error(list_error(&error)),
                |files| Outcome::File(files.iter().map(listed_file).collect()),
            );
            shared.finished(0, outcome);
        })?;
        Ok(run)
    }
}

fn list_error(error: &ExportError) -> Value {
    let mut value = values::error(error);
    if matches!(error, ExportError::Stopped { .. }) {
        // The checkpoint is that of a page, which nothing can resume.
        value["message"] = "the list was stopped".into();
        value["checkpoint"] = Value::Null;
        value["is_resumable"] = false.into();
    }
    value
}

fn listed_file(file: &ListedFile) -> Value {
    json!({
        "id": file.id(),
        "name": file.name(),
        "kind": file.kind(),
        "type": file.type_name(),
        "container": file.container(),
        "created": file.created(),
        "modified": file.modified(),
        "state": file.state(),
        "is_template": file.is_template(),
    })
}

type Work = Box<dyn FnOnce() -> Result<Outcome, ExportError> + Send>;

fn to_file(export: Export, path: PathBuf) -> Result<Outcome, ExportError> {
    let artifact = export.to_file(&path)?;
    Ok(file(&artifact, Some(&path)))
}

fn file(artifact: &export_core::Artifact, path: Option<&std::path::Path>) -> Outcome {
    let mut value = serde_json::to_value(artifact).unwrap_or_default();
    value["path"] = path.map(|path| path.to_string_lossy().into_owned()).into();
    Outcome::File(value)
}

fn header_map(headers: &[(String, String)]) -> PyResult<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName =
            name.parse().map_err(|_| value_error(format!("invalid header {name:?}")))?;
        let invalid = |_| value_error(format!("invalid value for the header {name}"));
        map.append(name.clone(), value.parse::<HeaderValue>().map_err(invalid)?);
    }
    Ok(map)
}

/// Exports that run on a thread. Dropping it stops them.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Run {
    shared: Arc<Shared>,
    stopper: Stopper,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and those who wait for it share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    finished: VecDeque<(u64, Outcome)>,
    events: VecDeque<Value>,
    progress: Option<(u64, Option<u64>)>,
    has_ended: bool,
    /// Called after each export and at the end, from the thread.
    on_end: Option<Py<PyAny>>,
}

/// Older events are dropped, if nobody takes them.
const MAX_EVENTS: usize = 1_000;

#[pymethods]
impl Run {
    /// Waits until an export has ended, or the time is over. Returns whether one has.
    fn wait(&self, py: Python<'_>, seconds: f64) -> bool {
        let end = Instant::now() + Duration::try_from_secs_f64(seconds).unwrap_or_default();
        py.detach(|| {
            let mut state = self.shared.state();
            while state.finished.is_empty() && !state.has_ended {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                let woken = self.shared.changed.wait_timeout(state, left);
                state = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            true
        })
    }

    /// Waits for the end of the thread, which must not call anything of Python while the interpreter shuts down. All
    /// exports have to have ended.
    fn join(&self, py: Python<'_>) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Exports without an outcome say that it has panicked.
        py.detach(|| thread.map(JoinHandle::join));
    }

    /// Takes the next export that has ended, as its number and a dict; `None` if there is none.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<(u64, Bound<'py, PyDict>)>> {
        let taken = self.shared.state().finished.pop_front();
        taken.map(|(number, outcome)| Ok((number, outcome.to_python(py)?))).transpose()
    }

    /// Takes the progress since the last call: the bytes that came, and the length of the file if it is known.
    fn progress(&self) -> Option<(u64, Option<u64>)> {
        self.shared.state().progress.take()
    }

    /// Takes the events since the last call.
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = std::mem::take(&mut self.shared.state().events);
        let list = PyList::empty(py);
        for event in &events {
            list.append(to_python(py, event)?)?;
        }
        Ok(list)
    }

    /// Whether all exports have ended. Some may not be taken yet.
    #[getter]
    fn has_ended(&self) -> bool {
        self.shared.state().has_ended
    }

    /// Stops the exports, which end with an error. Does not wait.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.stopper.stop());
    }
}

impl Run {
    fn new(on_end: Option<Py<PyAny>>) -> Self {
        let state = Mutex::new(State { on_end, ..State::default() });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        Self { shared, stopper: Stopper::new(), thread: Mutex::new(None) }
    }

    fn spawn(&self, work: impl FnOnce(&Shared) + Send + 'static) -> PyResult<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("workiva-export".into()).spawn(move || {
            // Also if the work panics.
            let _end = End(&shared);
            work(&shared);
        })?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

/// Notes the end of the thread's work.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let on_end = {
            let mut state = self.0.state();
            state.has_ended = true;
            state.on_end.take()
        };
        self.0.changed.notify_all();
        if let Some(on_end) = on_end {
            // The interpreter may be gone.
            Python::try_attach(|py| {
                call(py, &on_end);
                drop(on_end);
            });
        }
    }
}

impl Shared {
    fn finished(&self, number: u64, outcome: Outcome) {
        self.state().finished.push_back((number, outcome));
        self.changed.notify_all();
        let has_listener = self.state().on_end.is_some();
        if has_listener {
            Python::try_attach(|py| {
                let on_end = self.state().on_end.as_ref().map(|on_end| on_end.clone_ref(py));
                if let Some(on_end) = on_end {
                    call(py, &on_end);
                }
            });
        }
    }

    fn event(&self, event: &export_core::Event) {
        let Ok(event) = serde_json::to_value(event) else { return };
        let mut state = self.state();
        if state.events.len() == MAX_EVENTS {
            state.events.pop_front();
        }
        state.events.push_back(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells an event loop, which may be closed.
fn call(py: Python<'_>, on_end: &Py<PyAny>) {
    match on_end.call0(py) {
        Err(error) if !error.is_instance_of::<PyRuntimeError>(py) => {
            error.write_unraisable(py, None);
        }
        _ => {}
    }
}
