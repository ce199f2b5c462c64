//! The request of each command, made from its flags.

use clap::ValueEnum;
use export_hyper::{
    ArchiveOptions, DocumentExport, ExportSpec, FileExport, PresentationExport, SpreadsheetExport,
    StyleGuideExport, TestAttachment,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::args::{
    AttachmentArgs, ContainerArgs, DocumentArgs, FileArgs, FileKind, FolderArgs, GraphReportArgs,
    Kind, OptionScope, OptionSpec, OptionValue, PresentationArgs, SpreadsheetArgs, StyleGuideArgs,
    TestFormArgs,
};
use crate::problem::Problem;

/// A command that exports one kind of item.
pub(crate) trait ExportCommand: clap::Args {
    /// The values of `--format`; none if the kind has one format only.
    const FORMATS: &'static [&'static str] = &[];

    /// The kind of the item, as messages and receipts show it.
    fn kind(&self) -> &'static str;

    fn id(&self) -> &str;

    /// The path of the request, in an API version that has it.
    fn path(&self) -> String;

    /// The value of `--format`.
    fn format(&self) -> Option<&str> {
        None
    }

    /// The export options that were given.
    fn options(&self) -> &[OptionValue] {
        &[]
    }

    /// The request for an export in this format.
    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem>;
}

/// Percent-encodes an ID as one segment of a path.
fn encode(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

impl ExportCommand for DocumentArgs {
    const FORMATS: &'static [&'static str] = &["pdf", "docx", "xhtml"];

    fn kind(&self) -> &'static str {
        "document"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/documents/{}/export", encode(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = document(format)?.ok_or_else(|| missing_format(Self::FORMATS))?;
        let spec = ExportSpec::document(&self.id, export);
        apply(spec, "", Kind::Document, format, self.options())
    }
}

impl ExportCommand for SpreadsheetArgs {
    const FORMATS: &'static [&'static str] = &["xlsx", "csv", "pdf"];

    fn kind(&self) -> &'static str {
        "spreadsheet"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/spreadsheets/{}/export", encode(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = spreadsheet(format)?.ok_or_else(|| missing_format(Self::FORMATS))?;
        let spec = ExportSpec::spreadsheet(&self.id, export);
        apply(spec, "", Kind::Spreadsheet, format, self.options())
    }
}

impl ExportCommand for PresentationArgs {
    const FORMATS: &'static [&'static str] = &["pptx", "pdf"];

    fn kind(&self) -> &'static str {
        "presentation"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/presentations/{}/export", encode(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = presentation(format)?.ok_or_else(|| missing_format(Self::FORMATS))?;
        let spec = ExportSpec::presentation(&self.id, export);
        apply(spec, "", Kind::Presentation, format, self.options())
    }
}

impl ExportCommand for FileArgs {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/files/{}/export", encode(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let kind = self.kind.ok_or_else(|| Problem::usage("--kind is required without --body"))?;
        let archive = ArchiveOptions::default;
        let has_options = !self.options().is_empty();
        let (export, option_kind, path) = match kind {
            FileKind::Document => {
                (FileExport::document(document(format)?), Kind::Document, "documentExport")
            }
            FileKind::Spreadsheet => (
                FileExport::spreadsheet(spreadsheet(format)?),
                Kind::Spreadsheet,
                "spreadsheetExport",
            ),
            FileKind::Presentation => (
                FileExport::presentation(presentation(format)?),
                Kind::Presentation,
                "presentationExport",
            ),
            FileKind::SupportingDocument => {
                (FileExport::supporting_document(), Kind::SupportingDocument, "")
            }
            FileKind::Folder => {
                (FileExport::folder(has_options.then(archive)), Kind::Archive, "folderExport")
            }
            FileKind::Workiva => (
                FileExport::workiva(has_options.then(archive)),
                Kind::Archive,
                "workivaFileExport.workivaFileExportOptions",
            ),
        };
        match (format, self.options().first(), option_kind) {
            (Some(_), _, Kind::Archive | Kind::SupportingDocument) => {
                let kind = kind.to_possible_value();
                let kind = kind.as_ref().map_or("", |value| value.get_name());
                let message = format!("--format cannot be used with --kind {kind}");
                return Err(Problem::usage(message));
            }
            (None, Some(option), Kind::Document | Kind::Spreadsheet | Kind::Presentation) => {
                return Err(Problem::usage(format!("--{} requires --format", option.spec.flag)));
            }
            _ => {}
        }
        apply(ExportSpec::file(&self.id, export), path, option_kind, format, self.options())
    }
}

impl ExportCommand for FolderArgs {
    fn kind(&self) -> &'static str {
        "folder"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/files/{}/export", encode(&self.id))
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let options = (!self.options().is_empty()).then(ArchiveOptions::default);
        let spec = ExportSpec::file(&self.id, FileExport::folder(options));
        apply(spec, "folderExport", Kind::Archive, None, self.options())
    }
}

impl ExportCommand for ContainerArgs {
    fn kind(&self) -> &'static str {
        "container"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        "/prototype/platform/files/export".into()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let spec = ExportSpec::container(&self.id, ArchiveOptions::default());
        apply(spec, "workivaFileExportOptions", Kind::Archive, None, self.options())
    }
}

