//! Validates the bodies of submit requests and converts them to [`ExportRequest`]s.

mod export_request;
mod object;
mod tables;

use serde_json::{Map, Value};

pub(crate) use self::export_request::ExportRequest;
pub(crate) use self::object::SchemaError;
use crate::service::route::ExportKind;

/// Parses and validates the body of a submit.
pub(crate) fn parse(
    kind: ExportKind,
    ids: &[String],
    body: &[u8],
) -> Result<ExportRequest, Vec<SchemaError>> {
    let body = match body {
        [] if matches!(kind, ExportKind::StyleGuide | ExportKind::Original) => Map::new(),
        _ if kind == ExportKind::Original => {
            return Err(vec![SchemaError::new("body", "must be empty")]);
        }
        [] => return Err(vec![SchemaError::new("body", "is required")]),
        body => match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => body,
            Ok(Value::Null) if kind == ExportKind::StyleGuide => Map::new(),
            Ok(_) => return Err(vec![SchemaError::new("body", "must be an object")]),
            Err(error) => {
                return Err(vec![SchemaError::new("body", format!("is not valid JSON: {error}"))]);
            }
        },
    };
    let mut errors = object::check(kind.fields(), &body);
    check_exclusions(kind, &body, &mut errors);
    if errors.is_empty() { Ok(ExportRequest::new(kind, ids, &body)) } else { Err(errors) }
}

/// Checks the rules between members, which the tables cannot express.
fn check_exclusions(kind: ExportKind, body: &Map<String, Value>, errors: &mut Vec<SchemaError>) {
    match kind {
        ExportKind::Document => check_xhtml_options(body, "", errors),
        ExportKind::Spreadsheet => check_csv_sheets(body, "", errors),
        ExportKind::File => {
            for (name, kind) in [
                ("documentExport", "Document"),
                ("spreadsheetExport", "Spreadsheet"),
                ("presentationExport", "Presentation"),
                ("folderExport", "Folder"),
                ("workivaFileExport", "Workiva"),
            ] {
                if body.get(name).is_some_and(|it| !it.is_null())
                    && body.get("kind").is_some_and(|it| it != kind)
                {
                    let message = format!("is only allowed if kind is {kind}");
                    errors.push(SchemaError::new(name, message));
                }
            }
            if let Some(Value::Object(export)) = body.get("documentExport") {
                check_xhtml_options(export, "documentExport.", errors);
            }
            if let Some(Value::Object(export)) = body.get("spreadsheetExport") {
                check_csv_sheets(export, "spreadsheetExport.", errors);
            }
        }
        _ => {}
    }
}

/// `editableSimple` and `editableXhtml` exclude every other xhtml option.
fn check_xhtml_options(export: &Map<String, Value>, path: &str, errors: &mut Vec<SchemaError>) {
    let Some(Value::Object(options)) = export.get("xhtmlOptions") else { return };
    let on = |name: &str| options.get(name) == Some(&Value::Bool(true));
    let count = options.keys().filter(|name| on(name)).count();
    if (on("editableSimple") || on("editableXhtml")) && count > 1 {
        errors.push(SchemaError::new(
            format!("{path}xhtmlOptions"),
            "editableSimple and editableXhtml exclude every other option",
        ));
    }
}

/// CSV exports contain either the whole spreadsheet or a single sheet.
fn check_csv_sheets(export: &Map<String, Value>, path: &str, errors: &mut Vec<SchemaError>) {
    let sheets = export.get("sheets").and_then(Value::as_array).map_or(0, Vec::len);
    if export.get("format").is_some_and(|format| format == "csv") && sheets > 1 {
        let message = "must contain one sheet, or be omitted for all sheets, if format is csv";
        errors.push(SchemaError::new(format!("{path}sheets"), message));
    }
}
