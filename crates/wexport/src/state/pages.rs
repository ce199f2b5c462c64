//! Iterates over rows of a database.

use std::vec;

use crate::problem::Problem;

/// Rows in the order of their numbers, one page at a time: all that is in memory at once. The database is free
/// between two pages; what others write then is seen if it is behind the current page.
pub(super) struct Pages<T, F> {
    /// Reads the page after a number.
    read: F,
    number: fn(&T) -> u64,
    /// The last number of the current page.
    after: u64,
    page: vec::IntoIter<T>,
    is_last: bool,
}

/// The most items of a page.
pub(super) const PAGE: usize = 1_000;

/// Some rows, and whether there are no others after them.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    pub(super) is_last: bool,
}

impl<T, F: FnMut(u64) -> Result<Page<T>, Problem>> Pages<T, F> {
    /// Begins after a number.
    pub(super) fn new(after: u64, number: fn(&T) -> u64, read: F) -> Self {
        Self { read, number, after, page: Vec::new().into_iter(), is_last: false }
    }
}

impl<T, F: FnMut(u64) -> Result<Page<T>, Problem>> Iterator for Pages<T, F> {
    type Item = Result<T, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.page.next() {
            return Some(Ok(item));
        }
        if self.is_last {
            return None;
        }
        match (self.read)(self.after) {
            Ok(Page { rows, is_last }) => {
                self.is_last = is_last;
                self.after = rows.last().map_or(self.after, self.number);
                self.page = rows.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.is_last = true;
                Some(Err(error))
            }
        }
    }
}

/// A number as a database stores it. No row has one that is too large.
pub(super) fn key(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
