//! What a request body must be, and what it then orders.

mod object;
mod order;
mod tables;

use serde_json::{Map, Value};

pub(crate) use self::object::Complaint;
pub(crate) use self::order::Order;
use crate::service::route::Family;

/// Reads the body of a submit.
pub(crate) fn read(family: Family, ids: &[String], body: &[u8]) -> Result<Order, Vec<Complaint>> {
    let body = match body {
        [] if family == Family::StyleGuide => Map::new(),
        [] => return Err(vec![Complaint::new("body", "is required")]),
        body => match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => body,
            Ok(_) => return Err(vec![Complaint::new("body", "must be an object")]),
            Err(error) => {
                return Err(vec![Complaint::new("body", format!("is not valid JSON: {error}"))]);
            }
        },
    };
    let mut complaints = object::check(family.fields(), &body);
    exclusions(family, &body, &mut complaints);
    if complaints.is_empty() { Ok(Order::new(family, ids, &body)) } else { Err(complaints) }
}

/// The rules that no table can say.
fn exclusions(family: Family, body: &Map<String, Value>, complaints: &mut Vec<Complaint>) {
    match family {
        Family::Document => xhtml_alone(body, "", complaints),
        Family::Spreadsheet => one_sheet(body, "", complaints),
        Family::File => {
            for (name, kind) in [
                ("documentExport", "Document"),
                ("spreadsheetExport", "Spreadsheet"),
                ("presentationExport", "Presentation"),
                ("folderExport", "Folder"),
                ("workivaFileExport", "Workiva"),
            ] {
                if body.contains_key(name) && body.get("kind").is_some_and(|it| it != kind) {
                    let message = format!("goes with the kind {kind} alone");
                    complaints.push(Complaint::new(name, message));
                }
            }
            if let Some(Value::Object(export)) = body.get("documentExport") {
                xhtml_alone(export, "documentExport.", complaints);
            }
            if let Some(Value::Object(export)) = body.get("spreadsheetExport") {
                one_sheet(export, "spreadsheetExport.", complaints);
            }
        }
        _ => {}
    }
}

/// `editableSimple` and `editableXhtml` exclude every other xhtml option.
fn xhtml_alone(export: &Map<String, Value>, path: &str, complaints: &mut Vec<Complaint>) {
    let Some(Value::Object(options)) = export.get("xhtmlOptions") else { return };
    let on = |name: &str| options.get(name) == Some(&Value::Bool(true));
    let count = options.keys().filter(|name| on(name)).count();
    if (on("editableSimple") || on("editableXhtml")) && count > 1 {
        complaints.push(Complaint::new(
            format!("{path}xhtmlOptions"),
            "editableSimple and editableXhtml exclude every other option",
        ));
    }
}

/// CSV takes the whole spreadsheet or one sheet.
fn one_sheet(export: &Map<String, Value>, path: &str, complaints: &mut Vec<Complaint>) {
    let sheets = export.get("sheets").and_then(Value::as_array).map_or(0, Vec::len);
    if export.get("format").is_some_and(|format| format == "csv") && sheets > 1 {
        let message = "must be one sheet, or be left out for all, if the format is csv";
        complaints.push(Complaint::new(format!("{path}sheets"), message));
    }
}
