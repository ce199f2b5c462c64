//! Error responses, in the formats of the real service.

use http::StatusCode;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::schema::SchemaError;
use crate::SimResponse;

/// An error of the API, with a flat body.
pub(crate) fn refuse(status: StatusCode, message: &str) -> SimResponse {
    SimResponse::json(status, &flat(status, message, Vec::new()))
}

/// The flat error body of the API. Its schema has no null: a member without a value is left out.
fn flat(status: StatusCode, message: &str, details: Vec<Value>) -> Value {
    let reason = status.canonical_reason().unwrap_or("Error").replace([' ', '-'], "");
    json!({
        "code": format!("{}{reason}", status.as_u16()),
        "message": message,
        "details": details,
        "documentationUrl": "https://developers.workiva.com/",
        VERSION: "2022-01-01",
    })
}

/// The member of an error body that has the version of the API.
const VERSION: &str = "version";

/// Sets the version of the API in an error body.
pub(crate) fn set_version(response: &mut SimResponse, version: &str) {
    if response.status().is_client_error() || response.status().is_server_error() {
        response.edit_json(|body| {
            if let Some(member) = body.get_mut(VERSION) {
                *member = version.into();
            }
        });
    }
}

pub(crate) fn not_found(what: &str) -> SimResponse {
    refuse(StatusCode::NOT_FOUND, &format!("{what} was not found"))
}

pub(crate) fn wrong_method(allowed: &str) -> SimResponse {
    refuse(StatusCode::METHOD_NOT_ALLOWED, &format!("the methods allowed here are {allowed}"))
        .with_header(ALLOW, allowed)
}

pub(crate) fn too_large(most: usize) -> SimResponse {
    let message = format!("the body is larger than {most} bytes");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &message)
}

pub(crate) fn unauthorized() -> SimResponse {
    refuse(StatusCode::UNAUTHORIZED, "the access token is missing, unknown or expired")
        .with_header(WWW_AUTHENTICATE, "Bearer")
}

pub(crate) fn missing_scope(scope: &str) -> SimResponse {
    refuse(StatusCode::FORBIDDEN, &format!("the access token lacks the scope {scope}"))
}

/// A body that violates its schema. The first error determines the message and the target of the response.
pub(crate) fn bad_request(errors: &[SchemaError]) -> SimResponse {
    let status = StatusCode::BAD_REQUEST;
    let message = match errors {
        [] => "the request is not valid".to_owned(),
        [first, ..] => format!("{} {}", first.target, first.message),
    };
    let details = errors.iter().map(
        |error| json!({ "code": "BadArgument", "message": error.message, "target": error.target }),
    );
    let mut body = flat(status, &message, details.collect());
    if let Some(first) = errors.first() {
        body["target"] = first.target.as_str().into();
    }
    SimResponse::json(status, &body)
}

/// An error of the token endpoint, in the format of the identity service.
pub(crate) fn iam(status: StatusCode, error: &str, description: &str) -> SimResponse {
    let body = json!({ "error": error, "error_description": description });
    SimResponse::json(status, &body)
}

/// An error of the storage origin, as XML.
pub(crate) fn storage(status: StatusCode, code: &str, message: &str) -> SimResponse {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    SimResponse::new(status).with_body("application/xml", body)
}

pub(crate) fn no_such_key() -> SimResponse {
    storage(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
}

pub(crate) fn wrong_method_at_storage(allowed: &str) -> SimResponse {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    storage(status, "MethodNotAllowed", "The method is not allowed.").with_header(ALLOW, allowed)
}

pub(crate) fn wrong_media_type() -> SimResponse {
    let message = "the body must be of the type application/json";
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}
