use serde_json::{Map, Value};

use crate::documents::Format;
use crate::service::route::Family;

/// What a valid request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    name: String,
    format: Format,
    kind: Kind,
    parts: Vec<String>,
    facts: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The service converts it: the request decides what it becomes.
    Converted,
    /// It was uploaded and comes as it was.
    Uploaded,
}

impl Order {
    /// Reads a body that has passed the checks.
    pub(super) fn new(family: Family, ids: &[String], body: &Map<String, Value>) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let uploaded = text("kind") == Some("SupportingDocument");
        let format = match (family, text("kind")) {
            (Family::File, Some("Document")) => nested(body, "documentExport", Format::Docx),
            (Family::File, Some("Presentation")) => {
                nested(body, "presentationExport", Format::Pptx)
            }
            (Family::File, Some("Spreadsheet")) => nested(body, "spreadsheetExport", Format::Xlsx),
            (Family::File, Some("SupportingDocument")) => Format::Pdf,
            _ => text("format").and_then(Format::from_name).unwrap_or(Format::TarGz),
        };
        let mut facts = Vec::new();
        flatten("", body, &mut facts);
        let parts = parts(body);
        let source = body.get("workivaFileExportOptions").and_then(|it| it.get("sourceId"));
        let name = source.and_then(Value::as_str).or_else(|| ids.last().map(String::as_str));
        let spreadsheet = family == Family::Spreadsheet || body.contains_key("spreadsheetExport");
        Self {
            name: name.unwrap_or("export").to_owned(),
            format: match format {
                Format::Csv if spreadsheet && parts.len() != 1 => Format::CsvZip,
                format => format,
            },
            kind: if uploaded { Kind::Uploaded } else { Kind::Converted },
            parts,
            facts,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The extension of the file, if the request decides on it.
    pub(crate) fn extension(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Converted => Some(self.format.extension()),
            Kind::Uploaded => None,
        }
    }

    /// The sections, sheets or slides that were asked for; none for all.
    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Every value of the body, under its path, in the order of the paths.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a person gets a mail when the export is completed.
    pub(crate) fn mails(&self) -> bool {
        self.facts().any(|(name, value)| name.ends_with("emailOnComplete") && value == "true")
    }

    /// Width and height of a page, in inches.
    pub(crate) fn page(&self) -> (f64, f64) {
        let value = |end: &str| self.facts().find(|(name, _)| name.ends_with(end));
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

fn flatten(path: &str, object: &Map<String, Value>, facts: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(object) => flatten(&path, object, facts),
            Value::String(text) => facts.push((path, text.clone())),
            other => facts.push((path, other.to_string())),
        }
    }
    facts.sort();
}
