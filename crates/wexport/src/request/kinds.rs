//! The request of each command, made from its flags.

use clap::ValueEnum;
use export_core::workiva::{
    ArchiveOptions, ExportOption, ItemKind, OptionValue, StyleGuideExport, TestAttachment,
};
use export_hyper::{DocumentExport, ExportSpec, FileExport, PresentationExport, SpreadsheetExport};

use crate::args::{
    AttachmentArgs, ContainerArgs, DocumentArgs, FileArgs, FileKind, FolderArgs, GraphReportArgs,
    OPTION_FLAGS, OptionArg, OptionFlag, PresentationArgs, SpreadsheetArgs, StyleGuideArgs,
    TestFormArgs,
};
use crate::problem::Problem;

/// A command that exports one kind of item.
pub(crate) trait ExportCommand: clap::Args {
    /// The kind of the item, as messages and receipts show it.
    fn kind(&self) -> &'static str;

    fn id(&self) -> &str;

    /// All IDs in the path of the request, with their names in messages.
    fn ids(&self) -> Vec<(&'static str, &str)> {
        vec![("ID", self.id())]
    }

    /// The formats that the service converts to; none if the kind has one format only.
    fn formats(&self) -> &'static [&'static str] {
        &[]
    }

    /// The value of `--format`.
    fn format(&self) -> Option<&str> {
        None
    }

    /// The export options that were given.
    fn options(&self) -> &[OptionArg] {
        &[]
    }

    /// The request for an export in this format.
    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem>;
}

impl ExportCommand for DocumentArgs {
    fn kind(&self) -> &'static str {
        "document"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn formats(&self) -> &'static [&'static str] {
        DocumentExport::FORMATS
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = document(format)?.ok_or_else(|| missing_format(self.formats()))?;
        let spec = ExportSpec::document(&self.id, export);
        apply(spec, Some(ItemKind::Document), format, self.options())
    }
}

impl ExportCommand for SpreadsheetArgs {
    fn kind(&self) -> &'static str {
        "spreadsheet"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn formats(&self) -> &'static [&'static str] {
        SpreadsheetExport::FORMATS
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = spreadsheet(format)?.ok_or_else(|| missing_format(self.formats()))?;
        let spec = ExportSpec::spreadsheet(&self.id, export);
        apply(spec, Some(ItemKind::Spreadsheet), format, self.options())
    }
}

impl ExportCommand for PresentationArgs {
    fn kind(&self) -> &'static str {
        "presentation"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn formats(&self) -> &'static [&'static str] {
        PresentationExport::FORMATS
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        let export = presentation(format)?.ok_or_else(|| missing_format(self.formats()))?;
        let spec = ExportSpec::presentation(&self.id, export);
        apply(spec, Some(ItemKind::Presentation), format, self.options())
    }
}

impl ExportCommand for FileArgs {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn formats(&self) -> &'static [&'static str] {
        match self.kind {
            Some(FileKind::Document) => DocumentExport::FORMATS,
            Some(FileKind::Spreadsheet) => SpreadsheetExport::FORMATS,
            Some(FileKind::Presentation) => PresentationExport::FORMATS,
            _ => &[],
        }
    }

    fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, format: Option<&str>) -> Result<ExportSpec, Problem> {
        // Without a kind there is a body, which has one.
        let kind = self.kind.unwrap_or(FileKind::SupportingDocument);
        let archive = || (!self.options().is_empty()).then(ArchiveOptions::default);
        let (export, item_kind) = match kind {
            FileKind::Document => {
                (FileExport::document(document(format)?), Some(ItemKind::Document))
            }
            FileKind::Spreadsheet => {
                (FileExport::spreadsheet(spreadsheet(format)?), Some(ItemKind::Spreadsheet))
            }
            FileKind::Presentation => {
                (FileExport::presentation(presentation(format)?), Some(ItemKind::Presentation))
            }
            FileKind::SupportingDocument => (FileExport::supporting_document(), None),
            FileKind::Folder => (FileExport::folder(archive()), Some(ItemKind::Archive)),
            FileKind::Workiva => (FileExport::workiva(archive()), Some(ItemKind::Archive)),
        };
        let has_formats = !matches!(item_kind, Some(ItemKind::Archive) | None);
        match (format, self.options().first()) {
            (Some(_), _) if !has_formats => {
                let kind = kind.to_possible_value();
                let kind = kind.as_ref().map_or("", |value| value.get_name());
                let message = format!("--format cannot be used with --kind {kind}");
                return Err(Problem::usage(message));
            }
            (None, Some(option)) if has_formats => {
                return Err(Problem::usage(format!("--{} requires --format", option.flag.flag)));
            }
            _ => {}
        }
        apply(ExportSpec::file(&self.id, export), item_kind, format, self.options())
    }
}

impl ExportCommand for FolderArgs {
    fn kind(&self) -> &'static str {
        "folder"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let options = (!self.options().is_empty()).then(ArchiveOptions::default);
        let spec = ExportSpec::file(&self.id, FileExport::folder(options));
        apply(spec, Some(ItemKind::Archive), None, self.options())
    }
}

