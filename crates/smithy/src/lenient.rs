//! Reading typed input from values whose numbers may be texts, or of another kind of number, as forms and CBOR have them.

use chrono::DateTime;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::{Error, Value};

/// A value that is read for what is wanted.
pub struct Lenient(pub Value);

impl<'de> IntoDeserializer<'de, Error> for Lenient {
    type Deserializer = Lenient;

    fn into_deserializer(self) -> Lenient {
        self
    }
}

impl Lenient {
    /// Of a moment as text, the seconds since 1970.
    fn number(&self) -> Result<f64, Error> {
        match &self.0 {
            Value::Number(number) => Ok(number.as_f64().unwrap_or_default()),
            Value::String(text) => text
                .parse()
                .ok()
                .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros() as f64 / 1e6))
                .ok_or_else(|| Error::custom(format!("{text:?} is neither a number nor a time"))),
            other => Err(Error::custom(format!("a number is expected, not {other}"))),
        }
    }

    fn whole(&self) -> Result<i64, Error> {
        if let Some(whole) = self.0.as_i64() {
            return Ok(whole);
        }
        let number = self.number()?;
        match number.fract() == 0.0 && number.abs() < 9e15 {
            true => Ok(number as i64),
            false => Err(Error::custom(format!("a whole number is expected, not {number}"))),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_i64(self.whole()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Lenient))),
            Value::Object(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Lenient(value)))))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0 {
            Value::Bool(is_so) => visitor.visit_bool(*is_so),
            Value::String(text) if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            other => Err(Error::custom(format!("true or false is expected, not {other}"))),
        }
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.number()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.number()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            // How a form writes a list that has nothing in it.
            Value::String(text) if text.is_empty() => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<Lenient>())),
            value @ Value::Array(_) => Lenient(value).deserialize_any(visitor),
            other => Err(Error::custom(format!("a list is expected, not {other}"))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}
