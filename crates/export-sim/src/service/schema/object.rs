//! A minimal JSON schema validator, with schemas as tables.

use serde_json::{Map, Value};

/// The fields of an object, in groups that can be shared between objects.
pub(super) type Fields = &'static [&'static [Field]];

#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    presence: Presence,
    field_type: FieldType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Optional,
    Required,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum FieldType {
    Bool,
    Number { from: f64, to: f64 },
    Object(Fields),
    String,
    Strings,
    Enum(&'static [&'static str]),
}

/// A violation of the schema. The target is the path of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaError {
    pub(crate) target: String,
    pub(crate) message: String,
}

impl SchemaError {
    pub(super) fn new(target: impl Into<String>, message: impl Into<String>) -> Self {
        Self { target: target.into(), message: message.into() }
    }
}

pub(super) const fn flag(name: &'static str) -> Field {
    optional(name, FieldType::Bool)
}

pub(super) const fn optional(name: &'static str, field_type: FieldType) -> Field {
    Field { name, presence: Presence::Optional, field_type }
}

pub(super) const fn required(name: &'static str, field_type: FieldType) -> Field {
    Field { name, presence: Presence::Required, field_type }
}

/// Checks an object against its fields, and returns all violations.
pub(super) fn check(fields: Fields, object: &Map<String, Value>) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    check_object(fields, object, "", &mut errors);
    errors
}

fn check_object(
    fields: Fields,
    object: &Map<String, Value>,
    path: &str,
    to: &mut Vec<SchemaError>,
) {
    let all = || fields.iter().copied().flatten();
    let target = |name: &str| if path.is_empty() { name.into() } else { format!("{path}.{name}") };
    for (name, value) in object {
        match all().find(|field| field.name == name) {
            // A member that may be omitted may be null: generated clients send all of them.
            Some(field) if field.presence == Presence::Optional && value.is_null() => {}
            Some(field) => check_value(field.field_type, value, &target(name), to),
            None => to.push(SchemaError::new(target(name), "is not a known property")),
        }
    }
    for field in all().filter(|field| field.presence == Presence::Required) {
        if !object.contains_key(field.name) {
            to.push(SchemaError::new(target(field.name), "is required"));
        }
    }
}

fn check_value(field_type: FieldType, value: &Value, path: &str, to: &mut Vec<SchemaError>) {
    let wrong = match (field_type, value) {
        (FieldType::Object(fields), Value::Object(object)) => {
            return check_object(fields, object, path, to);
        }
        (FieldType::Bool, Value::Bool(_)) | (FieldType::String, Value::String(_)) => return,
        (FieldType::Number { from, to: end }, Value::Number(number)) => {
            if number.as_f64().is_some_and(|number| from <= number && number <= end) {
                return;
            }
            format!("must be between {from} and {end}")
        }
        (FieldType::Strings, Value::Array(texts)) if texts.iter().all(Value::is_string) => return,
        (FieldType::Enum(words), Value::String(word)) => {
            if words.contains(&word.as_str()) {
                return;
            }
            format!("must be one of {}", words.join(", "))
        }
        (FieldType::Bool, _) => "must be a boolean".to_owned(),
        (FieldType::Number { .. }, _) => "must be a number".to_owned(),
        (FieldType::Object(_), _) => "must be an object".to_owned(),
        (FieldType::Strings, _) => "must be a list of strings".to_owned(),
        (FieldType::String | FieldType::Enum(_), _) => "must be a string".to_owned(),
    };
    to.push(SchemaError::new(path, wrong));
}
