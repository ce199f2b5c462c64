//! A deserializer for request bodies that collects the unknown fields and names the field of an error.
//!
//! `serde_json` alone ignores unknown fields, and its errors do not name the field of a wrong value.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value, map};

use super::error::SpecError;

/// A field, with the names of the objects that contain it, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
}

impl Field {
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }

    /// Inserts the field into `body`, and the objects that contain it if they are missing.
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Result<(), SpecError> {
        let wrong = |problem| SpecError::Body { field: self.name(), problem };
        let Some((last, above)) = self.path.split_last() else { return Ok(()) };
        let mut object = body;
        for (depth, name) in above.iter().enumerate() {
            let next = object.entry(name.as_str()).or_insert_with(|| Map::new().into());
            object = next.as_object_mut().ok_or_else(|| {
                wrong(format!("{} is not an object", self.path[..=depth].join(".")))
            })?;
        }
        object.insert(last.clone(), self.value.clone());
        Ok(())
    }
}

/// Reads `body`, and returns the fields that `T` does not have as well.
pub(super) fn read<'de, T: Deserialize<'de>>(
    body: &'de Value,
) -> Result<(T, Vec<Field>), SpecError> {
    let unknown = RefCell::default();
    let read = T::deserialize(Reader { value: body, path: &Path::Root, unknown: &unknown });
    match read {
        Ok(read) => Ok((read, unknown.into_inner())),
        Err(Wrong { path, problem }) => {
            let field = if path.is_empty() { "body".to_owned() } else { path.join(".") };
            Err(SpecError::Body { field, problem })
        }
    }
}

#[derive(Clone, Copy)]
struct Reader<'a, 'de> {
    value: &'de Value,
    path: &'a Path<'a>,
    unknown: &'a RefCell<Vec<Field>>,
}

enum Path<'a> {
    Root,
    Field(&'a Self, &'a str),
}

impl Path<'_> {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Root => Vec::new(),
            Self::Field(above, name) => {
                let mut names = above.names();
                names.push((*name).to_owned());
                names
            }
        }
    }
}

#[derive(Debug)]
struct Wrong {
    path: Vec<String>,
    problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl core::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { path: Vec::new(), problem: problem.to_string() }
    }
}

impl Reader<'_, '_> {
    /// The error with the path of this value.
    fn locate(&self, problem: impl fmt::Display) -> Wrong {
        Wrong { path: self.path.names(), problem: problem.to_string() }
    }
}

impl<'de> Deserializer<'de> for Reader<'_, 'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value {
            Value::Object(object) => {
                let fields = Fields { fields: object.iter(), value: None, at: self };
                visitor
                    .visit_map(fields)
                    .map_err(|wrong| if wrong.path.is_empty() { self.locate(wrong) } else { wrong })
            }
            other => other.deserialize_any(visitor).map_err(|wrong| self.locate(wrong)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let read = self.value.deserialize_enum(name, variants, visitor);
        read.map_err(|wrong| self.locate(wrong))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        // serde also accepts a list for a struct.
        if self.value.is_object() {
            self.deserialize_any(visitor)
        } else {
            Err(self.locate("expected an object"))
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let field = Field { path: self.path.names(), value: self.value.clone() };
        self.unknown.borrow_mut().push(field);
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier
    }
}

struct Fields<'a, 'de> {
    fields: map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
    at: Reader<'a, 'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.value = self.fields.next().map(|(name, value)| (name.as_str(), value));
        self.value.map(|(name, _)| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (name, value) = self.value.take().ok_or_else(|| de::Error::custom("no value"))?;
        let path = Path::Field(self.at.path, name);
        seed.deserialize(Reader { value, path: &path, unknown: self.at.unknown })
    }
}
