//! What series are called: their own names, or what people made of placeholders such as `${MAX}`.

use std::collections::BTreeSet;

use chrono::DateTime;
use model::time::SECOND_US;

use super::Asking;
use super::evaluate::Series;

/// Minutes east of Greenwich, as `+0130` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeZone(pub i64);

/// Labels for series that have none: what tells them apart.
pub(crate) fn distinguish(series: &mut [Series]) {
    let parts = |one: &Series| -> Vec<(String, String)> {
        let Some(of) = &one.of else { return vec![("label".to_owned(), one.label.clone())] };
        let mut parts = vec![
            ("account".to_owned(), of.id.owner.as_ref().map_or_else(String::new, |owner| owner.account_id().to_owned())),
            ("namespace".to_owned(), of.id.namespace.to_string()),
            ("name".to_owned(), of.id.name.to_string()),
        ];
        parts.extend(of.id.dimensions.iter().map(|(name, value)| (format!("dimension {name}"), value.to_owned())));
        parts.push(("statistic".to_owned(), of.statistic.clone()));
        parts
    };
    let all: Vec<Vec<(String, String)>> = series.iter().map(parts).collect();
    let names: BTreeSet<&String> = all.iter().flatten().map(|(name, _)| name).collect();
    let value =
        |parts: &[(String, String)], name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let differs = |name: &&&String| all.iter().any(|parts| value(parts, name) != value(&all[0], name));
    let differing: BTreeSet<&String> = names.iter().filter(differs).copied().collect();
    for (one, parts) in series.iter_mut().zip(&all).filter(|(one, _)| one.of.is_some()) {
        let told: Vec<&str> = parts
            .iter()
            .filter(|(name, value)| differing.contains(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
            .collect();
        let name = one.of.as_ref().map(|of| of.id.name.to_string()).unwrap_or_default();
        one.label = if told.is_empty() { name } else { told.join(" ") };
    }
}

/// The label with what stands for its placeholders. Those that mean nothing here stay as they are.
pub(crate) fn fill(template: &str, series: &Series, zone: TimeZone, asking: &Asking, now_us: i64) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("${") {
        text.push_str(before);
        let Some((placeholder, after)) = behind.split_once('}') else {
            text.push_str("${");
            rest = behind;
            continue;
        };
        match filled(placeholder.trim(), series, zone, asking, now_us) {
            Some(value) => text.push_str(&value),
            None => text.push_str(&format!("${{{placeholder}}}")),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

fn filled(placeholder: &str, series: &Series, zone: TimeZone, asking: &Asking, now_us: i64) -> Option<String> {
    if let Some(property) = placeholder.strip_prefix("PROP(").and_then(|rest| rest.strip_suffix(')')) {
        return property_of(property.trim().trim_matches(['\'', '"']), series, asking);
    }
    if placeholder == "LABEL" {
        return Some(series.label.clone());
    }
    if placeholder == "DATAPOINT_COUNT" {
        return Some(series.points.len().to_string());
    }
    let (what, form) = match placeholder.strip_suffix("_TIME_RELATIVE") {
        Some(what) => (what, Form::Relative),
        None => placeholder.strip_suffix("_TIME").map_or((placeholder, Form::Value), |what| (what, Form::Time)),
    };
    let points = &series.points;
    let by_value = |a: &&(i64, f64), b: &&(i64, f64)| a.1.total_cmp(&b.1);
    let point = match what {
        "FIRST" => points.first(),
        "LAST" => points.last(),
        "MIN" => points.iter().min_by(by_value),
        "MAX" => points.iter().max_by(by_value),
        "AVG" | "SUM" if form == Form::Value => {
            let sum: f64 = points.iter().map(|(_, value)| value).sum();
            let value = if what == "SUM" { sum } else { sum / points.len() as f64 };
            return Some(if points.is_empty() { "-".to_owned() } else { number(value) });
        }
        _ => return None,
    };
    let Some(&(time, value)) = point else { return Some("-".to_owned()) };
    Some(match form {
        Form::Value => number(value),
        Form::Time => moment(time, zone),
        Form::Relative => relative(now_us - time * SECOND_US),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Value,
    Time,
    Relative,
}

fn property_of(property: &str, series: &Series, asking: &Asking) -> Option<String> {
    let of = series.of.as_ref();
    Some(match property {
        "Period" => series.period.to_string(),
        "Region" => of.and_then(|of| of.id.owner.as_ref()).map_or_else(|| asking.region.clone(), |owner| owner.region().to_owned()),
        // Accounts have no other names here.
        "AccountId" | "AccountLabel" => asking.account_id(of?.id.owner.as_ref()).to_owned(),
        "Namespace" => of?.id.namespace.to_string(),
        "MetricName" => of?.id.name.to_string(),
        "Stat" => of?.statistic.clone(),
        _ => of?.id.dimensions.get(property.strip_prefix("Dim.")?).unwrap_or("-").to_owned(),
    })
}

/// With at most three digits behind the point.
fn number(value: f64) -> String {
    if value.abs() >= 1e15 { format!("{value:e}") } else { ((value * 1e3).round() / 1e3).to_string() }
}

/// `2026-11-27 12:30:00`.
fn moment(time: i64, TimeZone(minutes): TimeZone) -> String {
    let shifted = DateTime::from_timestamp(time.saturating_add(minutes * 60), 0).unwrap_or_default();
    shifted.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `1d 2h 3m`.
fn relative(age_us: i64) -> String {
    let minutes = age_us.max(0) / (60 * SECOND_US);
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m")];
    let told: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if told.is_empty() { "0m".to_owned() } else { told.join(" ") }
}
