//! Values for Python: from JSON, and the outcome of an export.

use export_core::Checkpoint;
use export_ureq::{ExportError, Submitted};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use serde_json::{Value, json};

/// A value of JSON as Python has it.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Number(number) => match number.as_u64() {
            Some(number) => number.into_bound_py_any(py),
            None => match number.as_i64() {
                Some(number) => number.into_bound_py_any(py),
                None => number.as_f64().into_bound_py_any(py),
            },
        },
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (name, member) in members {
                dict.set_item(name, to_python(py, member)?)?;
            }
            Ok(dict.into_any())
        }
    }
}

/// What is serialized, as Python has it.
pub(crate) fn serialized<'py>(
    py: Python<'py>,
    value: &impl serde::Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, &serde_json::to_value(value).map_err(runtime_error)?)
}

/// The outcome of an export: an artifact with its path or its bytes, an accepted export, a status, or an error.
pub(crate) enum Outcome {
    File(Value),
    Bytes(Value, Vec<u8>),
    Error(Value),
}

impl Outcome {
    pub(crate) fn submitted(submitted: &Submitted) -> Self {
        let checkpoint = checkpoint_text(&submitted.checkpoint);
        Self::File(json!({"operation": submitted.operation, "checkpoint": checkpoint}))
    }

    pub(crate) fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        match self {
            Self::File(value) => dict.set_item("done", to_python(py, value)?)?,
            Self::Bytes(value, bytes) => {
                dict.set_item("done", to_python(py, value)?)?;
                dict.set_item("bytes", PyBytes::new(py, bytes))?;
            }
            Self::Error(value) => dict.set_item("error", to_python(py, value)?)?,
        }
        Ok(dict)
    }
}

/// What Python makes an exception of.
pub(crate) fn error(error: &ExportError) -> Value {
    let job = error.job();
    let mut value = match job.map(serde_json::to_value) {
        Some(Ok(value)) => value,
        _ => json!({
            "kind": match error {
                ExportError::Stopped { .. } => "stopped",
                _ => "local",
            },
            "fault": "local",
            "is_resumable": error.checkpoint().is_some(),
        }),
    };
    value["message"] = error.to_string().into();
    value["checkpoint"] = error.checkpoint().map(checkpoint_text).into();
    if value["request_id"].is_null() {
        value["request_id"] = error.original_request().into();
    }
    value
}

pub(crate) fn checkpoint_text(checkpoint: &Checkpoint) -> String {
    serde_json::to_string(checkpoint).unwrap_or_default()
}

pub(crate) fn checkpoint(text: &str) -> PyResult<Checkpoint> {
    serde_json::from_str(text)
        .map_err(|error| PyValueError::new_err(format!("this is not a checkpoint: {error}")))
}

pub(crate) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub(crate) fn runtime_error(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
