//! Why a request cannot be made, in the words of the flags.

use export_hyper::SpecError;

use super::table::ROWS;
use crate::report::Problem;

/// The library speaks of the service's fields; whoever set a flag knows its name alone.
pub(super) fn in_words_of_flags(error: &SpecError) -> Problem {
    match error {
        SpecError::Version { what, version, instead } => {
            Problem::usage(format!("API version {version} has no export of {what}"))
                .advise(format!("use --api-version {instead}"))
        }
        SpecError::EmptyId { .. } => Problem::usage("an id is empty: give the id of what is meant"),
        SpecError::Sheets { field, count } => Problem::usage(format!(
            "{} names {count} sheets: csv takes one, or all of them without it",
            word_for(field)
        )),
        SpecError::Conflict { field, with } => Problem::usage(format!(
            "{} cannot be given together with {}: leave one of them out",
            word_for(field),
            word_for(with)
        )),
        SpecError::Range { field, given, min, max, unit } => Problem::usage(format!(
            "{} is {given}: it has to be from {min} to {max} {unit}",
            word_for(field)
        )),
        SpecError::Body { field, problem } => {
            Problem::usage(format!("{}: {problem}", word_for(field)))
        }
        _ => Problem::usage(error.to_string()),
    }
}

/// Why a body cannot be sent.
pub(super) fn of_body(error: &SpecError) -> Problem {
    Problem::usage(format!("--body: {error}"))
}

/// The flag that sets a field, or else the field.
fn word_for(field: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or(field);
    match ROWS.iter().find(|row| row.field == name) {
        Some(row) => format!("--{}", row.flag),
        None if name == "format" => "--format".into(),
        None => field.into(),
    }
}