impl ExportCommand for ContainerArgs {
    fn kind(&self) -> &'static str {
        "container"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn options(&self) -> &[OptionArg] {
        self.options.as_slice()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let spec = ExportSpec::container(&self.id, ArchiveOptions::default());
        apply(spec, Some(ItemKind::Archive), None, self.options())
    }
}

impl ExportCommand for StyleGuideArgs {
    fn kind(&self) -> &'static str {
        "style guide"
    }

    fn id(&self) -> &str {
        &self.id
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

    fn ids(&self) -> Vec<(&'static str, &str)> {
        let optional = [("--matrix", &self.matrix), ("--sample", &self.sample)];
        let optional = optional.into_iter().filter_map(|(name, id)| Some((name, id.as_deref()?)));
        [("ID", &*self.id), ("--test-form", &self.test_form), ("--test-phase", &self.test_phase)]
            .into_iter()
            .chain(optional)
            .collect()
    }

    fn spec(&self, _format: Option<&str>) -> Result<ExportSpec, Problem> {
        let attachment = TestAttachment::new(&self.test_form, &self.test_phase, &self.id);
        let attachment = match (&self.matrix, &self.sample) {
            (Some(matrix), Some(sample)) => attachment.of_sample(matrix, sample),
            (Some(matrix), None) => attachment.of_matrix(matrix),
            (None, _) => attachment,
        };
        Ok(match self.original {
            true => ExportSpec::original_test_attachment(attachment),
            false => ExportSpec::test_attachment(attachment),
        })
    }
}

/// The export in the given format, if one was given.
fn in_format<T>(
    format: Option<&str>,
    formats: &[&str],
    export: fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let invalid = |format| {
        let expected = list(formats.iter().copied());
        Problem::usage(format!("invalid value '{format}' for '--format': expected {expected}"))
    };
    format.map(|format| export(format).ok_or_else(|| invalid(format))).transpose()
}

fn document(format: Option<&str>) -> Result<Option<DocumentExport>, Problem> {
    in_format(format, DocumentExport::FORMATS, DocumentExport::in_format)
}

fn spreadsheet(format: Option<&str>) -> Result<Option<SpreadsheetExport>, Problem> {
    in_format(format, SpreadsheetExport::FORMATS, SpreadsheetExport::in_format)
}

fn presentation(format: Option<&str>) -> Result<Option<PresentationExport>, Problem> {
    in_format(format, PresentationExport::FORMATS, PresentationExport::in_format)
}

fn missing_format(formats: &[&str]) -> Problem {
    Problem::usage("--format is required, unless the name after -o ends in a format")
        .advise(format!("use --format {}", list(formats.iter().copied())))
}

/// Sets the options; an item of the kind `None` has none.
fn apply(
    spec: ExportSpec,
    kind: Option<ItemKind>,
    format: Option<&str>,
    options: &[OptionArg],
) -> Result<ExportSpec, Problem> {
    options.iter().try_fold(spec, |spec, arg| {
        let option = find(arg.flag, kind, format)?;
        spec.with_option(option, &arg.value).map_err(|error| Problem::usage(error.to_string()))
    })
}

/// The option that a flag sets in a request for this kind and format.
fn find(
    flag: &OptionFlag,
    kind: Option<ItemKind>,
    format: Option<&str>,
) -> Result<&'static ExportOption, Problem> {
    let OptionFlag { flag, options, .. } = flag;
    let of_kind = || options.iter().copied().filter(|option| Some(option.kind) == kind);
    if of_kind().next().is_none() {
        let kinds = list(options.iter().map(|option| plural(Some(option.kind))));
        let plural = plural(kind);
        let problem =
            Problem::usage(format!("--{flag} cannot be used with {plural}, only with {kinds}"));
        let is_selection = |flag: &&OptionFlag| flag.value() == OptionValue::Ids;
        let selections = OPTION_FLAGS.iter().filter(is_selection);
        let is_selection = selections.clone().any(|other| other.flag == *flag);
        let mut instead = selections.filter(|other| Some(other.options[0].kind) == kind);
        return Err(match instead.next().filter(|_| is_selection) {
            Some(instead) => problem.advise(format!("use --{}, or remove it", instead.flag)),
            None => problem.advise("remove it"),
        });
    }
    let in_format = |option: &&ExportOption| option.format.is_none() || option.format == format;
    of_kind().find(in_format).ok_or_else(|| {
        let formats = list(of_kind().filter_map(|option| option.format));
        match format {
            Some(format) => Problem::usage(format!(
                "--{flag} cannot be used with --format {format}, only with {formats}"
            ))
            .advise("remove it"),
            None => Problem::usage(format!("--{flag} requires --format {formats}")),
        }
    })
}

/// The items of a kind, for messages; `None` is the kind that has no options.
const fn plural(kind: Option<ItemKind>) -> &'static str {
    match kind {
        Some(ItemKind::Document) => "documents",
        Some(ItemKind::Spreadsheet) => "spreadsheets",
        Some(ItemKind::Presentation) => "presentations",
        Some(_) => "folders and Workiva files",
        None => "supporting documents",
    }
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
