//! The rows of a list, whether it is CSV or JSON lines.
//!
//! CSV is that of RFC 4180, with a header row. Semicolons or tabs separate the cells if they separate
//! the column names: spreadsheet programs write such files where the comma is the decimal separator.
//! A first line `sep=;` names the separator, as Excel reads it.

use std::collections::HashSet;
use std::fmt;

use csv::{ReaderBuilder, StringRecord};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::errors::{ListError, ListErrors};

/// One row of a list.
#[derive(Debug)]
pub(super) struct Row {
    /// The line that it begins on, from 1.
    pub(super) line: u64,
    /// The cells that are not empty, by [column name](column_name).
    pub(super) cells: Vec<(String, Value)>,
}

impl Row {
    /// The text of a cell.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.cells.iter().find(|(column, _)| column == name)?;
        value.as_str()
    }
}

/// Reads the rows of a list. JSON lines begin with a brace, which no column name does.
pub(super) fn rows(text: &str, errors: &mut ListErrors) -> Vec<Row> {
    if text.trim_start().starts_with(['{', '[']) {
        json_rows(text, errors)
    } else {
        csv_rows(text, errors)
    }
}

/// Normalises the name of a column: `If exists`, `if_exists` and `if-exists` are the same.
fn column_name(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', ' '], "-")
}

fn csv_rows(text: &str, errors: &mut ListErrors) -> Vec<Row> {
    let (start, separator) = start_and_separator(text);
    // The reader accepts quotes that end nowhere, and would take the rest of the list for one cell.
    if let Err(error) = check_quotes(text, start, separator) {
        errors.add(error);
        return Vec::new();
    }
    let mut reader = ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(separator);
    let mut reader = reader.from_reader(&text.as_bytes()[start..]);
    let mut record = StringRecord::new();
    let mut lines = LineCounter { text, at: 0, line: 1 };
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    loop {
        let line = lines.line_at(start as u64 + reader.position().byte());
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return rows,
            Err(error) => {
                errors.add(ListError::new(line, error.to_string()));
                return rows;
            }
        }
        match &columns {
            None => columns = Some(header(&record, line, errors)),
            Some(columns) => match csv_row(&record, columns, line) {
                Ok(row) => rows.extend(row),
                Err(error) => errors.add(error),
            },
        }
    }
}

/// Counts lines. The reader's own count is off by one for CRLF line ends.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// The line of the first record that begins at this byte or later.
    fn line_at(&mut self, byte: u64) -> u64 {
        let to = usize::try_from(byte).unwrap_or(usize::MAX);
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if self.at >= to && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            let is_end = match byte {
                b'\n' => true,
                b'\r' => bytes.get(self.at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(is_end);
            self.at += 1;
        }
        self.line
    }
}

fn header(record: &StringRecord, line: u64, errors: &mut ListErrors) -> Vec<String> {
    let columns: Vec<String> = record.iter().map(column_name).collect();
    let mut seen = HashSet::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        if !seen.insert(column) {
            errors.add(ListError::in_column(line, column, "duplicate column"));
        }
    }
    for required in ["kind", "id"] {
        if !columns.iter().any(|column| column == required) {
            let text = format!("the header row has no column {required}");
            errors.add(ListError::new(line, text));
        }
    }
    columns
}

/// Reads a record; `None` if all of its cells are empty.
fn csv_row(record: &StringRecord, columns: &[String], line: u64) -> Result<Option<Row>, ListError> {
    let mut cells = Vec::new();
    let surplus = record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty());
    if surplus {
        let text = format!("{} cells, but {} columns", record.len(), columns.len());
        return Err(ListError::new(line, text));
    }
    for (column, cell) in columns.iter().zip(record) {
        let cell = cell.trim();
        match (column.is_empty(), cell.is_empty()) {
            (_, true) => {}
            (false, false) => cells.push((column.clone(), Value::from(cell))),
            (true, false) => {
                return Err(ListError::new(
                    line,
                    format!("{cell:?} is in a column without a name"),
                ));
            }
        }
    }
    Ok((!cells.is_empty()).then_some(Row { line, cells }))
}

/// Where the header row begins, and its separator.
fn start_and_separator(text: &str) -> (usize, u8) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(&[separator]) = first.strip_prefix("sep=").map(str::as_bytes) {
        return ((first.len() + 1).min(text.len()), separator);
    }
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: &u8| header.bytes().filter(|byte| byte == separator).count();
    // The comma, unless another one occurs more often.
    let separator = [b'\t', b';', b','].into_iter().max_by_key(count);
    (0, separator.unwrap_or(b','))
}

/// Fails if a quoted cell does not end, or is followed by other text.
fn check_quotes(text: &str, start: usize, separator: u8) -> Result<(), ListError> {
    let mut lines = LineCounter { text, at: 0, line: 1 };
    let mut bytes = text.bytes().enumerate().skip(start).peekable();
    let ends_cell = |byte: u8| byte == separator || matches!(byte, b'\r' | b'\n');
    let mut is_start_of_cell = true;
    while let Some((at, byte)) = bytes.next() {
        if byte != b'"' || !is_start_of_cell {
            is_start_of_cell = ends_cell(byte);
            continue;
        }
        loop {
            let Some((_, byte)) = bytes.next() else {
                return Err(ListError::new(lines.line_at(at as u64), "a quote is not closed"));
            };
            if byte != b'"' {
                continue;
            }
            match bytes.peek() {
                // A quote in the cell is doubled.
                Some((_, b'"')) => bytes.next(),
                Some(&(at, next)) if !ends_cell(next) => {
                    let line = lines.line_at(at as u64);
                    return Err(ListError::new(line, "text after a closing quote"));
                }
                _ => break,
            };
        }
        is_start_of_cell = false;
    }
    Ok(())
}

fn json_rows(text: &str, errors: &mut ListErrors) -> Vec<Row> {
    let mut rows = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        if row.trim().is_empty() {
            continue;
        }
        if !row.trim_start().starts_with('{') {
            errors.add(ListError::new(line, "expected a JSON object"));
            continue;
        }
        match serde_json::from_str::<Members>(row) {
            Ok(Members(members)) => match json_cells(members) {
                Ok(cells) => rows.push(Row { line, cells }),
                Err(column) => errors.add(ListError::in_column(line, &column, "duplicate column")),
            },
            Err(error) => {
                let text = error.to_string();
                // serde_json appends "at line 1 column N", which is not the line of the list.
                let what = text.split(" at line ").next().unwrap_or(&text);
                let text = format!("character {}: {what}", error.column());
                errors.add(ListError::new(line, text));
            }
        }
    }
    rows
}

/// The members of an object, without those that are null. Fails with a column that occurs twice.
fn json_cells(members: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, String> {
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
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
