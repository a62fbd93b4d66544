//! What alarms say of themselves: to people and programs that are notified, and in their history.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use model::alarm::{Alarm, AlarmState, MetricAlarm, Watched, WatchedMetric, WatchedQuery, Watches};
use serde_json::{Map, Value, json};

use super::Place;
use super::evaluate::stamp;

/// What SNS gets from an alarm.
pub(super) fn notification(
    alarm: &Alarm,
    old: AlarmState,
    contributor: Option<&(String, BTreeMap<String, String>)>,
    place: &Place,
) -> String {
    let status = &alarm.status;
    let mut told = json!({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": place.account_id,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured_us),
        "NewStateValue": status.state.as_str(),
        "NewStateReason": status.reason,
        "StateChangeTime": stamp(status.transitioned_us),
        "Region": place.region,
        "AlarmArn": place.arn(&alarm.name),
        "OldStateValue": old.as_str(),
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
    });
    match &alarm.watches {
        Watches::Metric(metric) => told["Trigger"] = trigger(metric),
        Watches::Composite(composite) => told["AlarmRule"] = json!(composite.rule),
    }
    if let Some((id, attributes)) = contributor {
        told["AlarmContributorId"] = json!(id);
        told["AlarmContributorAttributes"] = json!(attributes);
    }
    told.to_string()
}

/// The same for people.
pub(super) fn text(alarm: &Alarm, old: AlarmState, place: &Place) -> String {
    let status = &alarm.status;
    let mut lines = vec![
        format!("{} went from {old} to {} at {}.", alarm.name, status.state, day_time(status.transitioned_us)),
        String::new(),
        status.reason.clone(),
    ];
    if let Some(description) = alarm.description.as_deref().filter(|description| !description.is_empty()) {
        lines.extend([String::new(), description.to_owned()]);
    }
    lines.extend([String::new(), format!("Alarm: {}", place.arn(&alarm.name))]);
    if let Some(console) = &place.console {
        let name = alarm.name.bytes().map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        lines.push(format!("See {console}/alarms/{}", name.collect::<String>()));
    }
    lines.join("\n")
}

pub(super) fn subject(alarm: &Alarm, place: &Place) -> String {
    let subject = format!("{}: \"{}\" in {}", alarm.status.state, alarm.name, place.region);
    subject.chars().take(100).collect()
}

fn trigger(alarm: &MetricAlarm) -> Value {
    let mut told = Map::new();
    match &alarm.watched {
        Watched::Metric { metric, is_plain } => {
            told.insert("MetricName".to_owned(), json!(metric.name));
            told.insert("Namespace".to_owned(), json!(metric.namespace));
            let kind = if *is_plain { "Statistic" } else { "ExtendedStatistic" };
            told.insert("StatisticType".to_owned(), json!(kind));
            let statistic = if *is_plain { plain(&metric.statistic).to_owned() } else { metric.statistic.clone() };
            told.insert(kind.to_owned(), json!(statistic));
            told.insert("Unit".to_owned(), json!(metric.unit));
            let dimension = |(name, value): (&str, &str)| json!({"value": value, "name": name});
            told.insert("Dimensions".to_owned(), metric.dimensions.iter().map(dimension).collect());
        }
        Watched::Queries(queries) => {
            told.insert("Metrics".to_owned(), queries.iter().map(query).collect());
        }
    }
    told.insert("Period".to_owned(), json!(alarm.period()));
    told.insert("EvaluationPeriods".to_owned(), json!(alarm.evaluation_periods));
    told.insert("DatapointsToAlarm".to_owned(), json!(alarm.datapoints_to_alarm()));
    told.insert("ComparisonOperator".to_owned(), json!(alarm.comparison.as_str()));
    if let Some(threshold) = alarm.threshold {
        told.insert("Threshold".to_owned(), json!(threshold));
    }
    if let Some(id) = &alarm.threshold_metric_id {
        told.insert("ThresholdMetricId".to_owned(), json!(id));
    }
    told.insert("TreatMissingData".to_owned(), json!(alarm.missing_data().as_str()));
    let low = alarm.low_samples.map(|low| low.as_str()).unwrap_or_default();
    told.insert("EvaluateLowSampleCountPercentile".to_owned(), json!(low));
    Value::Object(told)
}

