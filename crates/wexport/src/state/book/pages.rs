//! Going through the exports of a batch, of which there may be a million.

use std::vec;

use rusqlite::Row;

use super::row::key;
use super::{Book, BookError, RowStanding};

/// An iterator that has few of its items in memory. Between two pages the book is free for others,
/// and what they write is seen if it is behind where the iterator stands.
pub(crate) struct Pages<'a, T> {
    book: &'a Book,
    sql: String,
    standing: Option<RowStanding>,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
    number: fn(&T) -> u64,
    /// The number at which the last page ended.
    after: u64,
    page: vec::IntoIter<T>,
    is_over: bool,
}

/// How many items are in memory at once.
const PAGE: usize = 1_000;

impl<'a, T> Pages<'a, T> {
    /// `sql` ends in a condition, in which `?3` is the standing.
    pub(super) fn new(
        book: &'a Book,
        sql: String,
        standing: Option<RowStanding>,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
        number: fn(&T) -> u64,
    ) -> Self {
        let sql = format!("{sql} AND number > ?1 ORDER BY number LIMIT ?2");
        let page = Vec::new().into_iter();
        Self { book, sql, standing, read, number, after: 0, page, is_over: false }
    }

    fn turn(&mut self) -> Result<(), BookError> {
        let page: Vec<T> = self.book.ask(|connection| {
            let mut statement = connection.prepare(&self.sql)?;
            let (after, most) = (key(self.after), key(PAGE as u64));
            match self.standing {
                Some(standing) => {
                    statement.query_map((after, most, standing), self.read)?.collect()
                }
                None => statement.query_map((after, most), self.read)?.collect(),
            }
        })?;
        self.is_over = page.len() < PAGE;
        self.after = page.last().map_or(self.after, self.number);
        self.page = page.into_iter();
        Ok(())
    }
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T, BookError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.page.next() {
            return Some(Ok(item));
        }
        if self.is_over {
            return None;
        }
        match self.turn() {
            Ok(()) => self.page.next().map(Ok),
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}
