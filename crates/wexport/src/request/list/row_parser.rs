//! Parses a row with the command of its kind.

use std::collections::{BTreeSet, HashMap};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use export_core::workiva::OptionValue;
use export_hyper::Config;
use serde_json::Value;

use super::ListedExport;
use super::errors::ListError;
use super::rows::Row;
use crate::args::{
    AttachmentArgs, ContainerArgs, DocumentArgs, Export, FileArgs, FolderArgs, GraphReportArgs,
    HookArgs, OPTION_FLAGS, OutputArgs, PresentationArgs, RequestArgs, Session, SpreadsheetArgs,
    StyleGuideArgs, TestFormArgs,
};
use crate::output::{Destination, Moment};
use crate::problem::Problem;
use crate::request::{ExportCommand, ExportRequest};

/// A parser for each kind.
pub(super) struct RowParsers {
    parsers: HashMap<&'static str, RowParser>,
    /// The columns of all kinds.
    columns: BTreeSet<String>,
}

/// The command of one kind, without the flags that apply to a whole run.
struct RowParser {
    command: Command,
    columns: HashMap<String, Column>,
    read: ReadFn,
}

type ReadFn = fn(ArgMatches, &OutputArgs, Moment, &Config) -> Result<Parsed, Problem>;
type Parsed = (ExportRequest, Destination);

/// How a cell becomes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// The positional argument.
    Id,
    /// A flag without a value.
    Switch,
    /// A flag with one value.
    Flag,
    /// A flag that may be repeated.
    List,
}

/// Flags that apply to a whole run, beside those of [`Session`], which no row has.
const RUN_FLAGS: [&str; 3] = ["dry_run", "key", "resubmit"];

/// The most values of a cell. Parsing one takes a hundred times its length.
const MAX_VALUES: usize = 10_000;

/// The column that selects the parser. The flag `--kind` of `wexport file` is another column.
const KIND: &str = "kind";
const FILE_KIND: &str = "file-kind";

impl RowParsers {
    pub(super) fn new() -> Self {
        let parsers = HashMap::from([
            ("document", RowParser::new::<DocumentArgs>()),
            ("spreadsheet", RowParser::new::<SpreadsheetArgs>()),
            ("presentation", RowParser::new::<PresentationArgs>()),
            ("file", RowParser::new::<FileArgs>()),
            ("folder", RowParser::new::<FolderArgs>()),
            ("container", RowParser::new::<ContainerArgs>()),
            ("style-guide", RowParser::new::<StyleGuideArgs>()),
            ("graph-report", RowParser::new::<GraphReportArgs>()),
            ("test-form", RowParser::new::<TestFormArgs>()),
            ("attachment", RowParser::new::<AttachmentArgs>()),
        ]);
        let columns = parsers.values().flat_map(|parser| parser.columns.keys().cloned()).collect();
        Self { parsers, columns }
    }

    pub(super) fn parse(
        &mut self,
        row: &Row,
        defaults: &OutputArgs,
        moment: Moment,
        config: &Config,
    ) -> Result<ListedExport, ListError> {
        let kind = row.text(KIND).ok_or_else(|| ListError::new(row.line, "the kind is missing"))?;
        let kind = kind.to_lowercase().replace([' ', '_'], "-");
        let Self { parsers, columns } = self;
        let Some(parser) = parsers.get_mut(kind.as_str()) else {
            let mut known: Vec<&str> = parsers.keys().copied().collect();
            known.sort_unstable();
            let text = match most_similar(&kind, known.iter().copied()) {
                Some(similar) => format!("invalid value '{kind}'; did you mean {similar}?"),
                None => format!("invalid value '{kind}': expected one of {}", known.join(", ")),
            };
            return Err(ListError::in_column(row.line, KIND, text));
        };
        let arguments = parser.arguments(&kind, row, columns)?;
        let (request, destination) =
            parser.parse(row.line, &arguments, defaults, moment, config)?;
        Ok(ListedExport { line: row.line, request, destination })
    }
}

