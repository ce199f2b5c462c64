//! The export options: the structs that a caller fills in, and the same options as data.

use alloc::string::String;

/// An option of an export, as data.
///
/// A program can make flags, columns or a form for all options from [`ExportOption::all`], and set
/// them with [`ExportSpec::with_field`](crate::workiva::ExportSpec::with_field).
///
/// ```
/// use export_core::workiva::{ExportOption, ItemKind};
///
/// let of_documents = ExportOption::all().filter(|option| option.kind == ItemKind::Document);
/// let comments = of_documents.clone().find(|option| option.name == "include_comments").unwrap();
/// assert_eq!(comments.format, Some("pdf"));
/// assert_eq!(comments.path(), "pdfOptions.includeComments");
/// assert_eq!(comments.help(), "Include comments");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportOption {
    /// The name in snake case, as the method that sets it: `include_comments`.
    ///
    /// Several kinds and formats may have options of the same name. These have the same meaning and
    /// take the same values.
    pub name: &'static str,
    /// The name in the service's JSON: `includeComments`.
    pub field: &'static str,
    /// The values that it takes.
    pub value: OptionValue,
    /// The kind of item that has it.
    pub kind: ItemKind,
    /// The format that has it; `None` if every format of the kind has it.
    pub format: Option<&'static str>,
    /// The object in the JSON that has it; `None` if it is beside the format.
    pub object: Option<&'static str>,
    /// The documentation of that method, in Markdown.
    pub doc: &'static str,
}

/// The values that an export option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionValue {
    /// True or false.
    Bool,
    /// A list of ids: the parts of the item that are exported.
    Ids,
    /// A number of **inches**.
    Inches,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A kind of item whose exports have options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ItemKind {
    /// A document.
    Document,
    /// A spreadsheet.
    Spreadsheet,
    /// A presentation.
    Presentation,
    /// A folder, or a file in Workiva's own format.
    Archive,
}

impl ExportOption {
    /// All options, those of a format together.
    pub fn all() -> impl Iterator<Item = &'static Self> + Clone {
        let tables: [&'static [Self]; 12] = [
            &[super::document::SECTIONS],
            super::DocumentPdfOptions::OPTIONS,
            super::DocumentDocxOptions::OPTIONS,
            super::DocumentXhtmlOptions::OPTIONS,
            &[super::spreadsheet::SHEETS],
            super::SpreadsheetXlsxOptions::OPTIONS,
            super::SpreadsheetCsvOptions::OPTIONS,
            super::SpreadsheetPdfOptions::OPTIONS,
            &[super::presentation::SLIDES],
            super::PresentationPdfOptions::OPTIONS,
            super::PresentationPptxOptions::OPTIONS,
            super::ArchiveOptions::OPTIONS,
        ];
        tables.into_iter().flatten()
    }

    /// The path of the field in the export of an item: `pdfOptions.includeComments`.
    ///
    /// In the export of a *file*, this is within the object of its kind, such as `documentExport`.
    #[must_use]
    pub fn path(&self) -> String {
        let object = self.object.map(|object| [object, "."]).unwrap_or_default();
        [object.concat().as_str(), self.field].concat()
    }

    /// What it does, in one line without a full stop: the first paragraph of `doc`.
    #[must_use]
    pub fn help(&self) -> String {
        let lines = self.doc.lines().map(str::trim).take_while(|line| !line.is_empty());
        let mut help = lines.collect::<alloc::vec::Vec<_>>().join(" ");
        if help.ends_with('.') {
            help.pop();
        }
        help
    }
}

/// A type of the fields of options.
pub(super) trait OptionType {
    const VALUE: OptionValue;
}

impl OptionType for bool {
    const VALUE: OptionValue = OptionValue::Bool;
}

/// All numbers among the options are lengths.
impl OptionType for f64 {
    const VALUE: OptionValue = OptionValue::Inches;
}

/// Declares a struct of options with a setter for each, and its table of [`ExportOption`]s. An option
/// that is not set is not serialized.
///
/// The first paragraph of the documentation of an option is also the help of a flag: it is plain text
/// in the imperative.
macro_rules! options {
    (
        $(#[$about:meta])*
        pub struct $name:ident for $kind:ident $(as $format:literal in $object:literal)? {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $json:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $(
                #[serde(rename = $json, skip_serializing_if = "Option::is_none")]
                $field: Option<$type>,
            )*
        }

        impl $name {
            const FORMAT: Option<&'static str> = $crate::workiva::spec::options::optional!($($format)?);
            const OBJECT: Option<&'static str> = $crate::workiva::spec::options::optional!($($object)?);

            pub(super) const OPTIONS: &'static [$crate::workiva::spec::ExportOption] = &[$(
                $crate::workiva::spec::ExportOption {
                    name: stringify!($field),
                    field: $json,
                    value: <$type as $crate::workiva::spec::options::OptionType>::VALUE,
                    kind: $crate::workiva::spec::ItemKind::$kind,
                    format: Self::FORMAT,
                    object: Self::OBJECT,
                    doc: concat!($($doc, "\n"),+),
                },
            )*];

            $(
                $(#[doc = $doc])+
                #[must_use]
                pub const fn $field(mut self, value: $type) -> Self {
                    self.$field = Some(value);
                    self
                }
            )*
        }
    };
}

/// Declares the values of an option.
macro_rules! option_values {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])+ $variant:ident = $json:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])+ #[serde(rename = $json)] $variant,)*
        }

        impl $crate::workiva::spec::options::OptionType for $name {
            const VALUE: $crate::workiva::spec::OptionValue =
                $crate::workiva::spec::OptionValue::OneOf(&[$($json),*]);
        }
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

pub(super) use {option_values, optional, options};
