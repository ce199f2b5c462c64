//! The export options as flags, made from the table.

use std::marker::PhantomData;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use serde_json::Value;

use super::option_table::{Kind, OPTIONS, OptionScope, OptionSpec, ValueKind};

/// The options that were chosen at a command for one kind.
#[derive(Clone, Debug)]
pub(crate) struct OptionArgs<S>(Vec<OptionValue>, PhantomData<S>);

/// One option that was given.
#[derive(Clone, Debug)]
pub(crate) struct OptionValue {
    pub(crate) spec: &'static OptionSpec,
    pub(crate) value: Value,
}

/// Which kinds a command exports.
pub(crate) trait OptionGroup {
    const KINDS: &'static [Kind];
}

/// Declares the shelf of each command.
macro_rules! shelves {
    ($($(#[$doc:meta])* $name:ident: $($kind:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(crate) enum $name {}

            impl OptionGroup for $name {
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

impl<S> OptionArgs<S> {
    pub(crate) fn as_slice(&self) -> &[OptionValue] {
        &self.0
    }
}

impl<S: OptionGroup> Args for OptionArgs<S> {
    fn augment_args(command: Command) -> Command {
        // Options of other kinds are taken too, so that their refusal can say what they are for.
        OPTIONS.iter().fold(command, |command, spec| {
            let scopes = spec.scopes.iter().filter(|scope| S::KINDS.contains(&scope.kind()));
            let scopes: Vec<OptionScope> = scopes.copied().collect();
            let is_short = spec.is_common && S::KINDS.len() == 1;
            let arg = arg(spec).hide(scopes.is_empty()).hide_short_help(!is_short);
            command.arg(arg.help_heading(heading(&scopes, S::KINDS)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: OptionGroup> FromArgMatches for OptionArgs<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = OPTIONS.iter().filter_map(|spec| {
            let value = value_of(spec, matches)?;
            Some(OptionValue { spec, value })
        });
        Ok(Self(given.collect(), PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn arg(spec: &'static OptionSpec) -> Arg {
    let arg = Arg::new(spec.flag).long(spec.flag).help(spec.help);
    match spec.value {
        ValueKind::Switch => arg.action(ArgAction::SetTrue),
        ValueKind::Inches => arg.value_name("INCHES").value_parser(value_parser!(f64)),
        ValueKind::Word(words) => {
            let words = words.iter().map(|(word, json)| PossibleValue::new(word).alias(json));
            let parser = PossibleValuesParser::new(words.collect::<Vec<_>>());
            arg.value_name("WORD").value_parser(parser).hide_possible_values(true)
        }
        ValueKind::Ids => arg
            .value_name("IDS")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(NonEmptyStringValueParser::new()),
    }
}

fn value_of(spec: &OptionSpec, matches: &ArgMatches) -> Option<Value> {
    match spec.value {
        ValueKind::Switch => matches.get_flag(spec.flag).then_some(Value::Bool(true)),
        ValueKind::Inches => matches.get_one::<f64>(spec.flag).map(|inches| (*inches).into()),
        ValueKind::Word(words) => {
            let given = matches.get_one::<String>(spec.flag)?;
            let known = words.iter().find(|(word, json)| given == word || given == json);
            known.map(|(_, json)| (*json).into())
        }
        ValueKind::Ids => {
            let ids = matches.get_many::<String>(spec.flag)?;
            Some(ids.map(String::as_str).collect())
        }
    }
}

/// Under what an option stands in the help: its formats, or its kinds where there are several.
fn heading(scopes: &[OptionScope], kinds: &[Kind]) -> Option<&'static str> {
    let formats: Vec<&str> = scopes.iter().filter_map(|scope| scope.format()).collect();
    Some(match (kinds, &formats[..]) {
        (_, []) if scopes.iter().all(|scope| scope.kind() == Kind::Archive) => "In the archive",
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
