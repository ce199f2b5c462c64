//! The formats of each kind.

use export_hyper::{DocumentExport, PresentationExport, SpreadsheetExport};

use super::Asked;
use crate::cli::{DocumentArgs, PresentationArgs, SpreadsheetArgs};
use crate::report::Problem;

pub(super) fn document(format: Option<&str>) -> Result<Option<DocumentExport>, Problem> {
    match format {
        None => Ok(None),
        Some("pdf") => Ok(Some(DocumentExport::pdf())),
        Some("docx") => Ok(Some(DocumentExport::docx())),
        Some("xhtml") => Ok(Some(DocumentExport::xhtml())),
        Some(other) => Err(no_such_format(other, "document", DocumentArgs::FORMATS)),
    }
}

pub(super) fn spreadsheet(format: Option<&str>) -> Result<Option<SpreadsheetExport>, Problem> {
    match format {
        None => Ok(None),
        Some("xlsx") => Ok(Some(SpreadsheetExport::xlsx())),
        Some("csv") => Ok(Some(SpreadsheetExport::csv())),
        Some("pdf") => Ok(Some(SpreadsheetExport::pdf())),
        Some(other) => Err(no_such_format(other, "spreadsheet", SpreadsheetArgs::FORMATS)),
    }
}

pub(super) fn presentation(format: Option<&str>) -> Result<Option<PresentationExport>, Problem> {
    match format {
        None => Ok(None),
        Some("pptx") => Ok(Some(PresentationExport::pptx())),
        Some("pdf") => Ok(Some(PresentationExport::pdf())),
        Some(other) => Err(no_such_format(other, "presentation", PresentationArgs::FORMATS)),
    }
}

/// What to say where a format has to be chosen.
pub(super) fn needs_format(formats: &[&str]) -> Problem {
    Problem::usage("give a --format, or a name after -o that ends in one")
        .advise(format!("use --format {}", formats.join(", ")))
}

fn no_such_format(format: &str, kind: &str, formats: &[&str]) -> Problem {
    Problem::usage(format!("a {kind} cannot be exported as {format}"))
        .advise(format!("use --format {}", formats.join(", ")))
}
