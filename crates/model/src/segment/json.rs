//! JSON that is kept as its text: what a document carries and nobody asks for often.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::read::Key;

/// A JSON value, as well-formed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, str>);

impl<'a> Json<'a> {
    /// The caller knows that the text is well-formed.
    pub fn from_well_formed(text: impl Into<Cow<'a, str>>) -> Json<'a> {
        Json(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// The members of an object; none where it is something else.
    pub fn members(&self) -> Members<'a> {
        match &self.0 {
            Cow::Borrowed(text) => serde_json::from_str(text).unwrap_or_default(),
            Cow::Owned(text) => serde_json::from_str::<Members<'_>>(text).unwrap_or_default().into_owned(),
        }
    }

    /// The text, where the value is one.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        if !self.0.starts_with('"') {
            return None;
        }
        match &self.0 {
            Cow::Borrowed(text) => serde_json::from_str::<Key<'a>>(text).ok().map(|key| key.0),
            Cow::Owned(text) => serde_json::from_str::<String>(text).ok().map(Cow::from),
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<Vec<Json<'a>>> {
        match &self.0 {
            Cow::Borrowed(text) => {
                let elements: Vec<&'a RawValue> = serde_json::from_str(text).ok()?;
                Some(elements.into_iter().map(|element| Json(element.get().into())).collect())
            }
            Cow::Owned(text) => {
                let elements: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
                Some(elements.into_iter().map(|element| Json(element.get().to_owned().into())).collect())
            }
        }
    }

    pub fn into_text(self) -> Cow<'a, str> {
        self.0
    }

    /// Values as the text of an array.
    pub fn list(values: &[Json<'_>]) -> String {
        let mut text = String::from("[");
        for (place, value) in values.iter().enumerate() {
            text.push_str(if place > 0 { "," } else { "" });
            text.push_str(&value.0);
        }
        text.push(']');
        text
    }

    fn into_owned(self) -> Json<'static> {
        Json(self.0.into_owned().into())
    }
}

/// Members of an object, in the order they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members<'a>(pub Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// A member that is a text.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.text()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, key: Cow<'a, str>, value: Json<'a>) {
        self.0.push((key, value));
    }

    fn into_owned(self) -> Members<'static> {
        Members(self.0.into_iter().map(|(key, value)| (key.into_owned().into(), value.into_owned())).collect())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push(key, Json::from_well_formed(value.get()));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}
