//! An export that is driven from Python.

use std::mem::swap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use export_core::origins::Access;
use export_core::pacer::Pacer;
use export_core::session::{self, ClientState, Input, Session};
use export_core::{Failure, FailureKind, Timestamp};
use export_host::{Clock, ExportError, SharedPacer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::job::Job;
use crate::settings::Settings;
use crate::sink::Artifact;
use crate::values::{self, Outcome, checkpoint_text, runtime_error, serialized};

/// What the machines of a client share: its tokens, its rate limits, and its clock.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct MachineClient {
    settings: Py<Settings>,
    shared: Arc<Shared>,
}

struct Shared {
    /// Its pacer is in `pacer` between two calls.
    state: Mutex<ClientState>,
    pacer: SharedPacer,
    clock: Clock,
}

/// How often a pacer is asked for that another process has locked.
const ASK_BUSY_EVERY: Duration = Duration::from_millis(5);

#[pymethods]
impl MachineClient {
    #[new]
    fn new(settings: Py<Settings>) -> PyResult<Self> {
        let tokens = settings.get().token_source()?;
        let state = Mutex::new(ClientState::new(tokens, Pacer::default()));
        let pacer = settings.get().shared_pacer();
        Ok(Self { settings, shared: Arc::new(Shared { state, pacer, clock: Clock::start() }) })
    }

    /// A machine for an export.
    fn machine(&self, job: &Job) -> PyResult<Machine> {
        let job = job.start(self.settings.get()).map_err(values::value_error)?;
        let session = Mutex::new(Some(Open { session: Session::new(job), is_writing: false }));
        Ok(Machine { session, shared: Arc::clone(&self.shared) })
    }
}

impl Shared {
    /// Calls `f` with the time and the state of the client, whose pacer is the one that all processes use
    /// which share it.
    fn with_pacer<T>(&self, f: impl FnOnce(Timestamp, &mut ClientState) -> T) -> T {
        let mut f = Some(f);
        loop {
            let called = self.pacer.update(self.clock.now(), |now, pacer| {
                let mut state = self.state();
                swap(pacer, state.pacer_mut());
                let result = f.take().map(|f| f(now, &mut state));
                swap(pacer, state.pacer_mut());
                result
            });
            if let Ok(Some(result)) = called {
                return result;
            }
            thread::sleep(ASK_BUSY_EVERY);
        }
    }

    /// Calls `f` with the time, and without the pacer.
    fn without_pacer<T>(&self, f: impl FnOnce(Timestamp, &mut ClientState) -> T) -> T {
        f(self.pacer.store_time(self.clock.now()), &mut self.state())
    }

    fn state(&self) -> MutexGuard<'_, ClientState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One export without I/O: each method takes what became of the last action, and returns the next one.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Machine {
    /// `None` once it is closed.
    session: Mutex<Option<Open>>,
    shared: Arc<Shared>,
}

struct Open {
    session: Session,
    /// Whether its last action was a write.
    is_writing: bool,
}

/// What a driver has to do next.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) enum Action {
    Store {
        checkpoint: String,
    },
    GetToken {
        timeout: f64,
    },
    Send {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: Py<PyBytes>,
        phase: Option<String>,
        is_trusted: bool,
        wants_fresh_connection: bool,
        timeout: f64,
    },
    Collect {
        limit: usize,
        timeout: f64,
    },
    Begin {
        offset: u64,
        artifact: Py<Artifact>,
    },
    Read {
        timeout: f64,
    },
    Write {
        offset: u64,
        chunk: Option<Py<PyBytes>>,
    },
    Sync {},
    Measure {
        operation: String,
    },
    Finish {
        artifact: Py<Artifact>,
    },
    Wait {
        seconds: f64,
        reason: String,
    },
    Done {
        artifact: Py<Artifact>,
    },
    Failed {
        error: Py<PyDict>,
    },
}

