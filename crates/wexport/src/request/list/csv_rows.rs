//! CSV as RFC 4180 has it, with a header row.
//!
//! Semicolons or tabs separate the cells if they separate the column names: spreadsheet programs write
//! such files where the comma is the decimal separator. A first line `sep=;` names the separator, as
//! Excel reads it.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Cursor, Read};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use serde_json::Value;

use super::errors::ListError;
use super::rows::{
    Fault, MAX_COLUMNS, MAX_ROW, Row, Text, column_name, too_long, too_many_columns,
};
use super::source::List;

/// The rows of a CSV list.
pub(super) struct CsvRows<'a> {
    reader: Reader<CheckedText<'a>>,
    record: StringRecord,
    /// The names of the columns, once the header was read.
    columns: Option<Vec<String>>,
    /// The errors of the header, until they are returned.
    errors: VecDeque<ListError>,
    has_ended: bool,
}

impl<'a> CsvRows<'a> {
    /// `start` is the start of the text, with the whole header.
    pub(super) fn new(mut start: Vec<u8>, rest: &'a mut List) -> Self {
        let (skipped, separator) = start_and_separator(&start);
        start.drain(..skipped);
        let text = CheckedText::new(Cursor::new(start).chain(rest), separator);
        let mut reader = ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).delimiter(separator);
        Self {
            reader: reader.from_reader(text),
            record: StringRecord::new(),
            columns: None,
            errors: VecDeque::new(),
            has_ended: false,
        }
    }

    /// Reads a record, and returns its line; `None` at the end.
    fn read_record(&mut self) -> Result<Option<u64>, Fault> {
        let read = self.reader.read_record(&mut self.record);
        let text = self.reader.get_mut();
        let line = text.starts.pop_front();
        match read {
            Ok(true) => Ok(line),
            Ok(false) => Ok(None),
            Err(error) => Err(match (text.fault.take(), error.into_kind()) {
                (Some(fault), _) => Fault::Row(fault),
                (None, ErrorKind::Io(error)) => Fault::Io(error),
                // The only other error of records without a fixed length.
                (None, _) => Fault::Encoding(line.unwrap_or(1)),
            }),
        }
    }
}

impl Iterator for CsvRows<'_> {
    type Item = Result<Row, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(Fault::Row(error)));
            }
            if self.has_ended {
                return None;
            }
            let line = match self.read_record() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(fault) => {
                    self.has_ended = true;
                    return Some(Err(fault));
                }
            };
            match &self.columns {
                None => {
                    let (columns, errors) = header(&self.record, line);
                    (self.columns, self.errors) = (Some(columns), errors);
                }
                Some(columns) => match row(&self.record, columns, line).transpose() {
                    None => {}
                    Some(row) => return Some(row.map_err(Fault::Row)),
                },
            }
        }
    }
}

/// The names of the columns, and what is wrong with them.
fn header(record: &StringRecord, line: u64) -> (Vec<String>, VecDeque<ListError>) {
    let mut errors = VecDeque::new();
    if record.len() > MAX_COLUMNS {
        errors.push_back(too_many_columns(line));
    }
    let columns: Vec<String> = record.iter().take(MAX_COLUMNS).map(column_name).collect();
    let mut seen = HashSet::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        if !seen.insert(column) {
            errors.push_back(ListError::in_column(line, column, "duplicate column"));
        }
    }
    for required in ["kind", "id"] {
        if !columns.iter().any(|column| column == required) {
            let text = format!("the header row has no column {required}");
            errors.push_back(ListError::new(line, text));
        }
    }
    (columns, errors)
}

