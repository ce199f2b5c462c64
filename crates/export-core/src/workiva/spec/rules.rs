//! Checks that several kinds of export share.

use alloc::format;
use alloc::string::String;

use super::error::SpecError;

/// Refuses options of a format or kind that is not the requested one.
pub(super) fn belongs(
    at: &str,
    field: &str,
    given: bool,
    meant: &'static str,
    chosen: &'static str,
) -> Result<(), SpecError> {
    if given && meant != chosen {
        return Err(SpecError::Misplaced { field: format!("{at}{field}"), meant, chosen });
    }
    Ok(())
}

/// Refuses an empty selection, which would export everything, and empty ids.
pub(super) fn selection(at: &str, field: &str, ids: Option<&[String]>) -> Result<(), SpecError> {
    match ids {
        Some([]) => Err(SpecError::EmptyList { field: format!("{at}{field}") }),
        Some(ids) if ids.iter().any(String::is_empty) => Err(SpecError::Body {
            field: format!("{at}{field}"),
            problem: String::from("an id is empty"),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a page side outside of 3 to 100 inches.
pub(super) fn page_side(at: &str, field: &str, inches: Option<f64>) -> Result<(), SpecError> {
    let (min, max) = (3.0, 100.0);
    match inches {
        // `contains` is false for a NaN.
        Some(given) if !(min..=max).contains(&given) => {
            let field = format!("{at}pdfOptions.{field}");
            Err(SpecError::Range { field, given, min, max, unit: "inches" })
        }
        Some(_) | None => Ok(()),
    }
}
