//! The flags of export options, generated from the table.

use std::marker::PhantomData;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use serde_json::Value;

use super::export_option_table::{Kind, OPTIONS, OptionScope, OptionSpec, ValueKind};

/// The export options that were given to a command, whose options are those of the group `S`.
#[derive(Clone, Debug)]
pub(crate) struct OptionArgs<S>(Vec<OptionValue>, PhantomData<S>);

/// One option that was given.
#[derive(Clone, Debug)]
pub(crate) struct OptionValue {
    pub(crate) spec: &'static OptionSpec,
    pub(crate) value: Value,
}

/// The kinds whose options a command accepts.
pub(crate) trait OptionGroup {
    const KINDS: &'static [Kind];
}

/// Declares the option group of each command.
macro_rules! option_groups {
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

option_groups! {
    /// The options of documents.
    Document: Document;
    /// The options of spreadsheets.
    Spreadsheet: Spreadsheet;
    /// The options of presentations.
    Presentation: Presentation;
    /// The options of folders and of files in Workiva's own format.
    Archive: Archive;
    /// The options of all kinds of files.
    AnyFile: Document Spreadsheet Presentation Archive;
}

impl<S> OptionArgs<S> {
    pub(crate) fn as_slice(&self) -> &[OptionValue] {
        &self.0
    }
}

impl<S: OptionGroup> Args for OptionArgs<S> {
    fn augment_args(command: Command) -> Command {
        // Options of other kinds are hidden but parsed, so that the error can name their kinds.
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
        ValueKind::Choice(choices) => {
            let values = choices.iter().map(|(word, json)| PossibleValue::new(word).alias(json));
            let parser = PossibleValuesParser::new(values.collect::<Vec<_>>());
            arg.value_name("VALUE").value_parser(parser).hide_possible_values(true)
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
        ValueKind::Choice(choices) => {
            let given = matches.get_one::<String>(spec.flag)?;
            let known = choices.iter().find(|(word, json)| given == word || given == json);
            known.map(|(_, json)| (*json).into())
        }
        ValueKind::Ids => {
            let ids = matches.get_many::<String>(spec.flag)?;
            Some(ids.map(String::as_str).collect())
        }
    }
}

/// The heading in the help: the formats of an option, or a general one for several kinds.
fn heading(scopes: &[OptionScope], kinds: &[Kind]) -> Option<&'static str> {
    let formats: Vec<&str> = scopes.iter().filter_map(|scope| scope.format()).collect();
    Some(match (kinds, &formats[..]) {
        (_, []) if scopes.iter().all(|scope| scope.kind() == Kind::Archive) => "Archive options",
        (_, []) => return None,
        ([_], ["pdf"]) => "Options for pdf",
        ([_], ["docx"]) => "Options for docx",
        ([_], ["xhtml"]) => "Options for xhtml",
        ([_], ["xlsx"]) => "Options for xlsx",
        ([_], ["pptx"]) => "Options for pptx",
        ([_], ["pdf", "docx"]) => "Options for pdf and docx",
        ([_], ["csv", "xlsx"]) => "Options for csv and xlsx",
        _ => "Options by kind and format",
    })
}