#[pymethods]
impl Action {
    /// Without the headers and the body of a request, which have secrets.
    fn __repr__(&self) -> String {
        match self {
            Self::Store { .. } => "Store()".into(),
            Self::GetToken { timeout } => format!("GetToken(timeout={timeout})"),
            Self::Send { method, url, .. } => {
                format!("Send({method} {})", url.split('?').next().unwrap_or_default())
            }
            Self::Collect { limit, timeout } => {
                format!("Collect(limit={limit}, timeout={timeout})")
            }
            Self::Begin { offset, .. } => format!("Begin(offset={offset})"),
            Self::Read { timeout } => format!("Read(timeout={timeout})"),
            Self::Write { offset, .. } => format!("Write(offset={offset})"),
            Self::Sync {} => "Sync()".into(),
            Self::Measure { .. } => "Measure()".into(),
            Self::Finish { .. } => "Finish()".into(),
            Self::Wait { seconds, reason } => format!("Wait(seconds={seconds}, reason={reason:?})"),
            Self::Done { .. } => "Done()".into(),
            Self::Failed { .. } => "Failed()".into(),
        }
    }
}

#[pymethods]
impl Machine {
    /// The action was carried out, or the wait is over. Also the first call.
    fn done(&self, py: Python<'_>) -> PyResult<Action> {
        self.next(py, Input::Done)
    }

    /// The head of a response. Names and values are `bytes`, or `str` in Latin-1.
    fn head(
        &self,
        py: Python<'_>,
        status: u16,
        headers: Vec<(HeaderText, HeaderText)>,
    ) -> PyResult<Action> {
        let headers =
            headers.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
        let input = Input::head(status, headers);
        let failed = |error: session::InvalidHead| {
            Input::Failed(Failure::new(FailureKind::Unanswered).with_detail(error.to_string()))
        };
        self.next(py, input.unwrap_or_else(failed))
    }

    /// The whole body of the response.
    fn body(&self, py: Python<'_>, body: &[u8]) -> PyResult<Action> {
        self.next(py, Input::Body(body.into()))
    }

    /// The next bytes of the file.
    fn chunk(&self, py: Python<'_>, chunk: &[u8]) -> PyResult<Action> {
        self.next(py, Input::Chunk(chunk.into()))
    }

    /// The end of the body of the file.
    fn end(&self, py: Python<'_>) -> PyResult<Action> {
        self.next(py, Input::End)
    }

    /// The length of the file, or how much of it is durable.
    fn length(&self, py: Python<'_>, length: u64) -> PyResult<Action> {
        self.next(py, Input::Length(length))
    }

    /// A token from elsewhere, and how many seconds it is valid.
    #[pyo3(signature = (text, lifetime=None))]
    fn token(&self, py: Python<'_>, text: &str, lifetime: Option<f64>) -> PyResult<Action> {
        let lifetime = lifetime.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.next(py, Input::Token { text: text.into(), lifetime })
    }

    /// The action failed. `kind` says what that proves.
    #[pyo3(signature = (kind, detail=None))]
    fn failed(&self, py: Python<'_>, kind: &str, detail: Option<&str>) -> PyResult<Action> {
        let read: Result<FailureKind, _> = serde_json::from_value(kind.into());
        let kind =
            read.map_err(|_| PyValueError::new_err(format!("there is no failure {kind:?}")))?;
        let mut failure = Failure::new(kind);
        if let Some(detail) = detail {
            failure = failure.with_detail(detail);
        }
        self.next(py, Input::Failed(failure))
    }

    /// Takes the events since the last call.
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        if let Some(Open { session, .. }) = &mut *self.session(py) {
            while let Some(event) = session.next_event() {
                list.append(serialized(py, &event)?)?;
            }
        }
        Ok(list)
    }

    /// The checkpoint, as JSON: also of a machine that was stopped.
    #[getter]
    fn checkpoint(&self, py: Python<'_>) -> PyResult<String> {
        let session = self.session(py);
        let session = &session.as_ref().ok_or_else(closed)?.session;
        Ok(checkpoint_text(&session.checkpoint()))
    }

    /// The URL of the operation, once the export was accepted.
    #[getter]
    fn operation(&self, py: Python<'_>) -> Option<String> {
        self.session(py).as_ref()?.session.job().operation().map(ToString::to_string)
    }

    /// What the service last said about the operation, and whether its file can be downloaded; `None` before the
    /// first response to a poll.
    #[getter]
    fn status(&self, py: Python<'_>) -> Option<(Option<String>, bool)> {
        let session = self.session(py);
        let job = session.as_ref()?.session.job();
        let status = job.facts()?.status.as_deref().map(String::from);
        Some((status, job.phase() == export_core::Phase::Fetch))
    }

    /// Gives back what other machines of the client would wait for. The machine cannot be used any more.
    fn close(&self, py: Python<'_>) {
        let session = self.session(py).take();
        if let Some(Open { session, .. }) = session {
            py.detach(|| self.shared.with_pacer(|now, client| session.close(now, client)));
        }
    }
}