/// As SNS messages write plain statistics.
fn plain(statistic: &str) -> &str {
    match statistic {
        "SampleCount" => "SAMPLE_COUNT",
        "Average" => "AVERAGE",
        "Sum" => "SUM",
        "Minimum" => "MINIMUM",
        "Maximum" => "MAXIMUM",
        other => other,
    }
}

fn query(query: &WatchedQuery) -> Value {
    let mut told = json!({"Id": query.id, "ReturnData": query.is_returned.unwrap_or(true)});
    if let Some(metric) = &query.metric {
        told["MetricStat"] = json!({"Metric": id(metric), "Period": metric.period, "Stat": metric.statistic});
    }
    if let Some(expression) = &query.expression {
        told["Expression"] = json!(expression);
    }
    if let Some(label) = &query.label {
        told["Label"] = json!(label);
    }
    told
}

fn id(metric: &WatchedMetric) -> Value {
    let dimension = |(name, value): (&str, &str)| json!({"value": value, "name": name});
    let dimensions: Vec<Value> = metric.dimensions.iter().map(dimension).collect();
    json!({"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions})
}

/// An alarm as its history has it.
pub(super) fn configuration(alarm: &Alarm, place: &Place) -> Value {
    let mut told = json!({
        "alarmName": alarm.name,
        "alarmArn": place.arn(&alarm.name),
        "alarmDescription": alarm.description,
        "actionsEnabled": alarm.actions_enabled,
        "okActions": alarm.ok_actions,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_data_actions,
        "stateValue": alarm.status.state.as_str(),
        "alarmConfigurationUpdatedTimestamp": stamp(alarm.configured_us),
        "stateUpdatedTimestamp": stamp(alarm.status.updated_us),
    });
    match &alarm.watches {
        Watches::Composite(composite) => {
            told["alarmRule"] = json!(composite.rule);
            if let Some(suppressor) = &composite.suppressor {
                told["actionsSuppressor"] = json!(suppressor.alarm);
                told["actionsSuppressorWaitPeriod"] = json!(suppressor.wait_secs);
                told["actionsSuppressorExtensionPeriod"] = json!(suppressor.extension_secs);
            }
        }
        Watches::Metric(alarm) => {
            match &alarm.watched {
                Watched::Metric { metric, is_plain } => {
                    told["namespace"] = json!(metric.namespace);
                    told["metricName"] = json!(metric.name);
                    told[if *is_plain { "statistic" } else { "extendedStatistic" }] = json!(metric.statistic);
                    told["period"] = json!(metric.period);
                    let dimension = |(name, value): (&str, &str)| json!({"name": name, "value": value});
                    told["dimensions"] = metric.dimensions.iter().map(dimension).collect();
                }
                Watched::Queries(queries) => told["metrics"] = queries.iter().map(query).collect(),
            }
            told["evaluationPeriods"] = json!(alarm.evaluation_periods);
            told["comparisonOperator"] = json!(alarm.comparison.as_str());
            if let Some(threshold) = alarm.threshold {
                told["threshold"] = json!(threshold);
            }
            if let Some(id) = &alarm.threshold_metric_id {
                told["thresholdMetricId"] = json!(id);
            }
            if let Some(count) = alarm.datapoints_to_alarm {
                told["datapointsToAlarm"] = json!(count);
            }
            if let Some(missing) = alarm.treat_missing_data {
                told["treatMissingData"] = json!(missing.as_str());
            }
        }
    }
    told
}

/// `Saturday 28 November, 2026 18:05:00 UTC`.
pub(super) fn day_time(us: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(us).map(|time| time.format("%A %d %B, %Y %H:%M:%S UTC").to_string()).unwrap_or_default()
}
