//! Checking a file against its receipt.

use std::fs;
use std::path::Path;

use super::digest::digest;
use super::{ENDING, Receipt, VERSION, path_of};
use crate::report::{Exit, Problem};

/// Checks a file, and says what it is. The receipt's own name stands for its file.
pub(crate) fn verify(file: &Path) -> Result<String, Problem> {
    let name = file.to_string_lossy();
    let file = name.strip_suffix(ENDING).map_or(file, Path::new);
    let receipt = read(file)?;
    let shown = file.display();
    let (bytes, sha256) =
        digest(file).map_err(|error| Problem::local(format!("cannot read {shown}"), &error))?;
    let differs = |what: String| {
        Problem::new(Exit::No, format!("{shown} is not what was exported: {what}"))
            .advise("export it anew, or find out who changed it")
    };
    if bytes != receipt.bytes {
        return Err(differs(format!("it has {bytes} bytes, and had {}", receipt.bytes)));
    }
    if !sha256.eq_ignore_ascii_case(&receipt.sha256) {
        return Err(differs(format!("its SHA-256 is {sha256}, and was {}", receipt.sha256)));
    }
    Ok(format!(
        "{shown}: as exported, {} on {} (sha256 {sha256})\n",
        receipt.what, receipt.finished
    ))
}

fn read(file: &Path) -> Result<Receipt, Problem> {
    let path = path_of(file);
    let shown = path.display();
    let text = fs::read(&path)
        .map_err(|error| Problem::local(format!("cannot read the receipt {shown}"), &error))?;
    let receipt: Receipt = serde_json::from_slice(&text)
        .map_err(|error| Problem::local(format!("{shown} is no receipt"), &error.into()))?;
    if receipt.v > VERSION {
        let what = format!("{shown} has version {}: use a newer wexport", receipt.v);
        return Err(Problem::new(Exit::Local, what));
    }
    Ok(receipt)
}
