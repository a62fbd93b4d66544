//! Answers of the Query protocol.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use crate::{is_map, is_time};

pub fn answer(space: &str, operation: &str, value: &Value, request_id: &str) -> Vec<u8> {
    let mut text = format!("<{operation}Response xmlns=\"{space}\">");
    let is_empty = value.as_object().is_none_or(|members| members.is_empty());
    if !is_empty || !operation.starts_with("Put") {
        element(&mut text, &format!("{operation}Result"), value);
    }
    text.push_str(&format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"));
    text.into_bytes()
}

pub fn error(space: &str, side: &str, code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let mut text = format!("<ErrorResponse xmlns=\"{space}\"><Error><Type>{side}</Type><Code>{code}</Code><Message>");
    escape(&mut text, message);
    text.push_str(&format!("</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"));
    text.into_bytes()
}

fn element(text: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    text.push('<');
    text.push_str(name);
    text.push('>');
    content(text, name, value);
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

fn content(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(is_so) => text.push_str(if *is_so { "true" } else { "false" }),
        Value::Number(number) if is_time(name) => text.push_str(&moment(number.as_f64().unwrap_or_default())),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(content) => escape(text, content),
        Value::Array(items) => {
            for item in items {
                text.push_str("<member>");
                content(text, name, item);
                text.push_str("</member>");
            }
        }
        Value::Object(members) if is_map(name) => {
            for (key, value) in members {
                text.push_str("<entry><key>");
                escape(text, key);
                text.push_str("</key><value>");
                content(text, "", value);
                text.push_str("</value></entry>");
            }
        }
        Value::Object(members) => members.iter().for_each(|(name, value)| element(text, name, value)),
    }
}

fn moment(secs: f64) -> String {
    let moment = DateTime::from_timestamp_micros((secs * 1e6).round() as i64).unwrap_or_default();
    let form = if secs.fract() == 0.0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    moment.to_rfc3339_opts(form, true)
}

/// Control characters that XML cannot have are left out.
fn escape(text: &mut String, content: &str) {
    for character in content.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' | '\r' => text.push(character),
            _ if character.is_control() => {}
            _ => text.push(character),
        }
    }
}
