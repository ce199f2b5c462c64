//! Before anything is sent: each destination is checked, and each name is reserved.

use futures_util::stream::{self, StreamExt};

use crate::output::Outputs;
use crate::problem::{Exit, Problem};
use crate::state::{BatchDraft, Row, RowEnd, RowStatus, RunStore};

/// The number of destinations that are checked at once: one in an object store takes a request.
const MAX_CONCURRENT: usize = 16;

/// The number of destinations that cannot be used and are printed.
const MAX_SHOWN: usize = 50;

/// Checks the destinations of a batch, and reserves their names in the order of the exports. Those
/// whose file exists and is kept are skipped.
///
/// # Errors
///
/// Fails with the lines and problems of all destinations that cannot be used.
pub(super) async fn check_destinations(
    draft: &BatchDraft,
    outputs: &Outputs,
) -> Result<(), Problem> {
    let checked = stream::iter(draft.rows()).map(|row| async move {
        let row = row?;
        let checked = outputs.check(row.number, &row.destination, &row.subject).await;
        Ok::<_, Problem>((row, checked))
    });
    let mut checked = checked.buffered(MAX_CONCURRENT);
    let (mut refused, mut count) = (Vec::new(), 0);
    while let Some(checked) = checked.next().await {
        let (row, checked) = checked?;
        match checked {
            Ok(None) => {}
            Ok(Some(file)) => draft.skip(row.number, file)?,
            Err(problem) => {
                count += 1;
                if refused.len() < MAX_SHOWN {
                    refused.push((row.line, problem));
                }
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(merge(&refused, count)) }
}

/// Reserves the names that the exports of a resumed run have.
///
/// # Errors
///
/// Fails if one of them would replace a file that this run reads.
pub(super) fn restore_names(store: &dyn RunStore, outputs: &Outputs) -> Result<(), Problem> {
    let names = outputs.names().clone().with_receipts(true);
    for reserved in store.reserved_names() {
        let (number, name) = reserved?;
        names.for_export(number).reserve(name);
    }
    for result in store.results() {
        let result = result?;
        if let RowEnd::Done { file, .. } = result.end {
            let names = names.for_export(result.row);
            if file.contains("://") {
                names.reserve(file)
            } else {
                names.reserve_file(file.as_ref())
            };
        }
    }
    let [mut open, mut waiting] =
        [RowStatus::Open, RowStatus::Waiting].map(|status| store.rows(status, 0).peekable());
    // In the order of their numbers, so that each gets the name that it had.
    loop {
        let number = |row: Option<&Result<Row, Problem>>| match row {
            Some(Ok(row)) => row.number,
            Some(Err(_)) => 0,
            None => u64::MAX,
        };
        let is_open = number(open.peek()) < number(waiting.peek());
        let Some(row) = (if is_open { open.next() } else { waiting.next() }) else { return Ok(()) };
        let row = row?;
        outputs.check_protected(&row.destination, &row.subject)?;
        if let Some(path) = row.destination.fixed_path() {
            names.for_export(row.number).with_receipts(row.destination.receipt).reserve_path(&path);
        }
    }
}

/// Merges the first problems of a batch, which has `count`. The exit code is that of the first.
fn merge(refused: &[(u64, Problem)], count: usize) -> Problem {
    let mut text = String::from("some destinations cannot be used, nothing was sent");
    for (line, problem) in refused {
        text.push_str(&format!("\n  line {line}: {}", problem.message));
    }
    if let more @ 1.. = count - refused.len() {
        text.push_str(&format!("\n  and {more} more"));
    }
    let exit = refused.first().map_or(Exit::Local, |(_, problem)| problem.exit);
    let advice = refused.first().into_iter().flat_map(|(_, problem)| problem.advice.clone());
    advice.fold(Problem::new(exit, text), Problem::advise)
}
