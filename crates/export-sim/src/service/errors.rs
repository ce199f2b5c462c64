//! The service's refusals, in its own shapes.

use http::StatusCode;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::schema::Complaint;
use crate::Answer;

/// An error in the flat shape of the API.
pub(crate) fn refuse(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, &flat(status, message, Value::Null, Vec::new()))
}

/// The flat body of an error.
pub(crate) fn flat(status: StatusCode, message: &str, target: Value, details: Vec<Value>) -> Value {
    let reason = status.canonical_reason().unwrap_or("Error").replace([' ', '-'], "");
    json!({
        "code": format!("{}{reason}", status.as_u16()),
        "message": message,
        "target": target,
        "details": details,
        "documentationUrl": "https://developers.workiva.com/",
        "version": "2022-01-01",
    })
}

pub(crate) fn not_found(what: &str) -> Answer {
    refuse(StatusCode::NOT_FOUND, &format!("{what} was not found"))
}

pub(crate) fn wrong_method(allowed: &str) -> Answer {
    refuse(StatusCode::METHOD_NOT_ALLOWED, &format!("the methods allowed here are {allowed}"))
        .with_header(ALLOW, allowed)
}

pub(crate) fn too_large(most: usize) -> Answer {
    let message = format!("the body is larger than {most} bytes");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &message)
}

pub(crate) fn unauthorized() -> Answer {
    refuse(StatusCode::UNAUTHORIZED, "the access token is missing, unknown or expired")
        .with_header(WWW_AUTHENTICATE, "Bearer")
}

pub(crate) fn missing_scope(scope: &str) -> Answer {
    refuse(StatusCode::FORBIDDEN, &format!("the access token lacks the scope {scope}"))
}

/// A body that is not as its schema says; the first complaint names the target of the whole.
pub(crate) fn bad_request(complaints: &[Complaint]) -> Answer {
    let status = StatusCode::BAD_REQUEST;
    let message = match complaints {
        [] => "the request is not valid".to_owned(),
        [first, ..] => format!("{} {}", first.target, first.message),
    };
    let target = complaints.first().map_or(Value::Null, |first| json!(first.target));
    let details = complaints.iter().map(|complaint| {
        json!({ "code": "BadArgument", "message": complaint.message, "target": complaint.target })
    });
    Answer::json(status, &flat(status, &message, target, details.collect()))
}

/// An error of the token endpoint, in the shape of the identity service.
pub(crate) fn iam(status: StatusCode, error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "error_description": description, "error_uri": null });
    Answer::json(status, &body)
}

/// An error of the storage origin, which speaks XML.
pub(crate) fn storage(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Answer::new(status).with_body("application/xml", body)
}

pub(crate) fn no_such_key() -> Answer {
    storage(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
}

pub(crate) fn wrong_method_at_storage(allowed: &str) -> Answer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    storage(status, "MethodNotAllowed", "The method is not allowed.").with_header(ALLOW, allowed)
}

pub(crate) fn wrong_media_type() -> Answer {
    let message = "the body must be of the type application/json";
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}
