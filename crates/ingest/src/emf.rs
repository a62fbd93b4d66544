//! CloudWatch's embedded metric format: log events that say which of their members are metrics. In both dialects: with the directive in
//! `_aws`, and with it at the root, as Container Insights writes it.

pub mod agent;
#[cfg(test)]
mod tests;

use model::limit;
use model::metric::{Aggregate, Dimensions, Distribution, Metric, NO_UNIT, STANDARD_PERIOD, UNITS};
use model::time::SECOND_US;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Values that a metric may have in one event (AWS).
const VALUES_MAX: usize = 100;
/// Metrics of one directive (AWS).
const METRICS_MAX: usize = 100;
/// Directives, and sets of dimensions of each; AWS names no number.
const DIRECTIVES_MAX: usize = 30;
const SETS_MAX: usize = 100;

/// Why an event that says that it has metrics has none that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmfError {
    #[error("it is no JSON object")]
    NotAnObject,
    #[error("{0}")]
    Invalid(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    #[serde(default)]
    dimensions: Vec<Vec<String>>,
    #[serde(default)]
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
    unit: Option<String>,
    storage_resolution: Option<i64>,
}

/// The metrics of an event; none where it is an event like any other.
pub fn metrics(event: &str, now_us: i64, is_lenient: bool) -> Result<Option<Vec<Metric>>, EmfError> {
    let Ok(Value::Object(members)) = serde_json::from_str(event) else { return Err(EmfError::NotAnObject) };
    let own = members.get("_aws").and_then(Value::as_object);
    let (directives, time) = match own {
        Some(own) => (own.get("CloudWatchMetrics"), own.get("Timestamp")),
        None => (members.get("CloudWatchMetrics"), members.get("Timestamp")),
    };
    let Some(directives) = directives else { return Ok(None) };
    let invalid = |why: String| EmfError::Invalid(why);
    let directives = Vec::<Directive>::deserialize(directives).map_err(|err| invalid(format!("CloudWatchMetrics: {err}")))?;
    if directives.len() > DIRECTIVES_MAX {
        return Err(invalid(format!("it has more than {DIRECTIVES_MAX} directives")));
    }
    let time_us = match time {
        None if own.is_none() => now_us,
        // Some writers of the older dialect put a text there.
        Some(Value::String(text)) if text.parse::<i64>().is_ok() => text.parse::<i64>().unwrap_or_default().saturating_mul(1_000),
        Some(Value::Number(number)) => match number.as_f64() {
            Some(millis) if (0.0..1e15).contains(&millis) => (millis * 1_000.0) as i64,
            _ => return Err(invalid("Timestamp is no time in milliseconds since 1970".to_owned())),
        },
        _ => return Err(invalid("_aws has no Timestamp in milliseconds since 1970".to_owned())),
    };
    let mut found = Vec::new();
    for directive in &directives {
        if directive.metrics.len() > METRICS_MAX || directive.dimensions.len() > SETS_MAX {
            return Err(invalid(format!("a directive has at most {METRICS_MAX} metrics and {SETS_MAX} sets of dimensions")));
        }
        let sets: Vec<Dimensions> = match directive.dimensions.as_slice() {
            [] => vec![Dimensions::default()],
            sets => sets.iter().map(|names| dimensions(&members, names)).collect::<Result<_, _>>()?,
        };
        for definition in &directive.metrics {
            let Some(value) = members.get(&definition.name) else { continue };
            let measured = measured(definition, &directive.namespace, value, time_us)?;
            if let Some(reason) = measured.refusal(now_us, is_lenient) {
                return Err(invalid(format!("{}: {reason}", definition.name)));
            }
            found.extend(sets.iter().map(|set| measured.clone().of(set.clone())));
        }
    }
    Ok(Some(found))
}

fn dimensions(members: &Map<String, Value>, names: &[String]) -> Result<Dimensions, EmfError> {
    if names.len() > limit::DIMENSIONS_PER_METRIC {
        return Err(EmfError::Invalid(format!("a set has at most {} dimensions", limit::DIMENSIONS_PER_METRIC)));
    }
    let mut pairs: Vec<(&str, String)> = Vec::with_capacity(names.len());
    for name in names {
        let value = match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            _ => return Err(EmfError::Invalid(format!("the dimension {name} has no value: no member of that name is a text"))),
        };
        pairs.push((name, value));
    }
    Ok(Dimensions::new(pairs))
}

fn measured(definition: &Definition, namespace: &str, value: &Value, time_us: i64) -> Result<Metric, EmfError> {
    let invalid = |what: &str| EmfError::Invalid(format!("{}: {what}", definition.name));
    let mut all = Aggregate::new(true);
    let mut values = Distribution::default();
    let mut add = |value: f64, count: f64| {
        all.add_sums(&model::metric::Sums { samples: count, sum: value * count, minimum: value, maximum: value }, || None);
        values.push(value, count);
    };
    let number = |value: &Value| value.as_f64().ok_or_else(|| invalid("a value is no number"));
    match value {
        Value::Array(numbers) if !numbers.is_empty() && numbers.len() <= VALUES_MAX => {
            for value in numbers {
                add(number(value)?, 1.0);
            }
        }
        Value::Array(_) => return Err(invalid(&format!("it has from 1 to {VALUES_MAX} values"))),
        // As the agent's library writes histograms.
        Value::Object(members) => {
            let list = |name: &str| members.get(name).and_then(Value::as_array);
            let (Some(numbers), Some(counts)) = (list("Values"), list("Counts")) else {
                return Err(invalid("an object has Values and Counts"));
            };
            if numbers.is_empty() || numbers.len() != counts.len() || numbers.len() > VALUES_MAX {
                return Err(invalid(&format!("it has from 1 to {VALUES_MAX} Values, and as many Counts")));
            }
            for (value, count) in numbers.iter().zip(counts) {
                add(number(value)?, number(count)?.max(0.0));
            }
        }
        value => add(number(value)?, 1.0),
    }
    let period = if definition.storage_resolution == Some(1) { 1 } else { STANDARD_PERIOD };
    let unit = match definition.unit.as_deref() {
        None | Some(NO_UNIT | "") => None,
        Some(unit) if UNITS.contains(&unit) => Some(unit.into()),
        Some(unit) => return Err(invalid(&format!("{unit:?} is no unit"))),
    };
    Ok(Metric {
        time_us: time_us - time_us.rem_euclid(period * SECOND_US),
        owner: None,
        namespace: namespace.into(),
        name: definition.name.as_str().into(),
        dimensions: Dimensions::default(),
        unit,
        period,
        samples: all.samples,
        sum: all.sum,
        minimum: all.minimum,
        maximum: all.maximum,
        distribution: (all.minimum != all.maximum).then_some(values),
    })
}
