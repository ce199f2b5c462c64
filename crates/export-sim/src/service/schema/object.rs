//! Small JSON schemas, as tables.

use serde_json::{Map, Value};

/// The members that an object may have, in groups that several objects share.
pub(super) type Fields = &'static [&'static [Field]];

#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    need: Need,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Optional,
    Required,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Flag,
    Number { from: f64, to: f64 },
    Object(Fields),
    Text,
    Texts,
    Word(&'static [&'static str]),
}

/// What is wrong with a body, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) target: String,
    pub(crate) message: String,
}

impl Complaint {
    pub(super) fn new(target: impl Into<String>, message: impl Into<String>) -> Self {
        Self { target: target.into(), message: message.into() }
    }
}

pub(super) const fn flag(name: &'static str) -> Field {
    optional(name, Shape::Flag)
}

pub(super) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, need: Need::Optional, shape }
}

pub(super) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, need: Need::Required, shape }
}

/// Everything in which the object differs from its table.
pub(super) fn check(fields: Fields, object: &Map<String, Value>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    check_object(fields, object, "", &mut complaints);
    complaints
}

fn check_object(fields: Fields, object: &Map<String, Value>, path: &str, to: &mut Vec<Complaint>) {
    let all = || fields.iter().copied().flatten();
    let target = |name: &str| if path.is_empty() { name.into() } else { format!("{path}.{name}") };
    for (name, value) in object {
        match all().find(|field| field.name == name) {
            Some(field) => check_value(field.shape, value, &target(name), to),
            None => to.push(Complaint::new(target(name), "is not a known property")),
        }
    }
    for field in all().filter(|field| field.need == Need::Required) {
        if !object.contains_key(field.name) {
            to.push(Complaint::new(target(field.name), "is required"));
        }
    }
}

fn check_value(shape: Shape, value: &Value, path: &str, to: &mut Vec<Complaint>) {
    let wrong = match (shape, value) {
        (Shape::Object(fields), Value::Object(object)) => {
            return check_object(fields, object, path, to);
        }
        (Shape::Flag, Value::Bool(_)) | (Shape::Text, Value::String(_)) => return,
        (Shape::Number { from, to: end }, Value::Number(number)) => {
            if number.as_f64().is_some_and(|number| from <= number && number <= end) {
                return;
            }
            format!("must lie between {from} and {end}")
        }
        (Shape::Texts, Value::Array(texts)) if texts.iter().all(Value::is_string) => return,
        (Shape::Word(words), Value::String(word)) => {
            if words.contains(&word.as_str()) {
                return;
            }
            format!("must be one of {}", words.join(", "))
        }
        (Shape::Flag, _) => "must be a boolean".to_owned(),
        (Shape::Number { .. }, _) => "must be a number".to_owned(),
        (Shape::Object(_), _) => "must be an object".to_owned(),
        (Shape::Texts, _) => "must be a list of strings".to_owned(),
        (Shape::Text | Shape::Word(_), _) => "must be a string".to_owned(),
    };
    to.push(Complaint::new(path, wrong));
}
