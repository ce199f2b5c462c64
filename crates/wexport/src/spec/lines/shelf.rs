//! The commands of all kinds: a row is read by the one of its kind.

use std::collections::{BTreeSet, HashMap};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches};
use export_hyper::{Config, Timestamp};
use serde_json::Value;

use super::Line;
use super::cells::Row;
use super::faults::Fault;
use crate::cli::{
    AttachmentArgs, ContainerArgs, DocumentArgs, Export, FileArgs, FolderArgs, GraphReportArgs,
    PlaceArgs, PresentationArgs, Session, SpreadsheetArgs, StyleGuideArgs, TestFormArgs,
};
use crate::place::Order;
use crate::report::Problem;
use crate::spec::{Asked, Described, describe};

/// The command of each kind.
pub(super) struct Shelves {
    shelves: HashMap<&'static str, Shelf>,
    /// The columns that any of them has.
    columns: BTreeSet<String>,
}

/// One command, without the flags that are for a whole run.
struct Shelf {
    command: Command,
    columns: HashMap<String, Column>,
    read: Read,
}

type Read = fn(&ArgMatches, &PlaceArgs, Timestamp, &Config) -> Result<Parts, Problem>;
type Parts = (Described, Order);

/// What becomes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// The id, which has no flag.
    Id,
    /// A flag without a value.
    Switch,
    Flag,
}

/// Flags that are for all exports of a list alike.
const OF_THE_RUN: [&str; 2] = ["dry_run", "resubmit"];

/// The column that says which command a row is read by. `--kind` of `wexport file` is another one.
const KIND: &str = "kind";
const FILE_KIND: &str = "file-kind";

impl Shelves {
    pub(super) fn new() -> Self {
        let shelves = HashMap::from([
            ("document", Shelf::of::<DocumentArgs>()),
            ("spreadsheet", Shelf::of::<SpreadsheetArgs>()),
            ("presentation", Shelf::of::<PresentationArgs>()),
            ("file", Shelf::of::<FileArgs>()),
            ("folder", Shelf::of::<FolderArgs>()),
            ("container", Shelf::of::<ContainerArgs>()),
            ("style-guide", Shelf::of::<StyleGuideArgs>()),
            ("graph-report", Shelf::of::<GraphReportArgs>()),
            ("test-form", Shelf::of::<TestFormArgs>()),
            ("attachment", Shelf::of::<AttachmentArgs>()),
        ]);
        let columns = shelves.values().flat_map(|shelf| shelf.columns.keys().cloned()).collect();
        Self { shelves, columns }
    }

    /// Reads a row.
    pub(super) fn read(
        &mut self,
        row: &Row,
        defaults: &PlaceArgs,
        at: Timestamp,
        config: &Config,
    ) -> Result<Line, Fault> {
        let kind = row.text(KIND).ok_or_else(|| Fault::new(row.number, "it names no kind"))?;
        let kind = kind.to_lowercase().replace([' ', '_'], "-");
        let Self { shelves, columns } = self;
        let Some(shelf) = shelves.get_mut(kind.as_str()) else {
            let mut known: Vec<&str> = shelves.keys().copied().collect();
            known.sort_unstable();
            let text = match nearest(&kind, known.iter().copied()) {
                Some(near) => format!("{kind:?} is no kind; is {near} meant?"),
                None => format!("{kind:?} is no kind; they are {}", known.join(", ")),
            };
            return Err(Fault::in_column(row.number, KIND, text));
        };
        let words = shelf.words(&kind, row, columns)?;
        let (described, place) = shelf.parse(row.number, &words, defaults, at, config)?;
        let Described { spec, what, unknown } = described;
        Ok(Line { number: row.number, what, spec, place, unknown })
    }
}

impl Shelf {
    fn of<W: Asked + Args>() -> Self {
        let command = Command::new("line").no_binary_name(true).disable_help_flag(true);
        let command = Export::<W>::augment_args(command);
        let run = Session::augment_args(Command::new("run"));
        let is_of_the_run = |id: &str| {
            OF_THE_RUN.contains(&id) || run.get_arguments().any(|arg| arg.get_id() == id)
        };
        let mut columns = HashMap::new();
        for arg in command.get_arguments().filter(|arg| !is_of_the_run(arg.get_id().as_str())) {
            let (name, column) = match (arg.get_long(), arg.get_action()) {
                (None, _) => ("id", Column::Id),
                (Some(KIND), _) => (FILE_KIND, Column::Flag),
                (Some(long), ArgAction::SetTrue) => (long, Column::Switch),
                (Some(long), _) => (long, Column::Flag),
            };
            columns.insert(name.to_owned(), column);
        }
        Self { command, columns, read: read::<W> }
    }

