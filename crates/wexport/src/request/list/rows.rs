//! The rows of a list, whether it is CSV or JSON lines.
//!
//! CSV is that of RFC 4180, with a header row. Semicolons separate the cells if they separate the
//! column names: spreadsheet programs write such files where the comma is the decimal separator.

use std::collections::HashSet;

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

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
    let mut reader = ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(separator(text));
    let mut reader = reader.from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut lines = LineCounter { text, at: 0, line: 1 };
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    loop {
        let line = lines.line_at(reader.position().byte());
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
            self.line += u64::from(*byte == b'\n');
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

/// The separator of the header row.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator| first.matches(separator).count();
    if count(';') > count(',') { b';' } else { b',' }
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
        match serde_json::from_str::<Map<String, Value>>(row) {
            Ok(object) => rows.push(Row { line, cells: json_cells(object) }),
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

/// The members of an object, without those that are null.
fn json_cells(object: Map<String, Value>) -> Vec<(String, Value)> {
    let given = object.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (column_name(&name), value)).collect()
}
