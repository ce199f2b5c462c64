//! Turns the flags of a command, or a row of a list, into a checked request for an export.
//!
//! Whatever can be checked without the service is checked here, before anything is sent. Errors
//! name flags, since a caller of the program knows no fields of the API.

mod dry_run;
pub(crate) mod item_id;
mod kinds;
mod list;
mod output_format;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use export_core::ExportJob;
use export_hyper::{Config, ExportError, ExportSpec, SpecError};
use serde::de::IgnoredAny;
use serde_json::Value;

pub(crate) use self::dry_run::dry_run;
pub(crate) use self::kinds::ExportCommand;
pub(crate) use self::list::{List, ListedExport, Source, read as read_list};
use crate::args::{Export, FetchArgs, OPTION_FLAGS, OptionArg, RequestArgs, is_link_to_item};
use crate::clock;
use crate::explain::{Context, explain, explain_spec};
use crate::problem::Problem;
use crate::subject::Subject;
use crate::sunset;

/// A checked request for one export.
#[derive(Debug)]
pub(crate) struct ExportRequest {
    /// The job, before its first request.
    pub(crate) job: Box<ExportJob>,
    pub(crate) subject: Subject,
    /// What the user should know of the request, although it is valid.
    pub(crate) warnings: Vec<String>,
    /// The file that the body was read from.
    pub(crate) body_file: Option<PathBuf>,
    /// The length of a body that was given, in **bytes**.
    pub(crate) body_length: usize,
}

impl ExportRequest {
    /// Reads and checks the flags of a command.
    pub(crate) fn new<C: ExportCommand>(
        export: &Export<C>,
        config: &Config,
    ) -> Result<Self, Problem> {
        let Export { command, output, request, .. } = export;
        command.ids().into_iter().try_for_each(|(name, id)| item_id::check(name, id))?;
        for OptionArg { flag, value } in command.options() {
            let mut ids = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let name = format!("ID for --{}", flag.flag);
            ids.try_for_each(|id| item_id::check(&name, id))?;
        }
        let mut body_length = 0;
        let (spec, format) = match &request.body {
            Some(body) => {
                refuse_options_beside_body(command)?;
                let body = read_body(body)?;
                body_length = body.len();
                // The body has its format.
                let spec = command.spec(command.formats().first().copied())?.with_body(body);
                let spec = spec.map_err(|error| Problem::usage(format!("--body: {error}")))?;
                (spec, None)
            }
            None => {
                let format = command.format().or_else(|| {
                    let extension = output_format::extension(output.output.as_deref()?)?;
                    command.formats().iter().copied().find(|format| *format == extension)
                });
                (command.spec(format)?, format.map(String::from))
            }
        };
        let spec = with_options(spec, request)?;
        let unknown = spec.unknown_fields().into_iter();
        let mut warnings: Vec<String> =
            unknown.map(|field| format!("unknown field '{field}' is sent unchanged")).collect();
        if let Some(output) = &output.output {
            warnings.extend(output_format::check(output, spec.formats())?);
        }
        let scope = spec.scope().into();
        let job = ExportJob::new(spec, config).map_err(|error| explain_flags(&error))?;
        let (kind, id) = (command.kind().into(), command.id().into());
        let subject = Subject { kind, id, format, scope };
        let body_file = request.body.as_ref().and_then(|body| body.strip_prefix('@'));
        let body_file = body_file.map(PathBuf::from);
        Ok(Self { job: Box::new(job), subject, warnings, body_file, body_length })
    }

    /// A request for the file of an operation that was started elsewhere, by its id or URL.
    pub(crate) fn attach(args: &FetchArgs, config: &Config) -> Result<Self, Problem> {
        let operation = &args.operation;
        check_operation(operation)?;
        let format = match args.any {
            true => "any",
            false => output_format::expected(args.output.output.as_deref()),
        };
        let job = ExportJob::attach_expecting(operation, format, config)
            .map_err(|error| explain(&ExportError::Attach(error), &Context::default()))?;
        let path = operation.split(['?', '#']).next().unwrap_or_default();
        let id = path.rsplit('/').next().unwrap_or_default();
        let subject = Subject { kind: "operation".into(), id: id.into(), ..Subject::default() };
        Ok(Self::without_body(job, subject))
    }