impl ExportCommand for StyleGuideArgs {
    fn kind(&self) -> &'static str {
        "style guide"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/content/styleGuides/{}/export", encode(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = match &self.revision {
            Some(revision) => StyleGuideExport::revision(revision),
            None => StyleGuideExport::latest(),
        };
        Ok(ExportSpec::style_guide(&self.id, export))
    }
}

impl ExportCommand for GraphReportArgs {
    fn kind(&self) -> &'static str {
        "graph report"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/graph/reports/{}/export", encode(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        Ok(ExportSpec::graph_report(&self.id))
    }
}

impl ExportCommand for TestFormArgs {
    fn kind(&self) -> &'static str {
        "test form"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        format!("/testForms/{}/export", encode(&self.id))
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        Ok(ExportSpec::test_form(&self.id))
    }
}

impl ExportCommand for AttachmentArgs {
    fn kind(&self) -> &'static str {
        "attachment"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn path(&self) -> String {
        let mut path = format!(
            "/testForms/{}/testPhases/{}",
            encode(&self.test_form),
            encode(&self.test_phase)
        );
        for (name, id) in [("matrices", &self.matrix), ("samples", &self.sample)] {
            if let Some(id) = id {
                path.push_str(&format!("/{name}/{}", encode(id)));
            }
        }
        path.push_str(&format!("/attachments/{}/export", encode(&self.id)));
        path
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let attachment = TestAttachment::new(&self.test_form, &self.test_phase, &self.id);
        Ok(ExportSpec::test_attachment(match (&self.matrix, &self.sample) {
            (Some(matrix), Some(sample)) => attachment.of_sample(matrix, sample),
            (Some(matrix), None) => attachment.of_matrix(matrix),
            (None, _) => attachment,
        }))
    }
}

fn document(format: Option<&str>) -> Result<Option<DocumentExport>, Problem> {
    match format {
        None => Ok(None),
        Some("pdf") => Ok(Some(DocumentExport::pdf())),
        Some("docx") => Ok(Some(DocumentExport::docx())),
        Some("xhtml") => Ok(Some(DocumentExport::xhtml())),
        Some(other) => Err(invalid_format(other, DocumentArgs::FORMATS)),
    }
}

fn spreadsheet(format: Option<&str>) -> Result<Option<SpreadsheetExport>, Problem> {
    match format {
        None => Ok(None),
        Some("xlsx") => Ok(Some(SpreadsheetExport::xlsx())),
        Some("csv") => Ok(Some(SpreadsheetExport::csv())),
        Some("pdf") => Ok(Some(SpreadsheetExport::pdf())),
        Some(other) => Err(invalid_format(other, SpreadsheetArgs::FORMATS)),
    }
}

fn presentation(format: Option<&str>) -> Result<Option<PresentationExport>, Problem> {
    match format {
        None => Ok(None),
        Some("pptx") => Ok(Some(PresentationExport::pptx())),
        Some("pdf") => Ok(Some(PresentationExport::pdf())),
        Some(other) => Err(invalid_format(other, PresentationArgs::FORMATS)),
    }
}

fn missing_format(formats: &[&str]) -> Problem {
    Problem::usage("--format is required, unless the name after -o ends in a format")
        .advise(format!("use --format {}", list(formats.iter().copied())))
}

fn invalid_format(format: &str, formats: &[&str]) -> Problem {
    let expected = list(formats.iter().copied());
    Problem::usage(format!("invalid value '{format}' for '--format': expected {expected}"))
}

/// Sets the fields of the options. `path` is the object of the request body that has the options of
/// this kind.
fn apply(
    spec: ExportSpec,
    path: &str,
    kind: Kind,
    format: Option<&str>,
    options: &[OptionValue],
) -> Result<ExportSpec, Problem> {
    options.iter().try_fold(spec, |spec, option| {
        let scope = scope_of(option.spec, kind, format)?;
        let path = [path, scope.object(), option.spec.field];
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(spec.with_field(&path.join("."), option.value.clone()))
    })
}

/// The scope of an option in a request for this kind and format.
fn scope_of(option: &OptionSpec, kind: Kind, format: Option<&str>) -> Result<OptionScope, Problem> {
    let flag = option.flag;
    let scopes: Vec<OptionScope> =
        option.scopes.iter().copied().filter(|scope| scope.kind() == kind).collect();
    if scopes.is_empty() {
        let kinds = list(option.scopes.iter().map(|scope| scope.kind().plural()));
        let problem = Problem::usage(format!(
            "--{flag} cannot be used with {}, only with {kinds}",
            kind.plural()
        ));
        let instead = option.value.is_selection().then(|| kind.selection()).flatten();
        return Err(match instead {
            Some(instead) => problem.advise(format!("use --{instead}, or remove it")),
            None => problem.advise("remove it"),
        });
    }
    let fits = |scope: &OptionScope| scope.format().is_none() || scope.format() == format;
    scopes.iter().copied().find(fits).ok_or_else(|| {
        let formats = list(scopes.iter().filter_map(|scope| scope.format()));
        match format {
            Some(format) => Problem::usage(format!(
                "--{flag} cannot be used with --format {format}, only with {formats}"
            ))
            .advise("remove it"),
            None => Problem::usage(format!("--{flag} requires --format {formats}")),
        }
    })
}

/// Lists words without duplicates: `a, b or c`.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut list: Vec<&str> = Vec::new();
    for word in words {
        if !list.contains(&word) {
            list.push(word);
        }
    }
    match list.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => list.concat(),
    }
}
