//! From flags to what is asked of the service; what cannot be is refused here, before anything is
//! sent, and in the words of the flags.

mod body;
mod choices;
mod dry_run;
mod kinds;
mod lines;
mod refusal;
mod table;
mod what;

use export_hyper::{Config, ExportJob, ExportSpec};
use serde_json::Value;

pub(crate) use self::choices::{AnyFile, Archive, Choices, Document, Presentation, Spreadsheet};
pub(crate) use self::dry_run::dry_run;
pub(crate) use self::kinds::Asked;
pub(crate) use self::lines::{Line, Source, read as read_lines};
pub(crate) use self::what::What;
use crate::cli::{Export, RequestArgs};
use crate::report::Problem;

/// An export that was described and checked.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) spec: ExportSpec,
    pub(crate) what: What,
    /// Fields that are sent as they are, since this release knows nothing of them.
    pub(crate) unknown: Vec<String>,
}

/// Reads the flags of an export, and checks all that can be known without asking the service.
pub(crate) fn describe<W: Asked>(
    export: &Export<W>,
    config: &Config,
) -> Result<Described, Problem> {
    let Export { what: asked, place, request, .. } = export;
    let (spec, format) = match &request.body {
        Some(body) => {
            refuse_beside_body(asked)?;
            (body::spec_of(asked, body)?, None)
        }
        None => {
            let format = asked.format().or_else(|| hint(place.output.as_deref(), W::FORMATS));
            (asked.spec(format)?, format.map(String::from))
        }
    };
    let spec = with_options(spec, request)?;
    ExportJob::new(spec.clone(), config).map_err(|error| refusal::in_words_of_flags(&error))?;
    let what = What {
        kind: asked.kind().into(),
        id: asked.id().into(),
        format,
        scope: spec.scope().into(),
    };
    Ok(Described { unknown: spec.unknown_fields(), spec, what })
}

/// The fields that `--option` sets.
fn with_options(spec: ExportSpec, request: &RequestArgs) -> Result<ExportSpec, Problem> {
    request.options.iter().try_fold(spec, |spec, option| {
        let (path, value) = option
            .split_once('=')
            .filter(|(path, _)| !path.is_empty() && path.split('.').all(|part| !part.is_empty()))
            .ok_or_else(|| {
                Problem::usage(format!("--option {option:?} is not of the form PATH=JSON"))
                    .advise("for example --option pdfOptions.newFlag=true")
            })?;
        // A bare word is a text: a shell has its own use for quotes.
        let json: Value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok(spec.with_field(path, json))
    })
}

fn refuse_beside_body(asked: &impl Asked) -> Result<(), Problem> {
    let choice = asked.choices().first().map(|choice| choice.row.flag);
    match choice.or_else(|| asked.format().map(|_| "format")) {
        None => Ok(()),
        Some(flag) => Err(Problem::usage(format!("--{flag} cannot be given together with --body"))
            .advise("change the body, or set the field with --option PATH=JSON")),
    }
}

/// The format that the name after `-o` ends with, if it is one of the kind's.
fn hint(output: Option<&str>, formats: &'static [&'static str]) -> Option<&'static str> {
    let (_, extension) = output?.rsplit_once('.')?;
    formats.iter().copied().find(|format| extension.eq_ignore_ascii_case(format))
}
