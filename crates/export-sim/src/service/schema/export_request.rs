use serde_json::{Map, Value};

use crate::documents::{Format, Report};
use crate::service::route::ExportKind;

/// A validated export request.
#[derive(Clone, Debug)]
pub(crate) struct ExportRequest {
    name: String,
    format: Format,
    kind: Kind,
    report: Report,
    options: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The service converts the object to the requested format.
    Converted,
    /// The object is an uploaded file, which is exported unchanged.
    Uploaded,
}

impl ExportRequest {
    /// Converts a body that has passed validation.
    pub(super) fn new(kind: ExportKind, ids: &[String], body: &Map<String, Value>) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let uploaded = text("kind") == Some("SupportingDocument");
        let format = match (kind, text("kind")) {
            (ExportKind::File, Some("Document")) => nested(body, "documentExport", Format::Docx),
            (ExportKind::File, Some("Presentation")) => {
                nested(body, "presentationExport", Format::Pptx)
            }
            (ExportKind::File, Some("Spreadsheet")) => {
                nested(body, "spreadsheetExport", Format::Xlsx)
            }
            (ExportKind::File, Some("SupportingDocument")) => Format::Pdf,
            _ => text("format").and_then(Format::from_name).unwrap_or(Format::TarGz),
        };
        let mut options = Vec::new();
        flatten("", body, &mut options);
        let source = body.get("workivaFileExportOptions").and_then(|it| it.get("sourceId"));
        let name = source.and_then(Value::as_str).or_else(|| ids.last().map(String::as_str));
        let report = if kind == ExportKind::Spreadsheet || body.contains_key("spreadsheetExport") {
            Report::Spreadsheet
        } else if kind == ExportKind::Presentation || body.contains_key("presentationExport") {
            Report::Presentation
        } else {
            Report::Document
        };
        Self {
            name: name.unwrap_or("export").to_owned(),
            format: match format {
                Format::Csv if report == Report::Spreadsheet && sheets(body) != 1 => Format::CsvZip,
                format => format,
            },
            kind: if uploaded { Kind::Uploaded } else { Kind::Converted },
            report,
            options,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The extension of the file, unless the file is an uploaded one.
    pub(crate) fn extension(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Converted => Some(self.format.extension()),
            Kind::Uploaded => None,
        }
    }

    pub(crate) fn report(&self) -> Report {
        self.report
    }

    /// All values of the body with their paths, sorted by path.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the service sends an email when the export is completed.
    pub(crate) fn mails(&self) -> bool {
        self.options().any(|(name, value)| name.ends_with("emailOnComplete") && value == "true")
    }
}

fn nested(body: &Map<String, Value>, name: &str, default: Format) -> Format {
    let format = body.get(name).and_then(|export| export.get("format")).and_then(Value::as_str);
    format.and_then(Format::from_name).unwrap_or(default)
}

/// The number of requested sheets; 0 if all are requested.
fn sheets(body: &Map<String, Value>) -> usize {
    let nested = body.get("spreadsheetExport").and_then(|export| export.get("sheets"));
    nested.or_else(|| body.get("sheets")).and_then(Value::as_array).map_or(0, Vec::len)
}

fn flatten(path: &str, object: &Map<String, Value>, options: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(object) => flatten(&path, object, options),
            Value::String(text) => options.push((path, text.clone())),
            other => options.push((path, other.to_string())),
        }
    }
    options.sort();
}
