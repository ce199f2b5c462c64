//! A pacer that processes share, kept by an object of Python.

use std::fmt;
use std::io;
use std::time::Duration;

use export_core::Timestamp;
use export_core::pacer::Pacer;
use export_host::{PaceStore, StoredPacer};
use pyo3::prelude::*;

/// A `workiva_export.PaceStore`.
pub(crate) struct PythonPace(pub(crate) Py<PyAny>);

impl PaceStore for PythonPace {
    fn update(&self, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()> {
        // A thread may outlive the interpreter.
        let updated = Python::try_attach(|py| {
            let store = self.0.bind(py);
            let locked = store.call_method0("lock")?;
            let (seconds, text): (f64, Option<String>) = locked.extract()?;
            let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let mut stored = StoredPacer::from_json(text.unwrap_or_default().as_bytes());
            stored.update(Timestamp::EPOCH + time, f);
            store.call_method1("unlock", (serde_json::to_string(&stored)?,))?;
            Ok(())
        });
        updated.unwrap_or_else(|| Err(io::Error::other("Python has ended")))
    }

    fn on_failure(&self, error: &io::Error) {
        report(error);
    }
}

impl fmt::Debug for PythonPace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PythonPace")
    }
}

/// Logs that the client goes on alone.
pub(crate) fn report(error: &io::Error) {
    let text = format!("the rate limits are not shared with other processes for now: {error}");
    let logged = Python::try_attach(|py| {
        let logger = py.import("logging")?.call_method1("getLogger", ("workiva_export",))?;
        logger.call_method1("warning", (text,))?;
        PyResult::Ok(())
    });
    if let Some(Err(error)) = logged {
        Python::try_attach(|py| error.write_unraisable(py, None));
    }
}
