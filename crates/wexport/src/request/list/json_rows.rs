//! JSON lines: an object on each line.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use export_core::workiva::Strict;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::errors::ListError;
use super::rows::{
    Fault, MAX_COLUMNS, MAX_ROW, Row, Text, column_name, too_long, too_many_columns,
};

/// The rows of a list of JSON lines.
pub(super) struct JsonRows<'a> {
    text: BufReader<Text<'a>>,
    /// The number of the last line that was read.
    line: u64,
    bytes: Vec<u8>,
}

impl<'a> JsonRows<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        Self { text: BufReader::new(text), line: 0, bytes: Vec::new() }
    }

    /// Reads the next line. The rest of one that is too long is skipped.
    fn read_line(&mut self) -> io::Result<Option<Line>> {
        self.bytes.clear();
        let mut text = self.text.by_ref().take(MAX_ROW as u64 + 1);
        if text.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.bytes.len() > MAX_ROW && !self.bytes.ends_with(b"\n") {
            self.text.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Read))
    }
}

enum Line {
    Read,
    TooLong,
}

impl Iterator for JsonRows<'_> {
    type Item = Result<Row, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read_line() {
                Ok(Some(Line::Read)) => {}
                Ok(Some(Line::TooLong)) => return Some(Err(Fault::Row(too_long(self.line)))),
                Ok(None) => return None,
                Err(error) => return Some(Err(Fault::Io(error))),
            }
            let Ok(text) = str::from_utf8(&self.bytes) else {
                return Some(Err(Fault::Encoding(self.line)));
            };
            if !text.trim().is_empty() {
                return Some(row(text.trim_end(), self.line).map_err(Fault::Row));
            }
        }
    }
}

fn row(text: &str, line: u64) -> Result<Row, ListError> {
    if !text.trim_start().starts_with('{') {
        return Err(ListError::new(line, "expected a JSON object"));
    }
    let Members(members) = serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        // serde_json appends "at line 1 column N", which is not the line of the list.
        let what = text.split(" at line ").next().unwrap_or(&text);
        ListError::new(line, format!("character {}: {what}", error.column()))
    })?;
    if members.len() > MAX_COLUMNS {
        return Err(too_many_columns(line));
    }
    let cells =
        cells(members).map_err(|column| ListError::in_column(line, &column, "duplicate column"))?;
    Ok(Row { line, cells })
}

/// The members of an object, without those that are null. Fails with a column that occurs twice.
fn cells(members: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, String> {
    let mut cells: Vec<(String, Value)> = Vec::new();
    let mut seen = HashSet::new();
    for (name, value) in members {
        let column = column_name(&name);
        if !seen.insert(column.clone()) {
            return Err(column);
        }
        if !value.is_null() {
            cells.push((column, value));
        }
    }
    Ok(cells)
}

/// Reads a cell. What is sent as it was written, such as a body, is read strictly.
fn cell(json: &str) -> serde_json::Result<Value> {
    match json.starts_with(['{', '[']) {
        true => serde_json::from_str(json).map(|Strict(value)| value),
        false => serde_json::from_str(json),
    }
}

/// All members of an object: a map would keep one of several with the same name.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, json)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, cell(json.get()).map_err(A::Error::custom)?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
