//! What is asserted of what a check found.

use model::canary::Assertion;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

const OPERATORS: [&str; 14] = [
    "EQUALS",
    "NOT_EQUALS",
    "GREATER_THAN",
    "LESS_THAN",
    "IN_RANGE",
    "CONTAINS",
    "NOT_CONTAINS",
    "REGEX_MATCH",
    "EXIST",
    "EXISTS",
    "NOT_EXIST",
    "NOT_EXISTS",
    "STARTS_WITH",
    "ENDS_WITH",
];
/// What is a number, and how numbers compare.
const NUMBERS: [&str; 5] = ["STATUS_CODE", "RESPONSE_TIME", "RECORD_COUNT", "TTL", "CERTIFICATE_EXPIRY"];
const NUMBER_OPERATORS: [&str; 5] = ["EQUALS", "NOT_EQUALS", "GREATER_THAN", "LESS_THAN", "IN_RANGE"];
/// What is so or not: so, where no value says otherwise.
const BOOLS: [&str; 2] = ["AUTHORITATIVE", "CONNECTION_SUCCESSFUL"];
/// What of a text is told.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asserted {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) operator: Option<String>,
    #[serde(default)]
    pub(super) value: Value,
    #[serde(default)]
    range_min: Option<f64>,
    #[serde(default)]
    range_max: Option<f64>,
    #[serde(default)]
    pub(super) header_name: Option<String>,
    #[serde(default)]
    pub(super) target: Option<String>,
    #[serde(default)]
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) unit: Option<String>,
    #[serde(default)]
    pub(super) field: Option<String>,
}

pub(super) fn read(step: &Map<String, Value>) -> Result<Vec<Asserted>, String> {
    let Some(given) = step.get("assertions") else { return Ok(Vec::new()) };
    let all: Vec<Asserted> = serde_json::from_value(given.clone()).map_err(|err| format!("assertions: {err}"))?;
    for one in &all {
        one.check_value()?;
        if let Some(other) = one.operator.as_deref().filter(|operator| !OPERATORS.contains(operator)) {
            return Err(format!("assertion {}: operator {other} is none of {}", one.kind, OPERATORS.join(", ")));
        }
        if one.operator.as_deref() == Some("IN_RANGE") && (one.range_min.is_none() || one.range_max.is_none()) {
            return Err(format!("assertion {}: IN_RANGE needs rangeMin and rangeMax", one.kind));
        }
        if let Some(path) = &one.path {
            json_path(path)?;
        }
        if one.operator.as_deref() == Some("REGEX_MATCH") {
            regex::Regex::new(&text_of(&one.value)).map_err(|err| format!("assertion {}: {err}", one.kind))?;
        }
    }
    Ok(all)
}

pub(super) fn json_path(path: &str) -> Result<JsonPath, String> {
    JsonPath::parse(path).map_err(|err| format!("{path:?} is no JSONPath: {err}"))
}

/// The first value at a path of a JSON text.
pub(super) fn at(text: &str, path: &str) -> Result<Option<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "the body is no JSON".to_owned())?;
    Ok(json_path(path)?.query(&value).first().map(text_of))
}

pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Asserted {
    /// Whether there is a value to compare with, and the operator is one for it. What is put in later may be anything.
    fn check_value(&self) -> Result<(), String> {
        let (kind, operator) = (self.kind.as_str(), self.operator());
        if BOOLS.contains(&kind) {
            return Ok(());
        }
        let is_number = NUMBERS.contains(&kind);
        if is_number && !NUMBER_OPERATORS.contains(&operator) {
            return Err(format!("assertion {kind}: operator {operator} is none of {}", NUMBER_OPERATORS.join(", ")));
        }
        if matches!(operator, "IN_RANGE" | "EXIST" | "EXISTS" | "NOT_EXIST" | "NOT_EXISTS") {
            return Ok(());
        }
        let value = text_of(&self.value);
        match &self.value {
            Value::Null => Err(format!("assertion {kind}: {operator} needs a value")),
            _ if is_number && !value.contains("${") && value.trim().parse::<f64>().is_err() => {
                Err(format!("assertion {kind}: value {value:?} is no number"))
            }
            _ => Ok(()),
        }
    }

    fn operator(&self) -> &str {
        self.operator.as_deref().unwrap_or("EQUALS")
    }

    /// As people say it: `STATUS_CODE equals 200`.
    fn told(&self, what: &str) -> String {
        let operator = self.operator().to_ascii_lowercase().replace('_', " ");
        let value = match (self.range_min, self.range_max) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => text_of(&self.value),
        };
        format!("{what} {operator} {value}").trim_end().to_owned()
    }

    /// Whether it is so of a text; none where there is none.
    pub(super) fn of_text(&self, what: &str, actual: Option<&str>) -> Assertion {
        let wanted = text_of(&self.value);
        let is = |test: &dyn Fn(&str) -> bool| actual.is_some_and(test);
        let numbers = || Some((actual?.trim().parse::<f64>().ok()?, wanted.trim().parse::<f64>().ok()?));
        let passed = match self.operator() {
            "EQUALS" => is(&|actual| actual == wanted) || numbers().is_some_and(|(actual, wanted)| actual == wanted),
            "NOT_EQUALS" => !is(&|actual| actual == wanted),
            "CONTAINS" => is(&|actual| actual.contains(&wanted)),
            "NOT_CONTAINS" => !is(&|actual| actual.contains(&wanted)),
            "STARTS_WITH" => is(&|actual| actual.starts_with(&wanted)),
            "ENDS_WITH" => is(&|actual| actual.ends_with(&wanted)),
            "REGEX_MATCH" => regex::Regex::new(&wanted).is_ok_and(|regex| is(&|actual| regex.is_match(actual))),
            "EXIST" | "EXISTS" => actual.is_some(),
            "NOT_EXIST" | "NOT_EXISTS" => actual.is_none(),
            "GREATER_THAN" => numbers().is_some_and(|(actual, wanted)| actual > wanted),
            "LESS_THAN" => numbers().is_some_and(|(actual, wanted)| actual < wanted),
            "IN_RANGE" => actual.and_then(|actual| actual.trim().parse().ok()).is_some_and(|actual| self.is_in_range(actual)),
            _ => false,
        };
        let actual = actual.unwrap_or_default();
        let mut told: String = actual.chars().take(TOLD_CHARS).collect();
        if told.len() < actual.len() {
            told.push('…');
        }
        Assertion { text: self.told(what), actual: told, passed }
    }

    pub(super) fn of_number(&self, what: &str, actual: f64) -> Assertion {
        self.of_text(what, Some(&actual.to_string()))
    }

    fn is_in_range(&self, actual: f64) -> bool {
        self.range_min.is_some_and(|least| actual >= least) && self.range_max.is_some_and(|most| actual <= most)
    }

    /// Whether something is as `value` says: true, where it does not.
    pub(super) fn of_bool(&self, what: &str, actual: bool) -> Assertion {
        let wanted = match &self.value {
            Value::Bool(wanted) => *wanted,
            Value::String(text) => !text.eq_ignore_ascii_case("false"),
            _ => true,
        };
        Assertion { text: format!("{what} is {wanted}"), actual: actual.to_string(), passed: actual == wanted }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn assertions_hold_or_not() {
        for (assertion, actual, expected) in [
            (json!({"operator": "EQUALS", "value": 200}), Some("200"), true),
            (json!({"operator": "EQUALS", "value": "1.0"}), Some("1"), true),
            (json!({"operator": "NOT_EQUALS", "value": "a"}), Some("b"), true),
            (json!({"operator": "IN_RANGE", "rangeMin": 200, "rangeMax": 299}), Some("204"), true),
            (json!({"operator": "IN_RANGE", "rangeMin": 200, "rangeMax": 299}), Some("302"), false),
            (json!({"operator": "LESS_THAN", "value": 10}), Some("9.5"), true),
            (json!({"operator": "LESS_THAN", "value": 10}), Some("fast"), false),
            (json!({"operator": "CONTAINS", "value": "json"}), Some("application/json"), true),
            (json!({"operator": "CONTAINS", "value": "json"}), None, false),
            (json!({"operator": "NOT_CONTAINS", "value": "json"}), None, true),
            (json!({"operator": "EXIST"}), Some(""), true),
            (json!({"operator": "REGEX_MATCH", "value": "^a.c$"}), Some("abc"), true),
        ] {
            let mut whole = assertion.clone();
            whole["type"] = json!("STATUS_CODE");
            let read: Asserted = serde_json::from_value(whole).unwrap();
            assert_eq!(read.of_text("it", actual).passed, expected, "{assertion} {actual:?}");
        }
    }

    #[test]
    fn values_are_found_by_their_path() {
        let text = r#"{"user": {"id": 7, "tags": ["a", "b"]}}"#;
        assert_eq!(at(text, "$.user.id").unwrap().as_deref(), Some("7"));
        assert_eq!(at(text, "$.user.tags[1]").unwrap().as_deref(), Some("b"));
        assert_eq!(at(text, "$.user.name").unwrap(), None);
        assert!(at("no json", "$.user").is_err());
    }
}
