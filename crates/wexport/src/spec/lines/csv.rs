//! CSV: RFC 4180, with a line of names first. A semicolon separates where the names are separated
//! by semicolons, as spreadsheet programs write it in much of Europe.

use std::collections::HashSet;

use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

use super::cells::{Row, name_of};
use super::faults::{Fault, Faults};

/// The rows of a CSV text.
pub(super) fn rows(text: &str, faults: &mut Faults) -> Vec<Row> {
    let mut reader = ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(separator(text));
    let mut reader = reader.from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    loop {
        let number = lines.line_at(reader.position().byte());
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return rows,
            Err(error) => {
                faults.add(Fault::new(number, error.to_string()));
                return rows;
            }
        }
        match &columns {
            None => columns = Some(columns_of(&record, number, faults)),
            Some(columns) => match row(&record, columns, number) {
                Ok(row) => rows.extend(row),
                Err(fault) => faults.add(fault),
            },
        }
    }
}

/// Counts lines. The reader counts them too, and is one behind where lines end as on Windows.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the next record that begins at this byte or later.
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

fn columns_of(record: &StringRecord, number: u64, faults: &mut Faults) -> Vec<String> {
    let columns: Vec<String> = record.iter().map(name_of).collect();
    let mut seen = HashSet::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        if !seen.insert(column) {
            faults.add(Fault::in_column(number, column, "there are two of this name"));
        }
    }
    for needed in ["kind", "id"] {
        if !columns.iter().any(|column| column == needed) {
            let text = format!("the first line names the columns, and there is no {needed}");
            faults.add(Fault::new(number, text));
        }
    }
    columns
}

/// The row of a record; `None` if all of its cells are empty.
fn row(record: &StringRecord, columns: &[String], number: u64) -> Result<Option<Row>, Fault> {
    let mut cells = Vec::new();
    let beyond = record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty());
    if beyond {
        let text = format!("there are {} cells, and {} columns", record.len(), columns.len());
        return Err(Fault::new(number, text));
    }
    for (column, cell) in columns.iter().zip(record) {
        let cell = cell.trim();
        match (column.is_empty(), cell.is_empty()) {
            (_, true) => {}
            (false, false) => cells.push((column.clone(), Value::from(cell))),
            (true, false) => {
                return Err(Fault::new(number, format!("{cell:?} is in a column without a name")));
            }
        }
    }
    Ok((!cells.is_empty()).then_some(Row { number, cells }))
}

/// What separates the names of the columns.
fn separator(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator| first.matches(separator).count();
    if count(';') > count(',') { b';' } else { b',' }
}
