//! Fields of messages: what JSON has, by its path.

use serde_json::Value;

/// Fields that are discovered in a message (AWS).
const FIELDS_MAX: usize = 200;

/// The fields of a message with their values as texts: `a.b`, `list.0`. A name of its own that begins with `@` has one more, so that it
/// is nothing of ours.
pub fn fields(message: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if message.trim_start().starts_with('{')
        && let Ok(Value::Object(members)) = serde_json::from_str(message)
    {
        for (name, value) in &members {
            let name = if name.starts_with('@') { format!("@{name}") } else { name.clone() };
            add(name, value, &mut found);
        }
    }
    found
}

fn add(path: String, value: &Value, found: &mut Vec<(String, String)>) {
    if found.len() >= FIELDS_MAX {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(members) => members.iter().for_each(|(name, value)| add(format!("{path}.{name}"), value, found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(place, value)| add(format!("{path}.{place}"), value, found)),
        Value::String(text) => found.push((path, text.clone())),
        value => found.push((path, value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_paths() {
        let found = fields(r#" {"a": {"b": 1, "c": [true, {"d": "x"}]}, "@own": "y", "n": null}"#);
        let expected = [("@@own", "y"), ("a.b", "1"), ("a.c.0", "true"), ("a.c.1.d", "x")];
        let mut found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(fields("no JSON").is_empty() && fields("[1]").is_empty());
        let many: String = (0..1_000).map(|n| format!("\"f{n}\":{n},")).collect();
        assert_eq!(fields(&format!("{{{}}}", many.trim_end_matches(','))).len(), FIELDS_MAX);
    }
}
