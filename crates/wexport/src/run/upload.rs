//! The last step of an export to an object store.

use std::path::Path;
use std::sync::Arc;

use super::ending::Ending;
use super::plan::Outcome;
use crate::place::{Arrived, Upload};
use crate::report::Problem;
use crate::show::Happening;
use crate::signals;

/// Uploads a file that is here, until it is there or somebody stops the program.
pub(super) async fn bring(mut upload: Upload, ending: Ending<'_>) -> Result<Outcome, Problem> {
    let length = upload.receipt().bytes;
    ending.watcher.tell(Happening::Uploading { url: upload.url(), length });
    let watcher = Arc::clone(ending.watcher);
    let sent = move |bytes| watcher.progress(bytes, Some(length));
    match signals::interruptible(upload.bring(&sent)).await {
        Ok(Ok(Arrived::There(url))) => Ok(ending.uploaded(url, upload.receipt())),
        Ok(Ok(Arrived::Left(url))) => Ok(ending.skipped(Path::new(&url))),
        Ok(Err(problem)) => Err(ending.not_uploaded(problem, upload.receipt())),
        Err(signal) => {
            if upload.has_begun() {
                let what = "taking back what is in the store already; stop again to leave it there";
                ending.watcher.warn(what);
            }
            if let Ok(Err(left)) = signals::interruptible(upload.take_back()).await {
                let advice = left.advice.join("; ");
                ending.watcher.warn(format!("{}: {advice}", left.what));
            }
            Err(ending.interrupted(signal))
        }
    }
}