/// Reads a record; `None` if all of its cells are empty.
fn row(record: &StringRecord, columns: &[String], line: u64) -> Result<Option<Row>, ListError> {
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
fn start_and_separator(start: &[u8]) -> (usize, u8) {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let mut lines = start.split(is_end);
    let first = lines.next().unwrap_or_default();
    // Spreadsheet programs quote a cell that has the separator.
    let bare = first.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(first);
    if let Some((name, &[separator])) = bare.split_at_checked(4)
        && name.eq_ignore_ascii_case(b"sep=")
    {
        return (first.len(), separator);
    }
    let is_blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let header = start.split(is_end).find(|line| !is_blank(line)).unwrap_or_default();
    let count = |separator: &u8| header.iter().filter(|byte| *byte == separator).count();
    // The comma, unless another one occurs more often.
    let separator = [b'\t', b';', b','].into_iter().max_by_key(count);
    (0, separator.unwrap_or(b','))
}

/// Looks at the text of a list before the reader does. The reader accepts quotes that end nowhere, and
/// would take the rest of the list for one cell; and its own count of lines is off by one for CRLF.
struct CheckedText<'a> {
    text: Text<'a>,
    separator: u8,
    place: Place,
    /// The current line, from 1.
    line: u64,
    after_return: bool,
    /// The length of the current record; `None` between two of them.
    length: Option<usize>,
    /// The lines of the records that the reader has not returned.
    starts: VecDeque<u64>,
    /// Why the text is not read further.
    fault: Option<ListError>,
}

/// Where a byte is.
#[derive(Clone, Copy, Debug)]
enum Place {
    StartOfCell,
    Cell,
    /// In a quoted cell, which begins on this line.
    Quoted(u64),
    /// After a quote in such a cell, which ends the cell unless it is doubled.
    AfterQuote(u64),
}

impl<'a> CheckedText<'a> {
    const fn new(text: Text<'a>, separator: u8) -> Self {
        Self {
            text,
            separator,
            place: Place::StartOfCell,
            line: 1,
            after_return: false,
            length: None,
            starts: VecDeque::new(),
            fault: None,
        }
    }

    fn check(&mut self, byte: u8) -> Result<(), ListError> {
        let is_end_of_line = matches!(byte, b'\r' | b'\n');
        let ends_cell = byte == self.separator || is_end_of_line;
        if self.length.is_none() && !is_end_of_line {
            self.starts.push_back(self.line);
            self.length = Some(0);
        }
        self.place = match (self.place, byte) {
            (Place::StartOfCell, b'"') => Place::Quoted(self.line),
            (Place::StartOfCell | Place::Cell, _) if ends_cell => Place::StartOfCell,
            (Place::StartOfCell | Place::Cell, _) => Place::Cell,
            (Place::Quoted(line), b'"') => Place::AfterQuote(line),
            (Place::Quoted(line), _) => Place::Quoted(line),
            (Place::AfterQuote(line), b'"') => Place::Quoted(line),
            (Place::AfterQuote(_), _) if ends_cell => Place::StartOfCell,
            (Place::AfterQuote(_), _) => {
                return Err(ListError::new(self.line, "text after a closing quote"));
            }
        };
        match (self.place, &mut self.length) {
            (Place::StartOfCell, length) if is_end_of_line => *length = None,
            (_, Some(length)) => *length += 1,
            (_, None) => {}
        }
        if self.length.is_some_and(|length| length > MAX_ROW) {
            return Err(match self.place {
                Place::Quoted(line) => not_closed(line),
                _ => too_long(self.starts.back().copied().unwrap_or(self.line)),
            });
        }
        let is_new_line = byte == b'\r' || (byte == b'\n' && !self.after_return);
        self.line += u64::from(is_new_line);
        self.after_return = byte == b'\r';
        Ok(())
    }
}

fn not_closed(line: u64) -> ListError {
    ListError::new(line, "a quote is not closed")
}

impl Read for CheckedText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fault.is_none() {
            let read = self.text.read(buffer)?;
            if let (0, Place::Quoted(line)) = (read, self.place) {
                self.fault = Some(not_closed(line));
            }
            for (at, byte) in buffer.iter().take(read).enumerate() {
                if let Err(fault) = self.check(*byte) {
                    self.fault = Some(fault);
                    if at == 0 {
                        break;
                    }
                    // The records before it are read.
                    return Ok(at);
                }
            }
            if self.fault.is_none() {
                return Ok(read);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}
