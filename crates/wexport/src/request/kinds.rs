//! From a command's flags to the request that it asks for.

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

/// What a command asks for.
pub(crate) trait ExportCommand: clap::Args {
    /// The formats to choose from; none if there is nothing to choose.
    const FORMATS: &'static [&'static str] = &[];

    /// What is exported, in a word.
    fn kind(&self) -> &'static str;

    /// Its id.
    fn id(&self) -> &str;

    /// The path of the request, in a generation that has it.
    fn path(&self) -> String;

    /// The format, if `--format` names it.
    fn format(&self) -> Option<&str> {
        None
    }

    /// The options that were given.
    fn options(&self) -> &[OptionValue] {
        &[]
    }

    /// The request, in this format.
    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem>;
}

/// An id as one segment of a path.
fn encoded(id: &str) -> String {
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
        format!("/documents/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = document(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
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
        format!("/spreadsheets/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = spreadsheet(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
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
        format!("/presentations/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = presentation(format)?.ok_or_else(|| needs_format(Self::FORMATS))?;
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
        format!("/files/{}/export", encoded(&self.id))
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionValue] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let kind = self.kind.ok_or_else(|| Problem::usage("give --kind, or a --body with one"))?;
        let archive = ArchiveOptions::default;
        let chosen = !self.options().is_empty();
        let (export, kind_of_options, at) = match kind {
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
                (FileExport::folder(chosen.then(archive)), Kind::Archive, "folderExport")
            }
            FileKind::Workiva => (
                FileExport::workiva(chosen.then(archive)),
                Kind::Archive,
                "workivaFileExport.workivaFileExportOptions",
            ),
        };
        if let (Some(format), Kind::Archive | Kind::SupportingDocument) = (format, kind_of_options)
        {
            return Err(Problem::usage(format!(
                "--format {format} cannot be chosen for this --kind: leave it out"
            )));
        }
        if let (None, Some(option), false) =
            (format, self.options().first(), kind_of_options == Kind::Archive)
            && kind_of_options != Kind::SupportingDocument
        {
            return Err(Problem::usage(format!("--{} needs a --format", option.spec.flag)));
        }
        apply(ExportSpec::file(&self.id, export), at, kind_of_options, format, self.options())
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
        format!("/files/{}/export", encoded(&self.id))
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
        format!("/content/styleGuides/{}/export", encoded(&self.id))
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
        format!("/graph/reports/{}/export", encoded(&self.id))
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
        format!("/testForms/{}/export", encoded(&self.id))
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
            encoded(&self.test_form),
            encoded(&self.test_phase)
        );
        for (name, id) in [("matrices", &self.matrix), ("samples", &self.sample)] {
            if let Some(id) = id {
                path.push_str(&format!("/{name}/{}", encoded(id)));
            }
        }
        path.push_str(&format!("/attachments/{}/export", encoded(&self.id)));
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
        Some(other) => Err(no_such_format(other, "document", DocumentArgs::FORMATS)),
    }
}

fn spreadsheet(format: Option<&str>) -> Result<Option<SpreadsheetExport>, Problem> {
    match format {
        None => Ok(None),
        Some("xlsx") => Ok(Some(SpreadsheetExport::xlsx())),
        Some("csv") => Ok(Some(SpreadsheetExport::csv())),
        Some("pdf") => Ok(Some(SpreadsheetExport::pdf())),
        Some(other) => Err(no_such_format(other, "spreadsheet", SpreadsheetArgs::FORMATS)),
    }
}

fn presentation(format: Option<&str>) -> Result<Option<PresentationExport>, Problem> {
    match format {
        None => Ok(None),
        Some("pptx") => Ok(Some(PresentationExport::pptx())),
        Some("pdf") => Ok(Some(PresentationExport::pdf())),
        Some(other) => Err(no_such_format(other, "presentation", PresentationArgs::FORMATS)),
    }
}

/// What to say where a format has to be chosen.
fn needs_format(formats: &[&str]) -> Problem {
    Problem::usage("give a --format, or a name after -o that ends in one")
        .advise(format!("use --format {}", formats.join(", ")))
}

fn no_such_format(format: &str, kind: &str, formats: &[&str]) -> Problem {
    Problem::usage(format!("a {kind} cannot be exported as {format}"))
        .advise(format!("use --format {}", formats.join(", ")))
}

/// Puts the options into a spec. `at` is where the options of this kind are in the body.
fn apply(
    spec: ExportSpec,
    at: &str,
    kind: Kind,
    format: Option<&str>,
    options: &[OptionValue],
) -> Result<ExportSpec, Problem> {
    options.iter().try_fold(spec, |spec, option| {
        let scope = scope_of(option.spec, kind, format)?;
        let path = [at, scope.object(), option.spec.field];
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(spec.with_field(&path.join("."), option.value.clone()))
    })
}

/// Where an option belongs in a request for this kind and format.
fn scope_of(option: &OptionSpec, kind: Kind, format: Option<&str>) -> Result<OptionScope, Problem> {
    let flag = option.flag;
    let mut of_kind = option.scopes.iter().copied().filter(|scope| scope.kind() == kind).peekable();
    if of_kind.peek().is_none() {
        let meant = listed(option.scopes.iter().map(|scope| scope.kind().plural()));
        let instead = option.value.is_selection().then(|| kind.selection()).flatten();
        let problem =
            Problem::usage(format!("--{flag} is for {meant}, and this exports {}", kind.article()));
        return Err(match instead {
            Some(instead) => problem.advise(format!("use --{instead}, or leave it out")),
            None => problem.advise("leave it out"),
        });
    }
    let fits = |scope: &OptionScope| scope.format().is_none() || scope.format() == format;
    let all: Vec<OptionScope> = of_kind.collect();
    all.iter().copied().find(fits).ok_or_else(|| {
        let meant = listed(all.iter().filter_map(|scope| scope.format()));
        match format {
            Some(format) => {
                Problem::usage(format!("--{flag} is for --format {meant}, and this is {format}"))
                    .advise("leave it out")
            }
            None => Problem::usage(format!("--{flag} needs --format {meant}")),
        }
    })
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
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
