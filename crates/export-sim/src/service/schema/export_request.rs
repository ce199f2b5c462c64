use serde_json::{Map, Value};

use crate::documents::Format;
use crate::service::route::ExportKind;

/// A validated export request.
#[derive(Clone, Debug)]
pub(crate) struct ExportRequest {
    name: String,
    format: Format,
    kind: Kind,
    parts: Vec<String>,
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
        let parts = parts(body);
        let source = body.get("workivaFileExportOptions").and_then(|it| it.get("sourceId"));
        let name = source.and_then(Value::as_str).or_else(|| ids.last().map(String::as_str));
        let spreadsheet = kind == ExportKind::Spreadsheet || body.contains_key("spreadsheetExport");
        Self {
            name: name.unwrap_or("export").to_owned(),
            format: match format {
                Format::Csv if spreadsheet && parts.len() != 1 => Format::CsvZip,
                format => format,
            },
            kind: if uploaded { Kind::Uploaded } else { Kind::Converted },
            parts,
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

    /// The requested sections, sheets or slides. Empty if all are requested.
    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// All values of the body with their paths, sorted by path.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the service sends an email when the export is completed.
    pub(crate) fn mails(&self) -> bool {
        self.options().any(|(name, value)| name.ends_with("emailOnComplete") && value == "true")
    }

    /// The width and height of a page, in inches.
    pub(crate) fn page(&self) -> (f64, f64) {
        let value = |end: &str| self.options().find(|(name, _)| name.ends_with(end));
        let inches = |end: &str| value(end).and_then(|(_, inches)| inches.parse().ok());
        let (width, height) =
            (inches("pageWidth").unwrap_or(8.5), inches("pageHeight").unwrap_or(11.0));
        match value("pageOrientation") {
            Some((_, "landscape")) => (height, width),
            _ => (width, height),
        }
    }
}

fn nested(body: &Map<String, Value>, name: &str, default: Format) -> Format {
    let format = body.get(name).and_then(|export| export.get("format")).and_then(Value::as_str);
    format.and_then(Format::from_name).unwrap_or(default)
}

fn parts(body: &Map<String, Value>) -> Vec<String> {
    let nested = ["documentExport", "spreadsheetExport", "presentationExport"];
    let objects = nested.iter().filter_map(|name| body.get(*name)?.as_object()).chain([body]);
    let lists = objects.flat_map(|object| {
        ["sections", "sheets", "slides"].into_iter().filter_map(|name| object.get(name)?.as_array())
    });
    lists.flatten().filter_map(Value::as_str).map(str::to_owned).collect()
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