    pub(crate) fn without_body(job: ExportJob, subject: Subject) -> Self {
        let (warnings, body_file, body_length) = (Vec::new(), None, 0);
        Self { job: Box::new(job), subject, warnings, body_file, body_length }
    }

    /// Fails if the endpoint has an announced end, for `--deny-deprecated`.
    pub(crate) fn deny_deprecated(&self) -> Result<(), Problem> {
        match self.job.sunset(clock::now()) {
            Some(notice) => Err(sunset::denied(&notice)),
            None => Ok(()),
        }
    }
}

/// Refuses what can be neither the ID nor the URL of an operation.
pub(crate) fn check_operation(operation: &str) -> Result<(), Problem> {
    if is_link_to_item(operation) {
        return Err(Problem::usage(format!(
            "invalid operation {operation:?}: it is a link to an item, and not to an operation"
        ))
        .advise("export the item, as in `wexport document LINK`"));
    }
    if operation.contains("://") || operation.starts_with('/') {
        return Ok(());
    }
    item_id::check("ID of an operation", operation.trim())
}

/// The longest body that is read, in **bytes**: one more than the service accepts
/// (10,485,760, Workiva's API reference).
const MAX_BODY: u64 = 10_485_761;

/// Reads `@FILE`, `-` for standard input, or the JSON itself.
fn read_body(body: &str) -> Result<Vec<u8>, Problem> {
    let (source, name): (Box<dyn Read>, _) = match body.strip_prefix('@') {
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| Problem::local(format!("--body: cannot read {path}"), &error))?;
            (Box::new(file), path)
        }
        None if body == "-" => (Box::new(io::stdin()), "standard input"),
        None => return Ok(body.into()),
    };
    let mut bytes = Vec::new();
    source
        .take(MAX_BODY)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::local(format!("--body: cannot read {name}"), &error))?;
    Ok(bytes)
}

/// Sets the fields of `--option`.
fn with_options(spec: ExportSpec, request: &RequestArgs) -> Result<ExportSpec, Problem> {
    request.options.iter().try_fold(spec, |spec, option| {
        let (path, value) = option
            .split_once('=')
            .filter(|(path, _)| !path.is_empty() && path.split('.').all(|part| !part.is_empty()))
            .ok_or_else(|| {
                Problem::usage(format!(
                    "invalid value '{option}' for '--option': expected PATH=JSON"
                ))
                .advise("for example --option pdfOptions.newFlag=true")
            })?;
        // A value that is not JSON is a string: quotes rarely survive a shell.
        let spec = match serde_json::from_str::<IgnoredAny>(value) {
            Ok(_) => spec.with_json_field(path, value),
            Err(_) => spec.with_field(path, value),
        };
        spec.map_err(|error| Problem::usage(error.to_string()))
    })
}

fn refuse_options_beside_body(command: &impl ExportCommand) -> Result<(), Problem> {
    let option = command.options().first().map(|option| option.flag.flag.as_str());
    match option.or_else(|| command.format().map(|_| "format")) {
        None => Ok(()),
        Some(flag) => Err(Problem::usage(format!("--{flag} cannot be used with --body"))
            .advise("change the body, or set the field with --option PATH=JSON")),
    }
}

/// Explains why a request is invalid, in terms of flags.
fn explain_flags(error: &SpecError) -> Problem {
    match error {
        SpecError::Sheets { field, count } => Problem::usage(format!(
            "{} has {count} sheets, but csv takes one, or all without it",
            flag_of(field)
        )),
        SpecError::Conflict { field, with } => {
            Problem::usage(format!("{} cannot be used with {}", flag_of(field), flag_of(with)))
        }
        SpecError::Range { field, given, min, max, unit } => Problem::usage(format!(
            "invalid value '{given}' for '{}': expected {min} to {max} {unit}",
            flag_of(field)
        )),
        SpecError::Body { field, problem } => {
            Problem::usage(format!("{}: {problem}", flag_of(field)))
        }
        _ => explain_spec(error),
    }
}

/// The flag that sets a field; the field itself if there is none.
fn flag_of(field: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or(field);
    match OPTION_FLAGS.iter().find(|flag| flag.options[0].field == name) {
        Some(flag) => format!("--{}", flag.flag),
        None if name == "format" => "--format".into(),
        None => field.into(),
    }
}
