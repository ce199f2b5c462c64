//! Documents, spreadsheets and presentations.

use export_hyper::ExportSpec;

use super::formats::{document, needs_format, presentation, spreadsheet};
use super::{Asked, encoded};
use crate::cli::{DocumentArgs, PresentationArgs, SpreadsheetArgs};
use crate::report::Problem;
use crate::spec::choices::{Choice, apply};
use crate::spec::table::Kind;

impl Asked for DocumentArgs {
    const FORMATS: &'static [&'static str] = &["pdf", "docx", "xhtml"];

    fn kind(&self) -> &'static str {
        "document"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/documents/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = document(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
        let spec = ExportSpec::document(&self.id, export);
        apply(spec, "", Kind::Document, format, self.choices())
    }
}

impl Asked for SpreadsheetArgs {
    const FORMATS: &'static [&'static str] = &["xlsx", "csv", "pdf"];

    fn kind(&self) -> &'static str {
        "spreadsheet"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/spreadsheets/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = spreadsheet(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
        let spec = ExportSpec::spreadsheet(&self.id, export);
        apply(spec, "", Kind::Spreadsheet, format, self.choices())
    }
}

impl Asked for PresentationArgs {
    const FORMATS: &'static [&'static str] = &["pptx", "pdf"];

    fn kind(&self) -> &'static str {
        "presentation"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/presentations/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn choices(&self) -> &[Choice] {
        self.choices.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = presentation(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
        let spec = ExportSpec::presentation(&self.id, export);
        apply(spec, "", Kind::Presentation, format, self.choices())
    }
}