impl RowParser {
    fn new<C: ExportCommand + Args>() -> Self {
        let command = Command::new("row").no_binary_name(true).disable_help_flag(true);
        let command = RequestArgs::augment_args(OutputArgs::augment_args(C::augment_args(command)));
        let applies_to_run = |arg: &&Arg| RUN_FLAGS.contains(&arg.get_id().as_str());
        let mut columns = HashMap::new();
        for arg in command.get_arguments().filter(|arg| !applies_to_run(arg)) {
            let (name, column) = match (arg.get_long(), arg.get_action()) {
                (None, _) => ("id", Column::Id),
                (Some(KIND), _) => (FILE_KIND, Column::Flag),
                (Some(long), ArgAction::SetTrue) => (long, Column::Switch),
                (Some(long), ArgAction::Append) => (long, Column::List),
                (Some(long), _) => (long, Column::Flag),
            };
            columns.insert(name.to_owned(), column);
        }
        // A flag that is not given is `false` by default, and clap parses each default in each row.
        let without_default = |arg: Arg| {
            let is_option = OPTION_FLAGS.iter().any(|option| *option.flag == *arg.get_id());
            match arg.get_action() {
                ArgAction::SetTrue if is_option => arg
                    .action(ArgAction::Set)
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_parser(value_parser!(bool)),
                _ => arg,
            }
        };
        Self { command: command.mut_args(without_default), columns, read: read::<C> }
    }

    /// Converts a row to the arguments of a command line.
    fn arguments(
        &self,
        kind: &str,
        row: &Row,
        all: &BTreeSet<String>,
    ) -> Result<Vec<String>, ListError> {
        let (mut arguments, mut id) = (Vec::new(), None);
        for (name, value) in row.cells.iter().filter(|(name, _)| name != KIND) {
            let error = |text: String| ListError::in_column(row.line, name, text);
            let column = self.columns.get(name).ok_or_else(|| {
                error(match most_similar(name, all.iter().map(String::as_str)) {
                    _ if all.contains(name) => format!("does not apply to a {kind}"),
                    Some(similar) => format!("unknown column; did you mean {similar}?"),
                    None => "unknown column".into(),
                })
            })?;
            let flag = if name == FILE_KIND { KIND } else { name };
            match column {
                Column::Id => id = Some(text(value, false).map_err(error)?),
                Column::Switch if is_true(value).map_err(error)? => {
                    arguments.push(format!("--{flag}"));
                }
                Column::Switch => {}
                Column::List if value.is_object() && name == "option" => {
                    let members = value.as_object().into_iter().flatten();
                    arguments.extend(members.map(|(path, json)| format!("--option={path}={json}")));
                }
                Column::Flag if value.is_object() && name == "body" => {
                    arguments.push(format!("--body={value}"));
                }
                Column::Flag | Column::List => {
                    let option = OPTION_FLAGS.iter().find(|option| option.flag == flag);
                    let takes = option.map(|option| option.value());
                    let may_be_fraction = takes == Some(OptionValue::Inches);
                    let texts = match column {
                        Column::List => texts(value, may_be_fraction),
                        _ => text(value, may_be_fraction).map(|text| vec![text]),
                    };
                    let texts = texts.map_err(error)?;
                    let commas = match takes {
                        Some(OptionValue::Ids) => {
                            texts.iter().map(|it| it.matches(',').count()).sum()
                        }
                        _ => 0,
                    };
                    if texts.len() + commas > MAX_VALUES {
                        return Err(error(format!("more than {MAX_VALUES} values")));
                    }
                    arguments.extend(texts.iter().map(|text| format!("--{flag}={text}")));
                }
            }
        }
        if let Some(id) = id {
            arguments.extend(["--".into(), id]);
        }
        Ok(arguments)
    }

    fn parse(
        &mut self,
        line: u64,
        arguments: &[String],
        defaults: &OutputArgs,
        moment: Moment,
        config: &Config,
    ) -> Result<Parsed, ListError> {
        let matches = self.command.try_get_matches_from_mut(arguments);
        let matches = matches.map_err(|error| from_clap(line, &error))?;
        let read = (self.read)(matches, defaults, moment, config);
        read.map_err(|problem| from_problem(line, &problem))
    }
}

