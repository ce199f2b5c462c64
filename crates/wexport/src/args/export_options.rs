//! The flags of export options, made from the options that `export-core` declares.

use std::marker::PhantomData;
use std::sync::LazyLock;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use export_core::workiva::{ExportOption, ItemKind, OptionValue};
use serde_json::Value;

/// The flags of all export options.
pub(crate) static OPTION_FLAGS: LazyLock<Vec<OptionFlag>> = LazyLock::new(option_flags);

/// The flags that the short help of a command includes.
const COMMON: [&str; 9] = [
    "sections",
    "sheets",
    "slides",
    "include-comments",
    "include-hyperlinks",
    "include-draft-watermark",
    "email-on-complete",
    "include-attachments",
    "include-xbrl",
];

/// The flag of an export option. Options of the same name have one flag.
#[derive(Debug)]
pub(crate) struct OptionFlag {
    /// The name of the option in kebab case.
    pub(crate) flag: String,
    help: String,
    /// The options that it sets, one for each kind and format; never empty.
    pub(crate) options: Vec<&'static ExportOption>,
}

/// The export options that were given to a command, whose options are those of the group `S`.
#[derive(Clone, Debug)]
pub(crate) struct OptionArgs<S>(Vec<OptionArg>, PhantomData<S>);

/// One option that was given.
#[derive(Clone, Debug)]
pub(crate) struct OptionArg {
    pub(crate) flag: &'static OptionFlag,
    pub(crate) value: Value,
}

/// The kinds whose options a command accepts.
pub(crate) trait OptionGroup {
    const KINDS: &'static [ItemKind];
}

/// Declares the option group of each command.
macro_rules! option_groups {
    ($($(#[$doc:meta])* $name:ident: $($kind:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(crate) enum $name {}

            impl OptionGroup for $name {
                const KINDS: &'static [ItemKind] = &[$(ItemKind::$kind),*];
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
    pub(crate) fn as_slice(&self) -> &[OptionArg] {
        &self.0
    }
}

impl<S: OptionGroup> Args for OptionArgs<S> {
    fn augment_args(command: Command) -> Command {
        // Options of other kinds are hidden but parsed, so that the error can name their kinds.
        OPTION_FLAGS.iter().fold(command, |command, flag| {
            let options = flag.options.iter().filter(|option| S::KINDS.contains(&option.kind));
            let options: Vec<&ExportOption> = options.copied().collect();
            let is_short = COMMON.contains(&flag.flag.as_str()) && S::KINDS.len() == 1;
            let arg = flag.arg().hide(options.is_empty()).hide_short_help(!is_short);
            match heading(&options, S::KINDS) {
                Some(heading) => command.arg(arg.help_heading(heading)),
                None => command.arg(arg),
            }
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: OptionGroup> FromArgMatches for OptionArgs<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = OPTION_FLAGS.iter().filter_map(|flag| {
            let value = flag.value_in(matches)?;
            Some(OptionArg { flag, value })
        });
        Ok(Self(given.collect(), PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl OptionFlag {
    fn new(option: &'static ExportOption) -> Self {
        Self { flag: kebab_case(option.name), help: option.help(), options: vec![option] }
    }

    /// The values that the flag takes. All of its options take the same.
    pub(crate) fn value(&self) -> OptionValue {
        self.options[0].value
    }

    fn arg(&'static self) -> Arg {
        let flag = self.flag.as_str();
        let arg = Arg::new(flag).long(flag).help(self.help.as_str());
        match self.value() {
            OptionValue::Inches => arg.value_name("INCHES").value_parser(inches),
            OptionValue::OneOf(words) => {
                let values = words.iter().map(|&word| match kebab_case(word) {
                    kebab if kebab == word => PossibleValue::new(word),
                    kebab => PossibleValue::new(kebab).alias(word),
                });
                let parser = PossibleValuesParser::new(values.collect::<Vec<_>>());
                arg.value_name("VALUE").value_parser(parser)
            }
            OptionValue::Ids => arg
                .value_name("ID,...")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(NonEmptyStringValueParser::new()),
            // A `Bool`: the service's default of each is false.
            _ => arg.action(ArgAction::SetTrue),
        }
    }

    fn value_in(&self, matches: &ArgMatches) -> Option<Value> {
        let flag = self.flag.as_str();
        match self.value() {
            OptionValue::Inches => matches.get_one::<f64>(flag).map(|inches| (*inches).into()),
            OptionValue::OneOf(words) => {
                let given = matches.get_one::<String>(flag)?;
                let word = words.iter().find(|&&word| given == word || *given == kebab_case(word));
                word.map(|&word| word.into())
            }
            OptionValue::Ids => {
                Some(matches.get_many::<String>(flag)?.map(String::as_str).collect())
            }
            _ => matches.get_one::<bool>(flag).filter(|given| **given).map(|_| Value::Bool(true)),
        }
    }
}

/// Refuses `nan`, which JSON cannot represent.
fn inches(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|inches: &f64| inches.is_finite()).ok_or("expected a number of inches")
}

/// Groups the options by their names.
fn option_flags() -> Vec<OptionFlag> {
    let mut flags: Vec<OptionFlag> = Vec::new();
    for option in ExportOption::all() {
        match flags.iter_mut().find(|flag| flag.options[0].name == option.name) {
            Some(flag) => flag.options.push(option),
            None => flags.push(OptionFlag::new(option)),
        }
    }
    flags
}

/// `include_comments` and `actualSize` as the command line spells them.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '_' => kebab.push('-'),
            'A'..='Z' => kebab.extend(['-', letter.to_ascii_lowercase()]),
            _ => kebab.push(letter),
        }
    }
    kebab
}

/// The heading in the help: the formats of an option, or a general one for several kinds.
fn heading(options: &[&ExportOption], kinds: &[ItemKind]) -> Option<String> {
    let formats: Vec<&str> = options.iter().filter_map(|option| option.format).collect();
    match (kinds, formats.as_slice()) {
        (_, []) if options.iter().all(|option| option.kind == ItemKind::Archive) => {
            Some("Archive options".into())
        }
        (_, []) => None,
        ([_], formats) => Some(format!("Options for {}", formats.join(" and "))),
        _ => Some("Options by kind and format".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_flag_agree() {
        for flag in OPTION_FLAGS.iter() {
            let first = flag.options[0];
            for option in &flag.options {
                assert_eq!((option.value, option.help()), (first.value, first.help()));
            }
        }
    }

    #[test]
    fn common_flags_exist() {
        for common in COMMON {
            assert!(OPTION_FLAGS.iter().any(|flag| flag.flag == common), "{common}");
        }
    }
}
