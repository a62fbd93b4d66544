//! The Query protocol's forms: `Action=PutMetricData&MetricData.member.1.MetricName=…`, as JSON values in which everything is text.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// Names in each other, and items of a list.
const DEPTH_MAX: usize = 16;
const ITEMS_MAX: usize = 10_000;

fn pairs(body: &[u8]) -> impl Iterator<Item = Result<(String, String), String>> {
    body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = (&pair[..split], pair.get(split + 1..).unwrap_or_default());
        Ok((text(name)?, text(value)?))
    })
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let spaced: Cow<'_, [u8]> = match bytes.contains(&b'+') {
        true => bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<u8>>().into(),
        false => bytes.into(),
    };
    percent_decode(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| "it is no UTF-8".to_owned())
}

/// The version of the service, a dot, and the operation.
pub fn target(body: &[u8]) -> Result<String, String> {
    let (mut action, mut version) = (None, String::new());
    for pair in pairs(body) {
        match pair? {
            (name, value) if name == "Action" => action = Some(value),
            (name, value) if name == "Version" => version = value,
            _ => {}
        }
    }
    let action = action.ok_or("the form has no Action")?;
    Ok(format!("{version}.{action}"))
}

/// Lists are objects here whose names are `member` or numbers until they are read.
pub fn decode(body: &[u8]) -> Result<Value, String> {
    let mut root = Map::new();
    for pair in pairs(body) {
        let (name, value) = pair?;
        if matches!(name.as_str(), "Action" | "Version") {
            continue;
        }
        let path: Vec<&str> = name.split('.').collect();
        if path.len() > DEPTH_MAX {
            return Err(format!("{name} has too many parts"));
        }
        let mut at = &mut root;
        for part in &path[..path.len() - 1] {
            let inner = at.entry(*part).or_insert_with(|| Value::Object(Map::new()));
            at = inner.as_object_mut().ok_or_else(|| format!("{name} is part of a value that was given whole"))?;
        }
        at.insert(path[path.len() - 1].to_owned(), Value::String(value));
    }
    lists(Value::Object(root))
}

/// With lists where names are numbers.
fn lists(value: Value) -> Result<Value, String> {
    let Value::Object(mut members) = value else { return Ok(value) };
    if members.len() == 1
        && let Some(inner) = members.get_mut("member")
    {
        let inner = inner.take();
        // An empty list is `Dimensions.member=` or so.
        return if inner.is_string() { Ok(Value::Array(Vec::new())) } else { lists(inner) };
    }
    // A map is `Attributes.entry.1.key` and `.value`.
    if members.len() == 1
        && let Some(Value::Object(entries)) = members.get_mut("entry")
        && entries.keys().all(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let entry = |entry: Value| match entry {
            Value::Object(mut entry) => {
                let key =
                    entry.remove("key").and_then(|key| key.as_str().map(str::to_owned)).ok_or("an entry of a map has no key")?;
                Ok((key, lists(entry.remove("value").unwrap_or_default())?))
            }
            _ => Err("an entry of a map has neither key nor value".to_owned()),
        };
        let entries = std::mem::take(entries);
        return entries.into_iter().map(|(_, value)| entry(value)).collect::<Result<Map<_, _>, String>>().map(Value::Object);
    }
    if !members.is_empty() && members.keys().all(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        if members.len() > ITEMS_MAX {
            return Err(format!("a list has more than {ITEMS_MAX} items"));
        }
        let mut items: Vec<(u64, Value)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            items.push((name.parse().map_err(|_| format!("{name} is no place in a list"))?, lists(value)?));
        }
        items.sort_by_key(|(place, _)| *place);
        return Ok(Value::Array(items.into_iter().map(|(_, value)| value).collect()));
    }
    let members = members.into_iter().map(|(name, value)| Ok((name, lists(value)?)));
    members.collect::<Result<Map<_, _>, String>>().map(Value::Object)
}
