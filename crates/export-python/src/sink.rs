//! The file of an export, for drivers in Python.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use export_ureq::Sink;
use pyo3::prelude::*;

use crate::values::serialized;

/// What is known about an exported file.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Artifact(pub(crate) export_core::Artifact);

#[pymethods]
impl Artifact {
    #[getter]
    fn file_name(&self) -> &str {
        self.0.file_name()
    }

    #[getter]
    fn length(&self) -> Option<u64> {
        self.0.length()
    }

    #[getter]
    fn media_type(&self) -> Option<&str> {
        self.0.media_type()
    }

    #[getter]
    fn operation(&self) -> &str {
        self.0.operation()
    }

    /// All facts, as a dict.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        serialized(py, &self.0)
    }

    fn __repr__(&self) -> String {
        format!("Artifact({:?}, length={:?})", self.0.file_name(), self.0.length())
    }
}

/// A part file that gets its name when it is complete, as that of the other clients.
///
/// Its methods write to a disk and release the GIL meanwhile.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct FileSink {
    sink: Mutex<export_ureq::FileSink>,
}

#[pymethods]
impl FileSink {
    #[new]
    fn new(path: PathBuf, is_folder: bool) -> Self {
        let sink = match is_folder {
            true => export_ureq::FileSink::to_folder(path),
            false => export_ureq::FileSink::to_file(path),
        };
        Self { sink: Mutex::new(sink) }
    }

    /// Checks that the file could be written, before anything is sent.
    #[staticmethod]
    fn check(py: Python<'_>, path: PathBuf, is_folder: bool) -> PyResult<()> {
        py.detach(|| match is_folder {
            true => export_host::FolderChecks::default().check(&path),
            false => export_host::PartFile::check(&path),
        })?;
        Ok(())
    }

    fn measure(&self, py: Python<'_>, operation: &str) -> PyResult<u64> {
        Ok(py.detach(|| self.sink().have(operation))?)
    }

    fn begin(&self, py: Python<'_>, artifact: &Artifact, offset: u64) -> PyResult<()> {
        Ok(py.detach(|| self.sink().begin(&artifact.0, offset))?)
    }

    fn write(&self, py: Python<'_>, chunk: &[u8]) -> PyResult<()> {
        Ok(py.detach(|| self.sink().write(chunk))?)
    }

    fn sync(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(py.detach(|| self.sink().sync())?)
    }

    fn finish(&self, py: Python<'_>, artifact: &Artifact) -> PyResult<()> {
        Ok(py.detach(|| self.sink().finish(&artifact.0))?)
    }

    /// Where the complete file is.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.sink().finished().map(PathBuf::from)
    }
}

impl FileSink {
    fn sink(&self) -> MutexGuard<'_, export_ureq::FileSink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
