//! The member `otel` of a document: what a span said that no other member says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use prost::Message as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

use crate::attribute;
use crate::proto::common::v1::{InstrumentationScope, KeyValue, KeyValueList};
use crate::proto::trace::v1::span::Event;

/// The name of the member.
pub const MEMBER: &str = "otel";

/// What stands in it. Everything is left out where it has the value that it has by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extra {
    /// The span's kind, by its number in OTLP.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: i32,
    /// The span's name, where the document has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Nanoseconds by which start and end lie behind what the document's seconds say.
    #[serde(skip_serializing_if = "is_default")]
    pub ns: [i64; 2],
    #[serde(skip_serializing_if = "is_default")]
    pub trace_state: String,
    #[serde(skip_serializing_if = "is_default")]
    pub flags: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<(i32, String)>,
    /// Keys of attributes whose values other members have as they are (`same`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<String>,
    /// Attributes that no other member has as they are.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// Keys of annotations that are no attributes of the span: they were made of attributes with other keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ExtraEvent>,
    /// What links have besides their ids and attributes, for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ExtraLink>,
    /// Attributes, events and links that the instrumentation dropped.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: [u32; 3],
    #[serde(skip_serializing_if = "is_default")]
    pub scope: ExtraScope,
    #[serde(skip_serializing_if = "is_default")]
    pub resource: ExtraResource,
    /// The document stands for no span: it was made for a service whose only span is a call.
    #[serde(skip_serializing_if = "is_default")]
    pub made: bool,
}

/// A list of attributes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// Those whose values are JSON.
    #[serde(rename = "attributes", skip_serializing_if = "Map::is_empty")]
    pub plain: Map<String, Json>,
    /// The others, as they came.
    #[serde(skip_serializing_if = "is_default")]
    pub typed: Typed,
}

/// Attributes in protobuf's form; in JSON that is base64 of a `KeyValueList`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Typed(pub Vec<KeyValue>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtraEvent {
    pub time_unix_nano: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(flatten)]
    pub attributes: Attributes,
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtraLink {
    #[serde(skip_serializing_if = "is_default")]
    pub trace_state: String,
    #[serde(skip_serializing_if = "is_default")]
    pub flags: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub typed: Typed,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtraScope {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    #[serde(flatten)]
    pub attributes: Attributes,
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub schema_url: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtraResource {
    #[serde(flatten)]
    pub attributes: Attributes,
    #[serde(skip_serializing_if = "is_default")]
    pub dropped: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub schema_url: String,
    /// Entities that the resource describes: type, schema URL, keys of its id, keys that describe it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<(String, String, Vec<String>, Vec<String>)>,
}

impl Attributes {
    pub(crate) fn of(attributes: &[KeyValue]) -> Attributes {
        let mut of = Attributes::default();
        attributes.iter().for_each(|pair| of.push(pair));
        of
    }

    pub(crate) fn push(&mut self, pair: &KeyValue) {
        match attribute::plain(pair.value.as_ref()).filter(|_| !self.plain.contains_key(&pair.key)) {
            Some(value) => {
                self.plain.insert(pair.key.clone(), value);
            }
            None => self.typed.0.push(pair.clone()),
        }
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = KeyValue> {
        let plain = self.plain.iter().map(|(key, value)| attribute::pair(key, attribute::from_plain(value)));
        plain.chain(self.typed.0.iter().cloned())
    }
}

impl ExtraEvent {
    pub(crate) fn of(event: &Event) -> ExtraEvent {
        ExtraEvent {
            time_unix_nano: event.time_unix_nano,
            name: event.name.clone(),
            attributes: Attributes::of(&event.attributes),
            dropped: event.dropped_attributes_count,
        }
    }

    pub(crate) fn event(&self) -> Event {
        Event {
            time_unix_nano: self.time_unix_nano,
            name: self.name.clone(),
            attributes: self.attributes.pairs().collect(),
            dropped_attributes_count: self.dropped,
        }
    }
}

impl ExtraScope {
    pub(crate) fn of(scope: Option<&InstrumentationScope>, schema_url: &str) -> ExtraScope {
        let schema_url = schema_url.to_owned();
        let Some(scope) = scope else { return ExtraScope { schema_url, ..ExtraScope::default() } };
        ExtraScope {
            name: scope.name.clone(),
            version: scope.version.clone(),
            attributes: Attributes::of(&scope.attributes),
            dropped: scope.dropped_attributes_count,
            schema_url,
        }
    }

    pub(crate) fn scope(&self) -> InstrumentationScope {
        InstrumentationScope {
            name: self.name.clone(),
            version: self.version.clone(),
            attributes: self.attributes.pairs().collect(),
            dropped_attributes_count: self.dropped,
        }
    }
}

impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = KeyValueList { values: self.0.clone() };
        serializer.serialize_str(&BASE64.encode(list.encode_to_vec()))
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(serde::de::Error::custom)?;
        KeyValueList::decode(&bytes[..]).map(|list| Typed(list.values)).map_err(serde::de::Error::custom)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
