//! Before anything is sent: each destination is checked, and each name is reserved.

use futures_util::stream::{self, StreamExt};

use crate::output::{Outputs, ReservedNames};
use crate::problem::{Exit, Problem};
use crate::request::ListedExport;
use crate::state::{NewRow, RowEnd, RowStatus, RunStore};

/// An export whose destination was checked.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) row: NewRow,
    /// The file that exists and is kept.
    pub(super) skipped: Option<String>,
}

/// The number of destinations that are checked at once: one in an object store takes a request.
const MAX_CONCURRENT: usize = 16;

/// The number of destinations that cannot be used and are printed.
const MAX_SHOWN: usize = 50;

/// Checks the destinations of exports, and reserves their names in the order of the exports.
///
/// # Errors
///
/// Fails with the lines and problems of all destinations that cannot be used.
pub(super) async fn prepare(
    exports: Vec<ListedExport>,
    outputs: &Outputs,
) -> Result<Vec<Prepared>, Vec<(u64, Problem)>> {
    let checked = stream::iter((1..).zip(exports)).map(|(number, export)| async move {
        let ListedExport { line, request, destination } = export;
        let checked = outputs.check(number, &destination, &request.subject).await;
        (line, checked, request, destination)
    });
    let mut checked = checked.buffered(MAX_CONCURRENT);
    let (mut prepared, mut refused) = (Vec::new(), Vec::new());
    while let Some((line, checked, request, destination)) = checked.next().await {
        match checked {
            Ok(skipped) => {
                let (subject, fresh) = (request.subject, request.job.checkpoint());
                let row = NewRow { line, subject, destination, fresh };
                prepared.push(Prepared { row, skipped });
            }
            Err(problem) => refused.push((line, problem)),
        }
    }
    if refused.is_empty() { Ok(prepared) } else { Err(refused) }
}

/// Reserves the names that the exports of a resumed run have.
pub(super) fn restore_names(store: &dyn RunStore, names: &ReservedNames) -> Result<(), Problem> {
    for reserved in store.reserved_names() {
        let (number, name) = reserved?;
        names.for_export(number).reserve(name);
    }
    for result in store.results() {
        let result = result?;
        if let RowEnd::Done { file, .. } = result.end {
            // Keys of objects are case-sensitive, the names of files may not be.
            let name = if file.contains("://") { file } else { file.to_lowercase() };
            names.for_export(result.row).reserve(name);
        }
    }
    let mut fixed = Vec::new();
    for status in [RowStatus::Open, RowStatus::Waiting] {
        for row in store.rows(status) {
            let row = row?;
            fixed.extend(row.destination.fixed_path().map(|path| (row.number, path)));
        }
    }
    fixed.sort_unstable();
    for (number, path) in fixed {
        names.for_export(number).reserve_path(&path);
    }
    Ok(())
}

/// Merges the problems of a batch. Their exit code is that of the first.
pub(super) fn merge(refused: &[(u64, Problem)]) -> Problem {
    let mut text = String::from("some destinations cannot be used, nothing was sent");
    for (line, problem) in refused.iter().take(MAX_SHOWN) {
        text.push_str(&format!("\n  line {line}: {}", problem.message));
    }
    if let more @ 1.. = refused.len().saturating_sub(MAX_SHOWN) {
        text.push_str(&format!("\n  and {more} more"));
    }
    let exit = refused.first().map_or(Exit::Local, |(_, problem)| problem.exit);
    let advice = refused.first().into_iter().flat_map(|(_, problem)| problem.advice.clone());
    advice.fold(Problem::new(exit, text), Problem::advise)
}
