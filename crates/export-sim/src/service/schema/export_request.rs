use serde_json::{Map, Value};

use crate::documents::{Format, Report};
use crate::random::hash;
use crate::service::route::ExportKind;

/// A validated export request.
#[derive(Clone, Debug)]
pub(crate) struct ExportRequest {
    name: String,
    format: Format,
    kind: Kind,
    report: Report,
    mails: bool,
    /// A hash of the whole body.
    fingerprint: u64,
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
        let uploaded = kind == ExportKind::Original || text("kind") == Some("SupportingDocument");
        let format = match (kind, text("kind")) {
            (ExportKind::File, Some("Document")) => nested(body, "documentExport", Format::Docx),
            (ExportKind::File, Some("Presentation")) => {
                nested(body, "presentationExport", Format::Pptx)
            }
            (ExportKind::File, Some("Spreadsheet")) => {
                nested(body, "spreadsheetExport", Format::Xlsx)
            }
            (ExportKind::File, Some("SupportingDocument")) => Format::Pdf,
            (ExportKind::Attachment, _) => Format::Pdf,
            (ExportKind::Original, _) => Format::Docx,
            (ExportKind::TestForm, _) => Format::Xlsx,
            _ => text("format").and_then(Format::from_name).unwrap_or(Format::TarGz),
        };
        // The members of a map are sorted: their order in the request does not change the file.
        let fingerprint = hash(0, Value::Object(body.clone()).to_string().as_bytes());
        let source = body.get("workivaFileExportOptions").and_then(|it| it.get("sourceId"));
        let name = source.and_then(Value::as_str).or_else(|| ids.last().map(String::as_str));
        let report = match (kind, text("kind")) {
            (ExportKind::Spreadsheet, _) | (_, Some("Spreadsheet")) => Report::Spreadsheet,
            (ExportKind::Presentation, _) | (_, Some("Presentation")) => Report::Presentation,
            _ => Report::Document,
        };
        Self {
            name: name.unwrap_or("export").to_owned(),
            format: match format {
                Format::Csv if report == Report::Spreadsheet && sheets(body) != 1 => Format::CsvZip,
                format => format,
            },
            kind: if uploaded { Kind::Uploaded } else { Kind::Converted },
            report,
            mails: asks_for_mail(body),
            fingerprint,
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

    /// Equal for equal bodies.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether the service sends an email when the export is completed.
    pub(crate) fn mails(&self) -> bool {
        self.mails
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

fn asks_for_mail(object: &Map<String, Value>) -> bool {
    object.iter().any(|(name, value)| match value {
        Value::Object(object) => asks_for_mail(object),
        value => name == "emailOnComplete" && *value == Value::Bool(true),
    })
}
