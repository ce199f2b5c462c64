//! JSON lines: an object on each line.

use serde_json::{Map, Value};

use super::cells::{Row, name_of};
use super::faults::{Fault, Faults};

/// The rows of a text of JSON lines.
pub(super) fn rows(text: &str, faults: &mut Faults) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        if !line.trim_start().starts_with('{') {
            faults.add(Fault::new(number, "it is no object, which begins with a brace"));
            continue;
        }
        match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(object) => rows.push(Row { number, cells: cells(object) }),
            Err(error) => {
                let text = error.to_string();
                // Where in the line, in words of a list.
                let what = text.split(" at line ").next().unwrap_or(&text);
                let text = format!("character {}: {what}", error.column());
                faults.add(Fault::new(number, text));
            }
        }
    }
    rows
}

fn cells(object: Map<String, Value>) -> Vec<(String, Value)> {
    let is_given = |value: &Value| !matches!(value, Value::Null);
    let given = object.into_iter().filter(|(_, value)| is_given(value));
    given.map(|(name, value)| (name_of(&name), value)).collect()
}
