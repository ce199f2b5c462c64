//! The export options as flags, made from the table.

use std::marker::PhantomData;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use export_hyper::ExportSpec;
use serde_json::Value;

use super::table::{Home, Kind, ROWS, Row, Takes};
use crate::report::Problem;

/// The options that were chosen at a command for one kind.
#[derive(Clone, Debug)]
pub(crate) struct Choices<S>(Vec<Choice>, PhantomData<S>);

/// One option that was given.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) row: &'static Row,
    value: Value,
}

/// Which kinds a command exports.
pub(crate) trait Shelf {
    const KINDS: &'static [Kind];
}

/// Declares the shelf of each command.
macro_rules! shelves {
    ($($(#[$doc:meta])* $name:ident: $($kind:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(crate) enum $name {}

            impl Shelf for $name {
                const KINDS: &'static [Kind] = &[$(Kind::$kind),*];
            }
        )*
    };
}

shelves! {
    /// Options of documents.
    Document: Document;
    /// Options of spreadsheets.
    Spreadsheet: Spreadsheet;
    /// Options of presentations.
    Presentation: Presentation;
    /// Options of folders and of files in Workiva's own form.
    Archive: Archive;
    /// Options of everything that has a file id.
    AnyFile: Document Spreadsheet Presentation Archive;
}

impl<S> Choices<S> {
    pub(crate) fn as_slice(&self) -> &[Choice] {
        &self.0
    }
}

/// Puts the options into a spec. `at` is where the options of this kind are in the body.
pub(super) fn apply(
    spec: ExportSpec,
    at: &str,
    kind: Kind,
    format: Option<&str>,
    choices: &[Choice],
) -> Result<ExportSpec, Problem> {
    choices.iter().try_fold(spec, |spec, choice| {
        let home = home(choice.row, kind, format)?;
        let path = [at, home.object(), choice.row.field];
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(spec.with_field(&path.join("."), choice.value.clone()))
    })
}

/// Where an option belongs in a request for this kind and format.
fn home(row: &Row, kind: Kind, format: Option<&str>) -> Result<Home, Problem> {
    let flag = row.flag;
    let mut of_kind = row.homes.iter().copied().filter(|home| home.kind() == kind).peekable();
    if of_kind.peek().is_none() {
        let meant = listed(row.homes.iter().map(|home| home.kind().plural()));
        let instead = row.takes.is_selection().then(|| kind.selection()).flatten();
        let problem =
            Problem::usage(format!("--{flag} is for {meant}, and this exports {}", kind.article()));
        return Err(match instead {
            Some(instead) => problem.advise(format!("use --{instead}, or leave it out")),
            None => problem.advise("leave it out"),
        });
    }
    let fits = |home: &Home| home.format().is_none() || home.format() == format;
    let all: Vec<Home> = of_kind.collect();
    all.iter().copied().find(fits).ok_or_else(|| {
        let meant = listed(all.iter().filter_map(|home| home.format()));
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

impl<S: Shelf> Args for Choices<S> {
    fn augment_args(command: Command) -> Command {
        // Options of other kinds are taken too, so that their refusal can say what they are for.
        ROWS.iter().fold(command, |command, row| {
            let homes = row.homes.iter().filter(|home| S::KINDS.contains(&home.kind()));
            let homes: Vec<Home> = homes.copied().collect();
            let is_short = row.is_common && S::KINDS.len() == 1;
            let arg = arg(row).hide(homes.is_empty()).hide_short_help(!is_short);
            command.arg(arg.help_heading(heading(&homes, S::KINDS)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Shelf> FromArgMatches for Choices<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = ROWS.iter().filter_map(|row| {
            let value = value_of(row, matches)?;
            Some(Choice { row, value })
        });
        Ok(Self(given.collect(), PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(row: &'static Row) -> Arg {
    let arg = Arg::new(row.flag).long(row.flag).help(row.help);
    match row.takes {
        Takes::Switch => arg.action(ArgAction::SetTrue),
        Takes::Inches => arg.value_name("INCHES").value_parser(value_parser!(f64)),
        Takes::Word(words) => {
            let words = words.iter().map(|(word, json)| PossibleValue::new(word).alias(json));
            let parser = PossibleValuesParser::new(words.collect::<Vec<_>>());
            arg.value_name("WORD").value_parser(parser).hide_possible_values(true)
        }
        Takes::Ids => arg
            .value_name("IDS")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(NonEmptyStringValueParser::new()),
    }
}

fn value_of(row: &Row, matches: &ArgMatches) -> Option<Value> {
    match row.takes {
        Takes::Switch => matches.get_flag(row.flag).then_some(Value::Bool(true)),
        Takes::Inches => matches.get_one::<f64>(row.flag).map(|inches| (*inches).into()),
        Takes::Word(words) => {
            let given = matches.get_one::<String>(row.flag)?;
            let known = words.iter().find(|(word, json)| given == word || given == json);
            known.map(|(_, json)| (*json).into())
        }
        Takes::Ids => {
            let ids = matches.get_many::<String>(row.flag)?;
            Some(ids.map(String::as_str).collect())
        }
    }
}

/// Under what an option stands in the help: its formats, or its kinds where there are several.
fn heading(homes: &[Home], kinds: &[Kind]) -> Option<&'static str> {
    let formats: Vec<&str> = homes.iter().filter_map(|home| home.format()).collect();
    Some(match (kinds, &formats[..]) {
        (_, []) if homes.iter().all(|home| home.kind() == Kind::Archive) => "In the archive",
        (_, []) => return None,
        ([_], ["pdf"]) => "For pdf",
        ([_], ["docx"]) => "For docx",
        ([_], ["xhtml"]) => "For xhtml",
        ([_], ["xlsx"]) => "For xlsx",
        ([_], ["pptx"]) => "For pptx",
        ([_], ["pdf", "docx"]) => "For pdf and docx",
        ([_], ["csv", "xlsx"]) => "For csv and xlsx",
        _ => "By kind and format",
    })
}
