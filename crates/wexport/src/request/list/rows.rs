//! The rows of a list, whether it is CSV or JSON lines.
//!
//! They are read a chunk at a time: a list of any length takes no more memory than its longest rows.

use std::fs::{self, Metadata};
use std::io::{self, Chain, Cursor, Read};

use serde_json::Value;

use super::csv_rows::CsvRows;
use super::errors::ListError;
use super::json_rows::JsonRows;
use super::source::List;

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

    /// The length of its texts, and of the file with its body, in **bytes**.
    fn len(&self) -> usize {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
        let texts = self.cells.iter().map(|(column, value)| column.len() + text(value));
        let body = self.text("body").and_then(|body| body.strip_prefix('@'));
        texts.sum::<usize>().saturating_add(body.map_or(0, file_length))
    }
}

/// The length of a file, in **bytes**. What is no file, such as a pipe, may have any.
fn file_length(path: &str) -> usize {
    let found = fs::metadata(path).ok().filter(Metadata::is_file);
    found.and_then(|found| usize::try_from(found.len()).ok()).unwrap_or(usize::MAX)
}

/// Why there is no row.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is invalid. Others may follow.
    Row(ListError),
    /// This line is not UTF-8, so that the list cannot be read.
    Encoding(u64),
    Io(io::Error),
}

/// The text of a list, after a byte order mark.
pub(super) type Text<'a> = Chain<Cursor<Vec<u8>>, &'a mut List>;

/// The rows of a list, and the faults between them.
pub(super) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, Fault>> + 'a>;

/// The longest row, in **bytes**. An ordinary one has a hundred.
pub(super) const MAX_ROW: usize = 1_048_576;

/// The most columns of a row.
pub(super) const MAX_COLUMNS: usize = 1_000;

/// The most rows of a chunk, and the length of their texts and bodies in **bytes** from which it is full.
const CHUNK: usize = 4_000;
const CHUNK_BYTES: usize = MAX_ROW;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the start of a list. JSON lines begin with a brace, which no column name does.
pub(super) fn rows(list: &mut List) -> io::Result<Rows<'_>> {
    let mut start = Vec::new();
    list.by_ref().take(MAX_ROW as u64).read_to_end(&mut start)?;
    if start.starts_with(BYTE_ORDER_MARK) {
        start.drain(..BYTE_ORDER_MARK.len());
    }
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(match first {
        Some(b'{' | b'[') => Box::new(JsonRows::new(Cursor::new(start).chain(list))),
        _ => Box::new(CsvRows::new(start, list)),
    })
}

/// Reads the next rows, until their chunk is full or there is a fault.
pub(super) fn chunk(rows: &mut Rows<'_>) -> (Vec<Row>, Option<Fault>) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
        match rows.next() {
            Some(Ok(row)) => {
                bytes = bytes.saturating_add(row.len());
                chunk.push(row);
            }
            Some(Err(fault)) => return (chunk, Some(fault)),
            None => break,
        }
    }
    (chunk, None)
}

/// Normalises the name of a column: `If exists`, `if_exists` and `if-exists` are the same.
pub(super) fn column_name(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', ' '], "-")
}

/// The error of a row that is longer than [`MAX_ROW`].
pub(super) fn too_long(line: u64) -> ListError {
    ListError::new(line, format!("longer than {} MiB", MAX_ROW / 1_048_576))
}

/// The error of a row with more than [`MAX_COLUMNS`].
pub(super) fn too_many_columns(line: u64) -> ListError {
    ListError::new(line, format!("more than {MAX_COLUMNS} columns"))
}