    /// The words of a command line that says the same as the row.
    fn words(&self, kind: &str, row: &Row, all: &BTreeSet<String>) -> Result<Vec<String>, Fault> {
        let (mut words, mut id) = (Vec::new(), None);
        for (name, value) in row.cells.iter().filter(|(name, _)| name != KIND) {
            let fault = |text: String| Fault::in_column(row.number, name, text);
            let column = self.columns.get(name).ok_or_else(|| {
                fault(match nearest(name, all.iter().map(String::as_str)) {
                    _ if all.contains(name) => format!("it is of no use for a {kind}"),
                    Some(near) => format!("there is no such column; is {near} meant?"),
                    None => "there is no such column".into(),
                })
            })?;
            let flag = if name == FILE_KIND { KIND } else { name };
            match column {
                Column::Id => id = Some(texts(value).map_err(fault)?.concat()),
                Column::Switch if is_yes(value).map_err(fault)? => words.push(format!("--{flag}")),
                Column::Switch => {}
                Column::Flag if value.is_object() && name == "option" => {
                    let members = value.as_object().into_iter().flatten();
                    words.extend(members.map(|(path, json)| format!("--option={path}={json}")));
                }
                Column::Flag if value.is_object() && name == "body" => {
                    words.push(format!("--body={value}"));
                }
                Column::Flag => {
                    for text in texts(value).map_err(fault)? {
                        words.push(format!("--{flag}={text}"));
                    }
                }
            }
        }
        if let Some(id) = id {
            words.extend(["--".into(), id]);
        }
        Ok(words)
    }

    fn parse(
        &mut self,
        number: u64,
        words: &[String],
        defaults: &PlaceArgs,
        at: Timestamp,
        config: &Config,
    ) -> Result<Parts, Fault> {
        let matches = self.command.try_get_matches_from_mut(words);
        let matches = matches.map_err(|error| of_clap(number, &error))?;
        let read = (self.read)(&matches, defaults, at, config);
        read.map_err(|problem| of_problem(number, &problem))
    }
}

fn read<W: Asked + Args>(
    matches: &ArgMatches,
    defaults: &PlaceArgs,
    at: Timestamp,
    config: &Config,
) -> Result<Parts, Problem> {
    let mut export = Export::<W>::from_arg_matches(matches)
        .map_err(|error| Problem::usage(error.to_string()))?;
    let place = &mut export.place;
    place.output = place.output.take().or_else(|| defaults.output.clone());
    place.if_exists = place.if_exists.or(defaults.if_exists);
    place.receipt |= defaults.receipt;
    if export.request.body.as_deref() == Some("-") {
        return Err(Problem::usage("--body: standard input is for one export"));
    }
    let order = Order::new(&export.place, at)?;
    if order.is_stdout() {
        return Err(Problem::usage("--output: standard output is for one file"));
    }
    order.target()?;
    Ok((describe(&export, config)?, order))
}

/// What a command would say, in the words of a list.
fn of_clap(number: u64, error: &clap::Error) -> Fault {
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
            return Fault::new(number, format!("it has no {}", column.unwrap_or_default()));
        }
        (ErrorKind::InvalidValue, Some(known)) => format!("{value:?} is not one of {known}"),
        _ => match std::error::Error::source(error) {
            Some(source) => format!("{value:?}: {source}"),
            None => first_line(&error.to_string()),
        },
    };
    match column {
        Some(column) => Fault::in_column(number, &column, text),
        None => Fault::new(number, text),
    }
}

/// What a command would say after its flags were read. The first flag that it speaks of is the
/// column.
fn of_problem(number: u64, problem: &Problem) -> Fault {
    let in_words =
        |text: &str| text.replace("--", "").replace("-o ", "output ").replace("-o: ", "output: ");
    let mut text = in_words(&problem.what);
    if let Some(advice) = problem.advice.first() {
        text = format!("{text} ({})", in_words(advice));
    }
    let flag = problem.what.split_whitespace().find(|word| word.starts_with('-'));
    let Some(flag) = flag else { return Fault::new(number, text) };
    let column = if flag.starts_with("--") { column_of(flag) } else { "output".into() };
    let mut text = text.as_str();
    while let Some(rest) = text.strip_prefix(&format!("{column}: ")) {
        text = rest;
    }
    Fault::in_column(number, &column, text)
}

/// The column of a flag as it stands in a message: `--format <FORMAT>`, `<ID>`.
fn column_of(flag: &str) -> String {
    let name = flag.split([' ', '=', ',']).next().unwrap_or(flag);
    let name = name.trim_matches(['-', '<', '>', ':', '.']).to_lowercase();
    if name == KIND { FILE_KIND.into() } else { name }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").replace("--", "")
}

/// The texts of a cell that may have several.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Number(number) => Ok(vec![number.to_string()]),
        Value::Bool(is_so) => Ok(vec![is_so.to_string()]),
        Value::Array(values) => {
            let texts: Result<Vec<_>, _> = values.iter().map(texts).collect();
            Ok(texts?.concat())
        }
        Value::Null | Value::Object(_) => Err(format!("{value} is neither a text nor a list")),
    }
}

fn is_yes(value: &Value) -> Result<bool, String> {
    let text = match value {
        Value::Bool(is_so) => return Ok(*is_so),
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    match text.as_str() {
        "true" | "yes" | "y" | "1" | "x" => Ok(true),
        "false" | "no" | "n" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither yes nor no")),
    }
}

/// What was meant, if it is only spelt wrongly.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::jaro_winkler(word, known), known));
    let (likeness, near) = near.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness > 0.8).then_some(near)
}
