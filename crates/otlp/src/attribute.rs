//! Attributes, and their values as JSON.

use serde_json::{Map, Number, Value as Json};

use crate::proto::common::v1::any_value::Value;
use crate::proto::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};

/// The value as JSON that reads back as the same value. None for what JSON has no form for: bytes, numbers that are none, and lists
/// of pairs in which a key stands twice.
pub fn plain(value: Option<&AnyValue>) -> Option<Json> {
    let Some(value) = value.and_then(|value| value.value.as_ref()) else { return Some(Json::Null) };
    Some(match value {
        Value::StringValue(text) => Json::String(text.clone()),
        Value::BoolValue(value) => Json::Bool(*value),
        Value::IntValue(number) => Json::Number((*number).into()),
        Value::DoubleValue(number) => Json::Number(Number::from_f64(*number)?),
        Value::ArrayValue(array) => Json::Array(array.values.iter().map(|value| plain(Some(value))).collect::<Option<Vec<_>>>()?),
        Value::KvlistValue(list) => {
            let mut object = Map::new();
            for pair in &list.values {
                if object.insert(pair.key.clone(), plain(pair.value.as_ref())?).is_some() {
                    return None;
                }
            }
            Json::Object(object)
        }
        Value::BytesValue(_) | Value::StringValueStrindex(_) => return None,
    })
}

/// Appends the text of that JSON, where there is one.
pub(crate) fn write_plain(value: Option<&AnyValue>, out: &mut Vec<u8>) -> bool {
    let written = match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => serde_json::to_writer(&mut *out, text),
        Some(Value::IntValue(number)) => serde_json::to_writer(&mut *out, number),
        _ => match plain(value) {
            Some(json) => serde_json::to_writer(&mut *out, &json),
            None => return false,
        },
    };
    written.is_ok()
}

/// The value that `plain` made this JSON of.
pub fn from_plain(json: &Json) -> AnyValue {
    let value = match json {
        Json::Null => None,
        Json::Bool(value) => Some(Value::BoolValue(*value)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(number) => Value::IntValue(number),
            None => Value::DoubleValue(number.as_f64().unwrap_or_default()),
        }),
        Json::String(text) => Some(Value::StringValue(text.clone())),
        Json::Array(values) => Some(Value::ArrayValue(ArrayValue { values: values.iter().map(from_plain).collect() })),
        Json::Object(members) => {
            let values = members.iter().map(|(key, value)| pair(key, from_plain(value))).collect();
            Some(Value::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

pub fn pair(key: impl Into<String>, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), key_strindex: 0 }
}

pub fn text_pair(key: &str, text: impl Into<String>) -> KeyValue {
    pair(key, AnyValue { value: Some(Value::StringValue(text.into())) })
}

pub fn int_pair(key: &str, number: i64) -> KeyValue {
    pair(key, AnyValue { value: Some(Value::IntValue(number)) })
}

/// The attribute of this key.
pub fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()
}

/// Its text, where it is one.
pub fn find_text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    text(find(attributes, key))
}

pub(crate) fn text(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        Value::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A whole number, also one that was sent as a text: instrumentations differ.
pub(crate) fn int(value: Option<&AnyValue>) -> Option<i64> {
    match value?.value.as_ref()? {
        Value::IntValue(number) => Some(*number),
        Value::StringValue(text) => text.parse().ok(),
        Value::DoubleValue(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        _ => None,
    }
}

/// A text, or each text of an array.
pub(crate) fn texts(value: Option<&AnyValue>) -> Vec<&str> {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) if !text.is_empty() => vec![text],
        Some(Value::ArrayValue(array)) => array.values.iter().filter_map(|value| text(Some(value))).collect(),
        _ => Vec::new(),
    }
}
