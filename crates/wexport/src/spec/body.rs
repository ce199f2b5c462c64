//! A body that a script has already.

use std::fs::File;
use std::io::{self, Read};

use export_hyper::ExportSpec;

use super::kinds::Asked;
use super::refusal;
use crate::report::Problem;

/// The longest body that is read, in **bytes**: one more than the service takes.
const LONGEST: u64 = 10_485_761;

/// The spec of a body: `@FILE`, `-` for standard input, or the JSON itself.
pub(super) fn spec_of(asked: &impl Asked, body: &str) -> Result<ExportSpec, Problem> {
    let text = read(body)?;
    ExportSpec::from_body(&asked.path(), text).map_err(|error| refusal::of_body(&error))
}

fn read(body: &str) -> Result<Vec<u8>, Problem> {
    let (source, what): (Box<dyn Read>, _) = match body.strip_prefix('@') {
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| Problem::local(format!("--body: cannot read {path}"), &error))?;
            (Box::new(file), path)
        }
        None if body == "-" => (Box::new(io::stdin()), "standard input"),
        None => return Ok(body.into()),
    };
    let mut text = Vec::new();
    source
        .take(LONGEST)
        .read_to_end(&mut text)
        .map_err(|error| Problem::local(format!("--body: cannot read {what}"), &error))?;
    Ok(text)
}
