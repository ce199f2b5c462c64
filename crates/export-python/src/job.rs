//! What is exported.

use export_core::workiva::{
    ArchiveOptions, DocumentExport, ExportOption, ExportSpec, FileExport, ItemKind, OptionValue,
    PresentationExport, SpreadsheetExport, StyleGuideExport, TestAttachment,
};
use export_core::{Checkpoint, ExportJob};
use export_host::ExportError;
use export_ureq::Export;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};

use crate::settings::Settings;
use crate::values::{self, to_python, value_error};

/// An export that is not started: new, resumed or attached.
#[pyclass(frozen, module = "workiva_export._native")]
pub(crate) struct Job {
    source: Source,
    #[pyo3(get)]
    key: Option<String>,
}

enum Source {
    New(Box<ExportSpec>),
    Resumed(Box<Checkpoint>),
    Attached(String),
}

#[pymethods]
impl Job {
    /// A new export of an item. `options` is a dict, with the names of `ExportOption` in snake case.
    #[staticmethod]
    #[pyo3(signature = (settings, kind, ids, format, options, key))]
    fn new_export(
        settings: &Settings,
        kind: &str,
        ids: Vec<String>,
        format: Option<&str>,
        options: &Bound<'_, PyDict>,
        key: Option<String>,
    ) -> PyResult<Self> {
        let mut spec = spec(kind, ids, format)?;
        for (name, value) in options {
            let name: String = name.extract()?;
            let option = option(kind, format, &name)?;
            spec =
                spec.with_option(option, json_of(option, &name, &value)?).map_err(value_error)?;
        }
        Self::checked(settings, Source::New(Box::new(spec)), key)
    }

    /// A new export by the path and the JSON body of its request.
    #[staticmethod]
    #[pyo3(signature = (settings, path, body, key))]
    fn of_request(
        settings: &Settings,
        path: &str,
        body: &str,
        key: Option<String>,
    ) -> PyResult<Self> {
        let spec = ExportSpec::from_body(path, body).map_err(value_error)?;
        Self::checked(settings, Source::New(Box::new(spec)), key)
    }

    /// A resumed export, by the JSON of its checkpoint.
    #[staticmethod]
    #[pyo3(signature = (settings, checkpoint, key))]
    fn resumed(settings: &Settings, checkpoint: &str, key: Option<String>) -> PyResult<Self> {
        let checkpoint = Box::new(values::checkpoint(checkpoint)?);
        Self::checked(settings, Source::Resumed(checkpoint), key)
    }

    /// An export that was started elsewhere, by the id or the URL of its operation.
    #[staticmethod]
    #[pyo3(signature = (settings, operation, key))]
    fn attached(settings: &Settings, operation: String, key: Option<String>) -> PyResult<Self> {
        Self::checked(settings, Source::Attached(operation), key)
    }

    fn __repr__(&self) -> String {
        match &self.source {
            Source::New(spec) => format!("Job({spec:?})"),
            Source::Resumed(checkpoint) => format!("Job(resumed, {:?})", checkpoint.spec()),
            Source::Attached(_) => "Job(attached)".into(),
        }
    }
}

impl Job {
    /// A job that the service would not refuse, as far as that is known.
    fn checked(settings: &Settings, source: Source, key: Option<String>) -> PyResult<Self> {
        if key.is_some() && settings.checkpoints.is_none() {
            return Err(PyValueError::new_err(
                "a key needs a client with a folder for checkpoints",
            ));
        }
        let job = Self { source, key };
        job.start(settings).map_err(value_error)?;
        Ok(job)
    }

    pub(crate) fn start(&self, settings: &Settings) -> Result<ExportJob, ExportError> {
        Ok(match &self.source {
            Source::New(spec) => ExportJob::new((**spec).clone(), &settings.config)?,
            Source::Resumed(checkpoint) => {
                ExportJob::resume((**checkpoint).clone(), &settings.config)?
            }
            Source::Attached(operation) => {
                ExportJob::attach(operation, &settings.config).map_err(ExportError::Attach)?
            }
        })
    }

    pub(crate) fn export(&self, client: &export_ureq::Client) -> Export {
        let export = match &self.source {
            Source::New(spec) => client.export((**spec).clone()),
            Source::Resumed(checkpoint) => client.resume((**checkpoint).clone()),
            Source::Attached(operation) => client.attach(operation),
        };
        match &self.key {
            Some(key) => export.with_key(key),
            None => export,
        }
    }
}

