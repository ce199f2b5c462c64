//! Parses rows on all processors.

use std::thread;

use super::ListedExport;
use super::errors::ListError;
use super::row_parser::RowParsers;
use super::rows::Row;

/// The parsers of each thread.
#[derive(Default)]
pub(super) struct Parsers(Vec<RowParsers>);

/// The least rows for which a thread, and its parsers, are worth while.
const MIN_SHARE: usize = 200;

type Parsed = Result<ListedExport, ListError>;

impl Parsers {
    /// Parses rows, in their order.
    pub(super) fn parse(
        &mut self,
        rows: &[Row],
        parse: impl Fn(&mut RowParsers, &Row) -> Parsed + Copy + Send,
    ) -> Vec<Parsed> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let share = rows.len().div_ceil(processors).max(MIN_SHARE);
        let shares: Vec<&[Row]> = rows.chunks(share).collect();
        while self.0.len() < shares.len() {
            self.0.push(RowParsers::new());
        }
        thread::scope(|scope| {
            let mut work = shares.into_iter().zip(&mut self.0).map(|(rows, parsers)| {
                move || rows.iter().map(|row| parse(parsers, row)).collect::<Vec<_>>()
            });
            // The first share is parsed on this thread.
            let first = work.next();
            let others: Vec<_> = work.map(|work| scope.spawn(work)).collect();
            let mut parsed = first.map(|mut work| work()).unwrap_or_default();
            for other in others {
                match other.join() {
                    Ok(share) => parsed.extend(share),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            parsed
        })
    }
}
