//! Before anything is sent: every export is described, and its place is looked at.

use std::path::PathBuf;

use export_hyper::{Checkpoint, Config, ExportJob};
use futures_util::stream::{self, StreamExt};

use crate::place::{Claims, Delivery, Opened, Order};
use crate::report::{Exit, Problem};
use crate::settings::Settings;
use crate::spec::{Line, What};
use crate::state::{HeldBook, NewRow, RowEnd, RowStanding};

/// An export of a batch whose place was looked at.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) row: NewRow,
    /// The file because of which it is left out.
    pub(crate) skipped: Option<PathBuf>,
}

/// So many places are looked at once: one in an object store takes a request.
const LOOKS_AT_ONCE: usize = 16;

/// So many of the places that cannot be used are named.
const MOST_SHOWN: usize = 50;

/// Looks at the place of each line. The exports of a batch are numbered from 1 on, and each takes
/// the name of its file in this order.
///
/// # Errors
///
/// Fails with all places that cannot be used.
pub(crate) async fn prepare(
    lines: Vec<Line>,
    claims: &Claims,
    settings: &Settings,
    config: &Config,
) -> Result<Vec<Prepared>, Problem> {
    let looked = stream::iter((1..).zip(lines)).map(|(number, line)| async move {
        let Line { number: at, what, spec, place, .. } = line;
        let opened = look(number, &place, &what, claims, settings).await;
        (at, opened, what, place, spec)
    });
    let mut looked = looked.buffered(LOOKS_AT_ONCE);
    let (mut prepared, mut refused) = (Vec::new(), Vec::new());
    while let Some((at, opened, what, place, spec)) = looked.next().await {
        match opened {
            Ok(skipped) => {
                let fresh = fresh(spec, config)?;
                prepared.push(Prepared { row: NewRow { line: at, what, place, fresh }, skipped });
            }
            Err(problem) => refused.push((at, problem)),
        }
    }
    if refused.is_empty() { Ok(prepared) } else { Err(all(&refused)) }
}

/// The names that a batch has given away. Exports that are not over and whose name is known take
/// it in their order, as they did when the batch began.
pub(crate) fn claims_of(book: &HeldBook) -> Result<Claims, Problem> {
    let claims = Claims::default();
    for claim in book.claims() {
        let (number, name) = claim?;
        claims.of(number).take(name);
    }
    for result in book.results() {
        let result = result?;
        if let RowEnd::Done { file, .. } = result.end {
            // The key of an object has its capitals, a file's name has none here.
            let name = if file.contains("://") { file } else { file.to_lowercase() };
            claims.of(result.row).take(name);
        }
    }
    let mut fixed = Vec::new();
    for standing in [RowStanding::Open, RowStanding::Waiting] {
        for row in book.rows(standing) {
            let row = row?;
            fixed.extend(row.place.fixed().map(|path| (row.number, path)));
        }
    }
    fixed.sort_unstable();
    for (number, path) in fixed {
        claims.of(number).claim(&path);
    }
    Ok(claims)
}

/// Looks at a place. The path is that of a file that is there and is to be left.
pub(super) async fn look(
    number: u64,
    place: &Order,
    what: &What,
    claims: &Claims,
    settings: &Settings,
) -> Result<Option<PathBuf>, Problem> {
    let opened = Delivery::open(place, what, &claims.of(number), settings).await?;
    Ok(match opened {
        Opened::Sink(_) => None,
        Opened::Skip(path) => Some(path),
    })
}

fn fresh(spec: export_hyper::ExportSpec, config: &Config) -> Result<Checkpoint, Problem> {
    let job = ExportJob::new(spec, config);
    // It was checked when its line was read.
    job.map(|job| job.checkpoint()).map_err(|error| Problem::usage(error.to_string()))
}

/// One problem of all of these; they are of one kind as far as scripts go: something here.
fn all(refused: &[(u64, Problem)]) -> Problem {
    let mut text = String::from("some places cannot be used, and nothing was sent");
    for (at, problem) in refused.iter().take(MOST_SHOWN) {
        text.push_str(&format!("\n  line {at}: {}", problem.what));
    }
    if let more @ 1.. = refused.len().saturating_sub(MOST_SHOWN) {
        text.push_str(&format!("\n  and {more} more"));
    }
    let exit = refused.first().map_or(Exit::Local, |(_, problem)| problem.exit);
    let advice = refused.first().into_iter().flat_map(|(_, problem)| problem.advice.clone());
    advice.fold(Problem::new(exit, text), Problem::advise)
}