/// The formats of a kind are checked here: the types of the specs exclude others.
fn spec(kind: &str, ids: Vec<String>, format: Option<&str>) -> PyResult<ExportSpec> {
    let mut ids = ids.into_iter();
    let mut id = || ids.next().unwrap_or_default();
    let wrong = |formats: &[&str]| {
        let expected = formats.join(", ");
        PyValueError::new_err(format!(
            "invalid value {:?} for format: expected one of {expected}",
            format.unwrap_or_default()
        ))
    };
    let name = format.unwrap_or_default();
    let document = || DocumentExport::in_format(name).ok_or_else(|| wrong(DocumentExport::FORMATS));
    let spreadsheet =
        || SpreadsheetExport::in_format(name).ok_or_else(|| wrong(SpreadsheetExport::FORMATS));
    let presentation =
        || PresentationExport::in_format(name).ok_or_else(|| wrong(PresentationExport::FORMATS));
    let given = format.is_some();
    Ok(match kind {
        "document" => ExportSpec::document(id(), document()?),
        "spreadsheet" => ExportSpec::spreadsheet(id(), spreadsheet()?),
        "presentation" => ExportSpec::presentation(id(), presentation()?),
        "file_document" => {
            ExportSpec::file(id(), FileExport::document(given.then(document).transpose()?))
        }
        "file_spreadsheet" => {
            ExportSpec::file(id(), FileExport::spreadsheet(given.then(spreadsheet).transpose()?))
        }
        "file_presentation" => {
            ExportSpec::file(id(), FileExport::presentation(given.then(presentation).transpose()?))
        }
        "file_supporting_document" => ExportSpec::file(id(), FileExport::supporting_document()),
        "file_folder" => ExportSpec::file(id(), FileExport::folder(ArchiveOptions::default())),
        "file_workiva" => ExportSpec::file(id(), FileExport::workiva(ArchiveOptions::default())),
        "style_guide" => {
            let (id, revision) = (id(), ids.next());
            let guide = revision.map_or_else(StyleGuideExport::latest, StyleGuideExport::revision);
            ExportSpec::style_guide(id, guide)
        }
        "graph_report" => ExportSpec::graph_report(id()),
        "test_form" => ExportSpec::test_form(id()),
        "test_attachment" | "original_test_attachment" => {
            let attachment = TestAttachment::new(id(), id(), id());
            let attachment = match (ids.next(), ids.next()) {
                (Some(matrix), Some(sample)) => attachment.of_sample(matrix, sample),
                (Some(matrix), None) => attachment.of_matrix(matrix),
                _ => attachment,
            };
            match kind {
                "test_attachment" => ExportSpec::test_attachment(attachment),
                _ => ExportSpec::original_test_attachment(attachment),
            }
        }
        _ => return Err(PyValueError::new_err(format!("there is no kind {kind:?}"))),
    })
}

/// The option of this name, for a kind and a format.
fn option(kind: &str, format: Option<&str>, name: &str) -> PyResult<&'static ExportOption> {
    let of_kind = |option: &&ExportOption| match option.kind {
        ItemKind::Document => kind.ends_with("document"),
        ItemKind::Spreadsheet => kind.ends_with("spreadsheet"),
        ItemKind::Presentation => kind.ends_with("presentation"),
        ItemKind::Archive => matches!(kind, "file_folder" | "file_workiva"),
        _ => false,
    };
    let in_format = |option: &&ExportOption| option.format.is_none() || option.format == format;
    let mut options = ExportOption::all().filter(of_kind).filter(in_format);
    options.clone().find(|option| option.name == name).ok_or_else(|| {
        let names: Vec<_> = options.by_ref().map(|option| option.name).collect();
        let of = format.map(|format| format!(" as {format}")).unwrap_or_default();
        let what = kind.trim_start_matches("file_");
        PyValueError::new_err(match names.is_empty() {
            true => format!("a {what}{of} has no options, but got {name}"),
            false => format!("a {what}{of} has no option {name}; it has {}", names.join(", ")),
        })
    })
}

fn json_of(option: &ExportOption, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let wrong = |expected: &str| {
        let got = value.repr().map(|text| text.to_string()).unwrap_or_default();
        PyValueError::new_err(format!("invalid value {got} for {name}: expected {expected}"))
    };
    match option.value {
        OptionValue::Bool => value.extract::<bool>().map(Value::from).map_err(|_| wrong("a bool")),
        OptionValue::Ids => {
            value.extract::<Vec<String>>().map(Value::from).map_err(|_| wrong("a list of ids"))
        }
        OptionValue::Inches => {
            value.extract::<f64>().map(Value::from).map_err(|_| wrong("a number of inches"))
        }
        OptionValue::OneOf(words) => {
            let word = value.extract::<String>().ok().filter(|word| words.contains(&word.as_str()));
            let expected = || wrong(&format!("one of {}", words.join(", ")));
            word.map(Value::from).ok_or_else(expected)
        }
        _ => Err(wrong("a value of a newer release")),
    }
}

/// All options, for the types of the package.
#[pyfunction]
pub(crate) fn options(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let kind = |kind| match kind {
        ItemKind::Document => "document",
        ItemKind::Spreadsheet => "spreadsheet",
        ItemKind::Presentation => "presentation",
        _ => "archive",
    };
    let value = |value| match value {
        OptionValue::Bool => json!("bool"),
        OptionValue::Ids => json!("ids"),
        OptionValue::Inches => json!("inches"),
        OptionValue::OneOf(words) => json!(words),
        _ => Value::Null,
    };
    let all = ExportOption::all().map(|option| {
        json!({
            "name": option.name,
            "kind": kind(option.kind),
            "format": option.format,
            "value": value(option.value),
            "help": option.help(),
        })
    });
    to_python(py, &all.collect())
}
