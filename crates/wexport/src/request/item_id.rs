//! Checks of the IDs of items.

use crate::problem::Problem;

/// Refuses what cannot be the ID of an item, before a request asks for it. `name` is the ID in
/// messages.
pub(crate) fn check(name: &str, id: &str) -> Result<(), Problem> {
    match fault_of(id) {
        Some(fault) => Err(Problem::usage(format!("invalid {name} {id:?}: {fault}"))),
        None => Ok(()),
    }
}

/// Why a text is no ID. The IDs of the service are letters, digits and a few signs (observed).
fn fault_of(id: &str) -> Option<&'static str> {
    let is_invisible = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if id.chars().any(is_invisible) {
        Some("it contains a space or an invisible character")
    } else if id.contains(['"', '\'', '`', '“', '”', '’']) {
        Some("it contains a quote")
    } else if id.contains("://") {
        Some("it is a URL: use only the ID in it")
    } else if id == "." || id == ".." {
        Some("it is a part of a path")
    } else if id.starts_with('#') {
        Some("it is an error value of a spreadsheet program")
    } else if is_rounded(id) {
        Some("a spreadsheet program has rounded it: format the column as text")
    } else {
        None
    }
}

/// Whether it is a number as spreadsheet programs write large ones: `1.24E+11`.
fn is_rounded(id: &str) -> bool {
    let Some((digits, power)) = id.split_once(['E', 'e']) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    power.strip_prefix('+').is_some_and(is_number) && is_number(&digits.replace(['.', ','], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_service_are_accepted() {
        for id in ["124efa2a142f472ba1ceab34ed18915f", "a-b_c.d~e", "12345", "1E5", "WORKIVA=x+y"] {
            assert_eq!(fault_of(id), None, "{id}");
        }
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for (id, fault) in [
            ("a\nb", "invisible"),
            ("a b", "a space"),
            ("a\u{200b}", "invisible"),
            ("\u{feff}a", "invisible"),
            ("\"a\"", "a quote"),
            ("https://app.wdesk.com/s/1", "a URL"),
            (".", "a path"),
            ("..", "a path"),
            ("#N/A", "error value"),
            ("#REF!", "error value"),
            ("1.24E+11", "rounded"),
            ("1,24E+11", "rounded"),
        ] {
            let found = fault_of(id).unwrap_or_default();
            assert!(found.contains(fault), "{id:?}: {found}");
        }
    }
}