impl Machine {
    fn next(&self, py: Python<'_>, input: Input<'_>) -> PyResult<Action> {
        let mut session = self.session(py);
        let Open { session, is_writing } = session.as_mut().ok_or_else(closed)?;
        // The bytes of a file need no pacer, and no call of its store.
        let is_transfer =
            matches!(input, Input::Chunk(_)) || (*is_writing && matches!(input, Input::Done));
        let shared = &*self.shared;
        // Another thread may have the pacer, and call Python.
        let (now, action) = py.detach(|| {
            let next = |now, client: &mut _| (now, session.next(now, client, input));
            if is_transfer { shared.without_pacer(next) } else { shared.with_pacer(next) }
        });
        let action = action.map_err(runtime_error)?;
        *is_writing = matches!(action, session::Action::Write { .. });
        to_action(py, now, session, action)
    }

    /// Other threads of Python run while this one waits.
    fn session(&self, py: Python<'_>) -> MutexGuard<'_, Option<Open>> {
        self.session.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> PyErr {
    runtime_error("the machine was closed")
}

/// A header as HTTP clients of Python have it.
#[derive(FromPyObject)]
enum HeaderText {
    Bytes(Vec<u8>),
    Text(String),
}

impl HeaderText {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => {
                let bytes = text.chars().map(|char| u8::try_from(u32::from(char)));
                bytes.collect::<Result<_, _>>().unwrap_or_else(|_| text.into_bytes())
            }
        }
    }
}

fn to_action(
    py: Python<'_>,
    now: Timestamp,
    session: &Session,
    action: session::Action,
) -> PyResult<Action> {
    let seconds = |until: Timestamp| until.since(now).as_secs_f64();
    let artifact = |artifact| Py::new(py, Artifact(artifact));
    Ok(match action {
        session::Action::Store { checkpoint } => {
            Action::Store { checkpoint: checkpoint_text(&checkpoint) }
        }
        session::Action::GetToken { give_up_at } => {
            Action::GetToken { timeout: seconds(give_up_at) }
        }
        session::Action::Send(send) => {
            let latin1 = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
            let headers = send.request.headers().iter();
            let headers =
                headers.map(|(name, value)| (name.to_string(), latin1(value.as_bytes()))).collect();
            Action::Send {
                method: send.request.method().to_string(),
                url: send.request.uri().to_string(),
                headers,
                body: PyBytes::new(py, send.request.body()).unbind(),
                phase: send.phase.map(|phase| phase.to_string()),
                is_trusted: send.access == Access::Trusted,
                wants_fresh_connection: send.wants_fresh_connection,
                timeout: seconds(send.give_up_at),
            }
        }
        session::Action::Collect { limit, give_up_at } => {
            Action::Collect { limit, timeout: seconds(give_up_at) }
        }
        session::Action::Begin { offset, artifact: begun } => {
            Action::Begin { offset, artifact: artifact(begun)? }
        }
        session::Action::Read { timeout } => Action::Read { timeout: timeout.as_secs_f64() },
        session::Action::Write { offset, bytes } => {
            let chunk = bytes.map(|bytes| PyBytes::new(py, &bytes).unbind());
            Action::Write { offset, chunk }
        }
        session::Action::Sync => Action::Sync {},
        session::Action::Measure { operation } => Action::Measure { operation },
        session::Action::Finish { artifact: complete } => {
            Action::Finish { artifact: artifact(complete)? }
        }
        session::Action::Wait { until, why } => {
            Action::Wait { seconds: seconds(until), reason: serialized(py, &why)?.extract()? }
        }
        session::Action::End { outcome: Ok(done) } => Action::Done { artifact: artifact(done)? },
        session::Action::End { outcome: Err(error) } => {
            let facts = session.job().facts();
            let error = ExportError::Job {
                error: Box::new(error),
                checkpoint: Box::new(session.checkpoint()),
                original_request: facts
                    .and_then(|facts| facts.original_request.as_deref().map(String::from)),
            };
            let outcome = Outcome::Error(values::error(&error)).to_python(py)?;
            let error = outcome.get_item("error")?;
            let error = error.ok_or_else(closed)?.cast_into::<PyDict>()?;
            Action::Failed { error: error.unbind() }
        }
    })
}
