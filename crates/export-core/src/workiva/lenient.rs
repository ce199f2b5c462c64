//! Lenient JSON: a field of the wrong type counts as missing.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A string, borrowed from the body unless it has escapes; empty for any other type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The trimmed text; `None` if nothing is left.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Like [`get`](Self::get), but keeps a borrowed text borrowed.
    pub(super) fn into_inner(self) -> Option<Cow<'a, str>> {
        let trimmed = match self.0? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().into()),
        };
        Some(trimmed).filter(|text| !text.is_empty())
    }
}

/// An object; its default for any other type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lenient<T>(pub(super) T);

/// A list of objects, cut to 32; a single object counts as a list of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A string or an object: some fields of the API are either.
#[derive(Debug, Default, PartialEq)]
pub(super) enum TextOr<'a, T> {
    #[default]
    Neither,
    Text(Text<'a>),
    Object(T),
}

/// A number, or a string with a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number(Option<f64>);

impl Number {
    /// The whole part. The cast saturates at the limits of `u64`.
    pub(super) fn whole(self) -> Option<u64> {
        self.0.filter(|number| number.is_finite()).map(|number| number as u64)
    }
}

/// The most items of a list that are kept, so that a body of a megabyte does not become a list of a
/// million.
const MAX_LIST: usize = 32;

/// Implements the visitor methods for numbers, booleans and null, which count as missing.
macro_rules! others_are_default {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyText)
    }
}

struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(text.into()))))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text<'de>, A::Error> {
        skip_map(map).map(|()| Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text<'de>, A::Error> {
        skip_seq(seq).map(|()| Text(None))
    }

    others_are_default!();
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyObject<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for AnyObject<T> {
            type Value = Lenient<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Lenient)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Lenient<T>, A::Error> {
                skip_seq(seq).map(|()| Lenient(T::default()))
            }

            fn visit_str<E>(self, _: &str) -> Result<Lenient<T>, E> {
                Ok(Self::Value::default())
            }

            others_are_default!();
        }
        deserializer.deserialize_any(AnyObject(PhantomData))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyList<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for AnyList<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut items = Vec::new();
                while items.len() < MAX_LIST {
                    let Some(Lenient(item)) = seq.next_element()? else { return Ok(List(items)) };
                    items.push(item);
                }
                skip_seq(seq).map(|()| List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
                let item = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(List(Vec::from([item])))
            }

            fn visit_str<E>(self, _: &str) -> Result<List<T>, E> {
                Ok(Self::Value::default())
            }

            others_are_default!();
        }
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or an object")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                AnyText.visit_borrowed_str(text).map(TextOr::Text)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                AnyText.visit_str(text).map(TextOr::Text)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Object)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                skip_seq(seq).map(|()| TextOr::Neither)
            }

            others_are_default!();
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl<'de> Visitor<'de> for AnyNumber {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().ok()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Number, A::Error> {
                skip_map(map).map(|()| Number(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Number, A::Error> {
                skip_seq(seq).map(|()| Number(None))
            }
        }
        deserializer.deserialize_any(AnyNumber)
    }
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Thing<'a> {
        #[serde(borrow)]
        name: Text<'a>,
        inner: Lenient<Inner<'a>>,
        list: List<Inner<'a>>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        word: Text<'a>,
    }

    fn text(text: &str) -> Text<'_> {
        Text(Some(text.into()))
    }

    #[test]
    fn matching_types_are_read_and_borrowed() {
        let json = r#"{"name":"n","inner":{"word":"i"},"list":[{"word":"a"},{"word":"b\u0021"}]}"#;
        let thing: Thing<'_> = serde_json::from_str(json).unwrap();
        assert!(matches!(thing.name.0, Some(Cow::Borrowed("n"))));
        assert_eq!(thing.inner.0.word, text("i"));
        assert_eq!(thing.list.0, [Inner { word: text("a") }, Inner { word: text("b!") }]);
    }

    #[test]
    fn wrong_type_counts_as_missing() {
        for wrong in ["null", "true", "5", "-5", "5.5", "[1,{}]", "{\"x\":[{}]}", "\"t\""] {
            if !wrong.starts_with('"') {
                let json = alloc::format!(r#"{{"name":{wrong},"after":1}}"#);
                assert_eq!(serde_json::from_str::<Thing<'_>>(&json).unwrap(), Thing::default());
            }
            if !wrong.starts_with('{') {
                let json = alloc::format!(r#"{{"inner":{wrong},"after":1}}"#);
                assert_eq!(serde_json::from_str::<Thing<'_>>(&json).unwrap(), Thing::default());
            }
            if !wrong.starts_with(['{', '[']) {
                let json = alloc::format!(r#"{{"list":{wrong},"after":1}}"#);
                assert_eq!(serde_json::from_str::<Thing<'_>>(&json).unwrap(), Thing::default());
            }
        }
    }

    #[test]
    fn single_object_is_a_list_and_long_list_is_cut() {
        let one: Thing<'_> = serde_json::from_str(r#"{"list":{"word":"a"}}"#).unwrap();
        assert_eq!(one.list.0, [Inner { word: text("a") }]);
        let items = alloc::vec!["5"; 1_000].join(",");
        let json = alloc::format!(r#"{{"list":[{items}]}}"#);
        let long: Thing<'_> = serde_json::from_str(&json).unwrap();
        assert_eq!(long.list.0.len(), MAX_LIST);
    }
}