fn read<C: ExportCommand + Args>(
    mut matches: ArgMatches,
    defaults: &OutputArgs,
    moment: Moment,
    config: &Config,
) -> Result<Parsed, Problem> {
    let mut export = || {
        Ok(Export {
            command: C::from_arg_matches_mut(&mut matches)?,
            output: OutputArgs::from_arg_matches_mut(&mut matches)?,
            request: RequestArgs::from_arg_matches_mut(&mut matches)?,
            hooks: HookArgs::default(),
            session: Session::default(),
        })
    };
    let mut export = export().map_err(|error: clap::Error| Problem::usage(error.to_string()))?;
    let output = &mut export.output;
    output.output = output.output.take().or_else(|| defaults.output.clone());
    output.if_exists = output.if_exists.or(defaults.if_exists);
    output.receipt |= defaults.receipt;
    output.date = output.date.or(defaults.date);
    if export.request.body.as_deref() == Some("-") {
        return Err(Problem::usage("--body: a list cannot read standard input"));
    }
    let destination = Destination::new(&export.output, moment)?;
    if destination.is_stdout() {
        return Err(Problem::usage("--output: a list cannot write to standard output"));
    }
    destination.target()?;
    Ok((ExportRequest::new(&export, config)?, destination))
}

/// Rewords an error of clap for a list.
fn from_clap(line: u64, error: &clap::Error) -> ListError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let flag = context(ContextKind::InvalidArg);
    let column = flag.as_deref().map(column_of);
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    let text = match (error.kind(), context(ContextKind::ValidValue)) {
        (ErrorKind::MissingRequiredArgument, _) => {
            return ListError::new(line, format!("the {} is missing", column.unwrap_or_default()));
        }
        (ErrorKind::InvalidValue, Some(known)) => {
            format!("invalid value '{value}': expected one of {known}")
        }
        _ => match std::error::Error::source(error) {
            Some(source) => format!("invalid value '{value}': {source}"),
            None => first_line(&error.to_string()),
        },
    };
    match column {
        Some(column) => ListError::in_column(line, &column, text),
        None => ListError::new(line, text),
    }
}

/// Rewords a problem with flags for a list.
fn from_problem(line: u64, problem: &Problem) -> ListError {
    let reword =
        |text: &str| text.replace("--", "").replace("-o ", "output ").replace("-o: ", "output: ");
    let mut text = reword(&problem.message);
    if let Some(advice) = problem.advice.first() {
        text = format!("{text} ({})", reword(advice));
    }
    let flag = problem.message.split_whitespace().map(|word| word.trim_start_matches('\''));
    let Some(flag) = flag.clone().find(|word| word.starts_with('-')) else {
        return ListError::new(line, text);
    };
    let column = if flag.starts_with("--") { column_of(flag) } else { "output".into() };
    let mut text = text.as_str();
    while let Some(rest) = text.strip_prefix(&format!("{column}: ")) {
        text = rest;
    }
    ListError::in_column(line, &column, text.replace(&format!(" for '{column}'"), ""))
}

/// The column of a flag as it appears in a message: `--format <FORMAT>`, `<ID>`.
fn column_of(flag: &str) -> String {
    let name = flag.split([' ', '=', ',']).next().unwrap_or(flag);
    let name = name.trim_matches(['-', '<', '>', ':', '.', '\'']).to_lowercase();
    if name == KIND { FILE_KIND.into() } else { name }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").replace("--", "")
}

/// The texts of a cell that may have several.
fn texts(value: &Value, may_be_fraction: bool) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => values.iter().map(|value| text(value, may_be_fraction)).collect(),
        Value::String(_) | Value::Number(_) => text(value, may_be_fraction).map(|text| vec![text]),
        other => Err(format!("invalid value '{other}': expected a string or a list")),
    }
}

/// The text of a cell. A number that was read as a fraction may have lost digits of an ID.
fn text(value: &Value, may_be_fraction: bool) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_f64() && !may_be_fraction => {
            Err("a number that is not a whole number of at most 19 digits: write it in quotes"
                .into())
        }
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("invalid value '{other}': expected a string")),
    }
}

fn is_true(value: &Value) -> Result<bool, String> {
    let text = match value {
        Value::Bool(value) => return Ok(*value),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    match text.as_str() {
        "true" | "yes" | "y" | "1" | "x" => Ok(true),
        "false" | "no" | "n" | "0" => Ok(false),
        _ => Err(format!("invalid value '{text}': expected yes or no, or true or false")),
    }
}

/// The name that a misspelled one most likely means.
fn most_similar<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.map(|known| (strsim::jaro_winkler(word, known), known));
    let (similarity, best) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (similarity > 0.8).then_some(best)
}
