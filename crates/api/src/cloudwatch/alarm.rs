//! Alarms: making, reading and changing them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use control::alarm::{AlarmConfiguration, HistoryFilter};
use control::tag::Taggable;
use model::CompactString;
use model::alarm::{
    Alarm, AlarmHistoryItem, AlarmState, Comparison, CompositeAlarm, HistoryItemType, LowSamples, MetricAlarm, MissingData,
    Suppressor, WarmUp, Watched, WatchedMetric, WatchedQuery, Watches, Window,
};
use model::metric::{MetricId, Statistic, UNITS};
use query::metric::{MetricStat, What};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::dashboard::Nothing;
use super::metric::{Dimension, MetricDataQuery, dimensions, namespace, owner_of, queries};
use super::tag::{Tag, map_of};
use super::{combination, invalid_value, missing, refuse, validation};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

/// Alarms, or entries of a history, on a page.
const PAGE: usize = 50;
const PAGE_MAX: usize = 100;
const PLAIN: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

/// What all kinds of alarms have.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Common {
    alarm_name: Option<String>,
    alarm_description: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    actions_enabled: Option<bool>,
    #[serde(rename = "OKActions")]
    ok_actions: Option<Vec<String>>,
    alarm_actions: Option<Vec<String>>,
    insufficient_data_actions: Option<Vec<String>>,
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutMetricAlarm {
    #[serde(flatten)]
    common: Common,
    metric_name: Option<CompactString>,
    namespace: Option<CompactString>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    period: Option<i64>,
    unit: Option<String>,
    evaluation_periods: Option<i64>,
    datapoints_to_alarm: Option<i64>,
    threshold: Option<f64>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    evaluate_low_sample_count_percentile: Option<String>,
    metrics: Option<Vec<MetricDataQuery>>,
    threshold_metric_id: Option<String>,
    evaluation_window: Option<EvaluationWindow>,
    warm_up_configuration: Option<WarmUpConfiguration>,
    evaluation_criteria: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EvaluationWindow {
    wall_clock_window: Option<WallClockWindow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WallClockWindow {
    timezone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WarmUpConfiguration {
    warm_up_period_duration_in_minutes: i64,
    only_start_evaluating_after_warm_up_period_ends: Option<bool>,
}

/// Forms write `true`, and what is flattened is read as it is written.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Is(bool),
        Written(String),
    }
    match Option::<Flag>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Flag::Is(is)) => Ok(Some(is)),
        Some(Flag::Written(text)) => text.to_ascii_lowercase().parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// How CloudWatch names what is wrong with an alarm.
fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFound", message),
        control::Error::LimitExceeded(message) => refuse("LimitExceededFault", message),
        control::Error::Invalid(message) | control::Error::TooManyTags(message) => validation(message),
        control::Error::Query(err) => ApiError::from(err).instead("InvalidRequestException", "ValidationException"),
        err => err.into(),
    }
}

impl Common {
    fn configuration(self, watches: Watches) -> Result<(AlarmConfiguration, BTreeMap<String, String>), ApiError> {
        let tags = map_of(self.tags.unwrap_or_default())?;
        let configuration = AlarmConfiguration {
            name: self.alarm_name.ok_or_else(|| missing("AlarmName"))?,
            description: self.alarm_description,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            ok_actions: self.ok_actions.unwrap_or_default(),
            alarm_actions: self.alarm_actions.unwrap_or_default(),
            insufficient_data_actions: self.insufficient_data_actions.unwrap_or_default(),
            watches,
        };
        Ok((configuration, tags))
    }
}

impl PutMetricAlarm {
    /// What it says to watch, and the rest of it.
    fn read(self, app: &App) -> Result<(MetricAlarm, Common), ApiError> {
        if self.evaluation_criteria.is_some() {
            return Err(validation(
                "EvaluationCriteria: queries in PromQL are not supported by this server; Metrics can have one of Metrics Insights",
            ));
        }
        let watched = match (&self.metrics, &self.metric_name) {
            (Some(metrics), None) if !metrics.is_empty() => {
                let others = [
                    ("Namespace", self.namespace.is_some()),
                    ("Statistic", self.statistic.is_some()),
                    ("ExtendedStatistic", self.extended_statistic.is_some()),
                    ("Dimensions", self.dimensions.as_ref().is_some_and(|given| !given.is_empty())),
                    ("Period", self.period.is_some()),
                    ("Unit", self.unit.is_some()),
                ];
                if let Some((name, _)) = others.iter().find(|(_, given)| *given) {
                    return Err(validation(format!(
                        "The parameters Metrics and {name} are mutually exclusive and you have specified both."
                    )));
                }
                Watched::Queries(watched_queries(app, metrics)?)
            }
            (None, Some(_)) => self.watched_metric(app)?,
            (Some(metrics), Some(_)) if metrics.is_empty() => self.watched_metric(app)?,
            (Some(_), Some(_)) => {
                return Err(validation(
                    "The parameters MetricName and Metrics are mutually exclusive and you have specified both.",
                ));
            }
            _ => return Err(missing("MetricName")),
        };
        let count = |name: &str, given: Option<i64>| {
            let wrong = || validation(format!("The parameter {name} must be from 1 to 100000."));
            given.map(|given| u32::try_from(given).ok().filter(|count| (1..=100_000).contains(count)).ok_or_else(wrong)).transpose()
        };
        let comparison = self.comparison_operator.ok_or_else(|| missing("ComparisonOperator"))?;
        let low_samples = self.evaluate_low_sample_count_percentile.map(|given| {
            given.parse::<LowSamples>().map_err(|_| {
                let options = "Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore.";
                validation(format!("Option {given} is not supported. {options}"))
            })
        });
        let missing_data = self.treat_missing_data.map(|given| {
            given.parse::<MissingData>().map_err(|_| {
                let options = "Supported options for parameter TreatMissingData are breaching, notBreaching, ignore and missing.";
                validation(format!("Option {given} is not supported. {options}"))
            })
        });
        let window = self.evaluation_window.map(|window| match window.wall_clock_window {
            Some(WallClockWindow { timezone }) => Window::WallClock { time_zone: timezone },
            None => Window::Sliding,
        });
        let alarm = MetricAlarm {
            watched,
            comparison: comparison.parse::<Comparison>().map_err(|err| validation(format!("ComparisonOperator {err}")))?,
            threshold: self.threshold,
            threshold_metric_id: self.threshold_metric_id,
            evaluation_periods: count("EvaluationPeriods", self.evaluation_periods)?.ok_or_else(|| missing("EvaluationPeriods"))?,
            datapoints_to_alarm: count("DatapointsToAlarm", self.datapoints_to_alarm)?,
            treat_missing_data: missing_data.transpose()?,
            low_samples: low_samples.transpose()?,
            window,
            warm_up: self.warm_up_configuration.map(|given| WarmUp {
                minutes: given.warm_up_period_duration_in_minutes,
                evaluate_after: given.only_start_evaluating_after_warm_up_period_ends,
            }),
        };
        Ok((alarm, self.common))
    }

    fn watched_metric(&self, app: &App) -> Result<Watched, ApiError> {
        let (statistic, is_plain) = match (&self.statistic, &self.extended_statistic) {
            (Some(plain), None) if PLAIN.contains(&plain.as_str()) => (plain.clone(), true),
            (Some(other), None) => {
                return Err(invalid_value(format!("The value {other} for parameter Statistic is not supported.")));
            }
            (None, Some(extended)) => {
                let known: Statistic = extended.parse().map_err(|_| {
                    invalid_value(format!("The value {extended} for parameter ExtendedStatistic is not supported."))
                })?;
                if !known.needs_values() {
                    return Err(invalid_value(format!("The value {extended} for parameter ExtendedStatistic is not supported.")));
                }
                (extended.clone(), false)
            }
            (Some(_), Some(_)) => {
                return Err(combination(
                    "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.",
                ));
            }
            (None, None) => return Err(validation("Either Statistic or ExtendedStatistic must be specified.")),
        };
        if let Some(unit) = self.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
            return Err(invalid_value(format!(
                "The parameter Unit must be a value in the set [ {} ], not {unit}.",
                UNITS.join(", ")
            )));
        }
        let given = self.dimensions.clone();
        let metric = WatchedMetric {
            namespace: namespace(self.namespace.as_ref().map(ToString::to_string))?,
            name: self.metric_name.clone().unwrap_or_default(),
            dimensions: dimensions(given, "Dimensions")?,
            owner: owner_of(app, None),
            statistic,
            period: self.period.ok_or_else(|| missing("Period"))?,
            unit: self.unit.clone(),
        };
        Ok(Watched::Metric { metric, is_plain })
    }
}

/// They are checked as those of GetMetricData are, and kept as they were given.
fn watched_queries(app: &App, given: &[MetricDataQuery]) -> Result<Vec<WatchedQuery>, ApiError> {
    let checked = queries(app, Some(given))?;
    let kept = given.iter().zip(checked).map(|(given, checked)| {
        let metric = match checked.what {
            What::Stat(MetricStat { id: MetricId { namespace, name, dimensions, owner }, period, unit, .. }) => {
                let statistic = given.statistic().unwrap_or_default().to_owned();
                Some(WatchedMetric { namespace, name, dimensions, owner, statistic, period, unit })
            }
            What::Expression(_) => None,
        };
        WatchedQuery {
            id: checked.id,
            metric,
            expression: given.expression.clone(),
            label: given.label.clone(),
            is_returned: given.return_data,
            period: given.period,
            account_id: given.account_id.clone(),
        }
    });
    Ok(kept.collect())
}

async fn put(app: &App, (configuration, tags): (AlarmConfiguration, BTreeMap<String, String>)) -> Result<Nothing, ApiError> {
    control::tag::check(&tags, &app.quotas).map_err(of)?;
    let name = configuration.name.clone();
    let is_new = app.alarms.put(configuration).await.map_err(of)?;
    // Of an alarm that there was, they are left as they are (AWS).
    if is_new && !tags.is_empty() {
        app.tags.add(&Taggable::Alarm(name), tags).await.map_err(of)?;
    }
    Ok(Nothing {})
}

pub(super) async fn put_metric_alarm(app: &App, input: PutMetricAlarm) -> Result<Nothing, ApiError> {
    let (alarm, common) = input.read(app)?;
    put(app, common.configuration(Watches::Metric(alarm))?).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutCompositeAlarm {
    #[serde(flatten)]
    common: Common,
    alarm_rule: Option<String>,
    actions_suppressor: Option<String>,
    actions_suppressor_wait_period: Option<i64>,
    actions_suppressor_extension_period: Option<i64>,
}

pub(super) async fn put_composite_alarm(app: &App, input: PutCompositeAlarm) -> Result<Nothing, ApiError> {
    let rule = input.alarm_rule.ok_or_else(|| missing("AlarmRule"))?;
    let periods = (input.actions_suppressor_wait_period, input.actions_suppressor_extension_period);
    let suppressor = match (input.actions_suppressor, periods) {
        (Some(alarm), (Some(wait_secs), Some(extension_secs))) if wait_secs >= 0 && extension_secs >= 0 => {
            Some(Suppressor { alarm, wait_secs, extension_secs })
        }
        (Some(_), _) => {
            let message = "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be given with ActionsSuppressor, in seconds from 0 on";
            return Err(validation(message));
        }
        (None, (None, None)) => None,
        (None, _) => {
            return Err(validation("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor"));
        }
    };
    put(app, input.common.configuration(Watches::Composite(CompositeAlarm { rule, suppressor }))?).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AlarmNames {
    alarm_names: Option<Vec<String>>,
}

impl AlarmNames {
    fn names(self) -> Result<Vec<String>, ApiError> {
        let names = self.alarm_names.ok_or_else(|| missing("AlarmNames"))?;
        if names.len() > 100 {
            return Err(validation("The collection AlarmNames must not have a size greater than 100."));
        }
        Ok(names)
    }
}

pub(super) async fn delete_alarms(app: &App, input: AlarmNames) -> Result<Nothing, ApiError> {
    app.alarms.delete(&input.names()?).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn enable_alarm_actions(app: &App, input: AlarmNames) -> Result<Nothing, ApiError> {
    app.alarms.enable_actions(&input.names()?, true).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn disable_alarm_actions(app: &App, input: AlarmNames) -> Result<Nothing, ApiError> {
    app.alarms.enable_actions(&input.names()?, false).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAlarmState {
    alarm_name: Option<String>,
    state_value: Option<String>,
    state_reason: Option<String>,
    state_reason_data: Option<String>,
}

pub(super) async fn set_alarm_state(app: &App, input: SetAlarmState) -> Result<Nothing, ApiError> {
    let name = input.alarm_name.ok_or_else(|| missing("AlarmName"))?;
    let state = state(input.state_value.as_deref())?.ok_or_else(|| missing("StateValue"))?;
    let reason = input.state_reason.ok_or_else(|| missing("StateReason"))?;
    if reason.chars().count() > 1_023 {
        return Err(validation("StateReason must have at most 1023 characters."));
    }
    if let Some(data) = &input.state_reason_data {
        if data.chars().count() > 4_000 {
            return Err(validation("StateReasonData must have at most 4000 characters."));
        }
        if serde_json::from_str::<Value>(data).is_err() {
            return Err(refuse("InvalidFormatFault", "StateReasonData must be JSON"));
        }
    }
    app.alarms.set_state(&name, state, reason, input.state_reason_data).await.map_err(of)?;
    Ok(Nothing {})
}

fn state(given: Option<&str>) -> Result<Option<AlarmState>, ApiError> {
    given.map(|given| given.parse().map_err(|err| validation(format!("StateValue {err}")))).transpose()
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarms {
    alarm_names: Option<Vec<String>>,
    alarm_name_prefix: Option<String>,
    alarm_types: Option<Vec<String>>,
    children_of_alarm_name: Option<String>,
    parents_of_alarm_name: Option<String>,
    state_value: Option<String>,
    action_prefix: Option<String>,
    #[serde(skip_serializing)]
    max_records: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsOutput {
    metric_alarms: Vec<Value>,
    composite_alarms: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

fn page_size(given: Option<i64>) -> Result<usize, ApiError> {
    match given {
        None => Ok(PAGE),
        Some(wanted) if (1..=PAGE_MAX as i64).contains(&wanted) => Ok(wanted as usize),
        Some(wanted) => Err(validation(format!("MaxRecords {wanted} must be from 1 to {PAGE_MAX}"))),
    }
}

/// As CloudWatch calls a token that is none.
fn token(err: ApiError) -> ApiError {
    err.instead("InvalidRequestException", "InvalidNextToken")
}

fn check_types(types: Option<&[String]>) -> Result<(), ApiError> {
    const TYPES: [&str; 3] = ["CompositeAlarm", "MetricAlarm", "LogAlarm"];
    match types.into_iter().flatten().find(|given| !TYPES.contains(&given.as_str())) {
        Some(other) => Err(validation(format!("AlarmTypes {other:?} is none of {}", TYPES.join(", ")))),
        None => Ok(()),
    }
}

pub(super) async fn describe_alarms(app: &App, input: DescribeAlarms) -> Result<DescribeAlarmsOutput, ApiError> {
    let most = page_size(input.max_records)?;
    let wanted_state = state(input.state_value.as_deref())?;
    check_types(input.alarm_types.as_deref())?;
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(combination(
            "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.",
        ));
    }
    if input.alarm_names.as_ref().is_some_and(|names| names.len() > 100) {
        return Err(validation("The collection AlarmNames must not have a size greater than 100."));
    }
    let relatives = input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some();
    let others =
        input.alarm_names.is_some() || input.alarm_name_prefix.is_some() || input.action_prefix.is_some() || wanted_state.is_some();
    if relatives && (others || (input.children_of_alarm_name.is_some() && input.parents_of_alarm_name.is_some())) {
        let message = "ChildrenOfAlarmName and ParentsOfAlarmName can stand beside AlarmTypes, MaxRecords and NextToken alone";
        return Err(combination(message));
    }
    let child_names = match &input.children_of_alarm_name {
        Some(parent) => match &app.alarms.get(parent).await.map_err(of)?.watches {
            Watches::Composite(composite) => Some(app.alarms.children(&composite.rule)),
            Watches::Metric(_) => Some(Vec::new()),
        },
        None => None,
    };
    let has_prefix = |alarm: &Alarm, prefix: &String| {
        let lists = [&alarm.ok_actions, &alarm.alarm_actions, &alarm.insufficient_data_actions];
        lists.into_iter().flatten().any(|action| action.starts_with(prefix))
    };
    // Relatives are of all types, and otherwise metric alarms where nothing else is asked for (AWS).
    let is_type = |alarm: &Alarm| match input.alarm_types.as_deref() {
        Some(types) if !types.is_empty() => types.iter().any(|kind| kind == alarm.kind()),
        _ => relatives || alarm.kind() == "MetricAlarm",
    };
    let is_meant = |alarm: &Arc<Alarm>| {
        is_type(alarm)
            && input.alarm_names.as_ref().is_none_or(|names| names.contains(&alarm.name))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix))
            && wanted_state.is_none_or(|state| alarm.status.state == state)
            && input.action_prefix.as_ref().is_none_or(|prefix| has_prefix(alarm, prefix))
            && child_names.as_ref().is_none_or(|children| children.contains(&alarm.name))
            && input.parents_of_alarm_name.as_ref().is_none_or(|child| app.alarms.is_child(alarm, child))
    };
    let meant = app.alarms.list().await.map_err(of)?.into_iter().filter(is_meant);
    let now_us = app.clock.now_us();
    let (found, next_token) =
        page::cut_by_name(meant, |alarm| &alarm.name, input.next_token.as_deref(), most, &input, now_us).map_err(token)?;
    let is_relative = |alarm: &Arc<Alarm>| match relatives {
        // Of relatives, the names and ARNs are told alone (AWS).
        true => {
            json!({"AlarmName": alarm.name, "AlarmArn": app.alarms.arn(&alarm.name), "StateValue": alarm.status.state.as_str()})
        }
        false => told(app, alarm),
    };
    let (metric, composite): (Vec<_>, Vec<_>) = found.iter().partition(|alarm| matches!(alarm.watches, Watches::Metric(_)));
    Ok(DescribeAlarmsOutput {
        metric_alarms: metric.into_iter().map(is_relative).collect(),
        composite_alarms: composite.into_iter().map(is_relative).collect(),
        next_token,
    })
}

/// An alarm with all that there is to it.
pub(crate) fn told(app: &App, alarm: &Alarm) -> Value {
    let status = &alarm.status;
    let mut told = json!({
        "AlarmName": alarm.name,
        "AlarmArn": app.alarms.arn(&alarm.name),
        "AlarmConfigurationUpdatedTimestamp": Moment(alarm.configured_us),
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "StateValue": status.state.as_str(),
        "StateReason": status.reason,
        "StateUpdatedTimestamp": Moment(status.updated_us),
        "StateTransitionedTimestamp": Moment(status.transitioned_us),
    });
    let Some(members) = told.as_object_mut() else { return told };
    let mut set = |name: &str, value: Option<Value>| members.extend(value.map(|value| (name.to_owned(), value)));
    set("AlarmDescription", alarm.description.as_ref().map(|text| json!(text)));
    set("StateReasonData", status.reason_data.as_ref().map(|text| json!(text)));
    match &alarm.watches {
        Watches::Composite(composite) => {
            set("AlarmRule", Some(json!(composite.rule)));
            if let Some(suppressor) = &composite.suppressor {
                set("ActionsSuppressor", Some(json!(suppressor.alarm)));
                set("ActionsSuppressorWaitPeriod", Some(json!(suppressor.wait_secs)));
                set("ActionsSuppressorExtensionPeriod", Some(json!(suppressor.extension_secs)));
            }
            if let Some(suppression) = &status.suppression {
                set("ActionsSuppressedBy", Some(json!(suppression.by.as_str())));
                let until = suppression.until_us.map(|until| format!(" until {}", crate::time::written(until))).unwrap_or_default();
                set("ActionsSuppressedReason", Some(json!(format!("Actions suppressed by {}{until}", suppression.by))));
            }
        }
        Watches::Metric(alarm) => {
            match &alarm.watched {
                Watched::Metric { metric, is_plain } => {
                    set("MetricName", Some(json!(metric.name)));
                    set("Namespace", Some(json!(metric.namespace)));
                    set(if *is_plain { "Statistic" } else { "ExtendedStatistic" }, Some(json!(metric.statistic)));
                    set("Dimensions", Some(told_dimensions(metric)));
                    set("Period", Some(json!(metric.period)));
                    set("Unit", metric.unit.as_ref().map(|unit| json!(unit)));
                    set("Metrics", Some(json!([])));
                }
                Watched::Queries(queries) => {
                    set("Dimensions", Some(json!([])));
                    set("Metrics", Some(queries.iter().map(told_query).collect()));
                }
            }
            set("EvaluationPeriods", Some(json!(alarm.evaluation_periods)));
            set("DatapointsToAlarm", alarm.datapoints_to_alarm.map(|count| json!(count)));
            set("Threshold", alarm.threshold.map(|threshold| json!(threshold)));
            set("ThresholdMetricId", alarm.threshold_metric_id.as_ref().map(|id| json!(id)));
            set("ComparisonOperator", Some(json!(alarm.comparison.as_str())));
            set("TreatMissingData", alarm.treat_missing_data.map(|missing| json!(missing.as_str())));
            set("EvaluateLowSampleCountPercentile", alarm.low_samples.map(|low| json!(low.as_str())));
            set("EvaluationState", status.evaluation.map(|state| json!(state.as_str())));
            set(
                "EvaluationWindow",
                alarm.window.as_ref().map(|window| match window {
                    Window::Sliding => json!({"SlidingWindow": {}}),
                    Window::WallClock { time_zone: None } => json!({"WallClockWindow": {}}),
                    Window::WallClock { time_zone: Some(zone) } => json!({"WallClockWindow": {"Timezone": zone}}),
                }),
            );
            set(
                "WarmUpConfiguration",
                alarm.warm_up.map(|warm_up| {
                    let mut told = json!({"WarmUpPeriodDurationInMinutes": warm_up.minutes});
                    if let Some(after) = warm_up.evaluate_after {
                        told["OnlyStartEvaluatingAfterWarmUpPeriodEnds"] = json!(after);
                    }
                    told
                }),
            );
        }
    }
    // Not AWS's: whether a mute rule keeps its actions back.
    set("ActionsMuted", status.muted.map(|_| json!(true)));
    told
}

fn told_dimensions(metric: &WatchedMetric) -> Value {
    metric.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

fn told_query(query: &WatchedQuery) -> Value {
    let mut told = Map::from_iter([("Id".to_owned(), json!(query.id))]);
    if let Some(metric) = &query.metric {
        let id = json!({"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": told_dimensions(metric)});
        let mut stat = json!({"Metric": id, "Period": metric.period, "Stat": metric.statistic});
        if let Some(unit) = &metric.unit {
            stat["Unit"] = json!(unit);
        }
        told.insert("MetricStat".to_owned(), stat);
    }
    let mut set = |name: &str, value: Option<Value>| told.extend(value.map(|value| (name.to_owned(), value)));
    set("Expression", query.expression.as_ref().map(|text| json!(text)));
    set("Label", query.label.as_ref().map(|text| json!(text)));
    set("ReturnData", query.is_returned.map(|is_returned| json!(is_returned)));
    set("Period", query.period.map(|period| json!(period)));
    set("AccountId", query.account_id.as_ref().map(|id| json!(id)));
    Value::Object(told)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsForMetric {
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    period: Option<i64>,
    unit: Option<String>,
}

pub(super) async fn describe_alarms_for_metric(app: &App, input: DescribeAlarmsForMetric) -> Result<Value, ApiError> {
    let name = input.metric_name.ok_or_else(|| missing("MetricName"))?;
    let namespace = input.namespace.ok_or_else(|| missing("Namespace"))?;
    let wanted = dimensions(input.dimensions, "Dimensions")?;
    let statistic = input.statistic.or(input.extended_statistic);
    let is_of = |metric: &WatchedMetric| {
        metric.name == name
            && metric.namespace == namespace
            && metric.dimensions == wanted
            && statistic.as_ref().is_none_or(|wanted| metric.statistic == *wanted)
            && input.period.is_none_or(|period| metric.period == period)
            && input.unit.as_ref().is_none_or(|unit| metric.unit.as_ref() == Some(unit))
    };
    let is_meant = |alarm: &&Arc<Alarm>| match &alarm.watches {
        Watches::Metric(MetricAlarm { watched: Watched::Metric { metric, .. }, .. }) => is_of(metric),
        _ => false,
    };
    let all = app.alarms.list().await.map_err(of)?;
    let found: Vec<Value> = all.iter().filter(is_meant).map(|alarm| told(app, alarm)).collect();
    Ok(json!({"MetricAlarms": found}))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmContributors {
    alarm_name: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

/// Those in ALARM (AWS).
pub(super) async fn describe_alarm_contributors(app: &App, input: DescribeAlarmContributors) -> Result<Value, ApiError> {
    let name = input.alarm_name.clone().ok_or_else(|| missing("AlarmName"))?;
    let alarm = app.alarms.get(&name).await.map_err(|err| of(err).instead("ResourceNotFound", "ResourceNotFoundException"))?;
    let all = alarm.status.contributors.iter().filter(|(_, contributor)| contributor.state == AlarmState::Alarm);
    let contributor = |(id, contributor): (&String, &model::alarm::Contributor)| {
        json!({
            "ContributorId": id,
            "ContributorAttributes": contributor.attributes,
            "StateReason": contributor.reason,
            "StateTransitionedTimestamp": Moment(contributor.transitioned_us),
            "StateValue": contributor.state.as_str(),
        })
    };
    let all: Vec<Value> = all.map(contributor).collect();
    let (found, next_token) = page::cut(all, input.next_token.as_deref(), PAGE_MAX, &input, app.clock.now_us()).map_err(token)?;
    let mut told = json!({"AlarmContributors": found});
    if let Some(token) = next_token {
        told["NextToken"] = json!(token);
    }
    Ok(told)
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmHistory {
    alarm_name: Option<String>,
    alarm_contributor_id: Option<String>,
    alarm_types: Option<Vec<String>>,
    history_item_type: Option<String>,
    start_date: Option<Moment>,
    end_date: Option<Moment>,
    scan_by: Option<String>,
    #[serde(skip_serializing)]
    max_records: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

pub(super) async fn describe_alarm_history(app: &App, input: DescribeAlarmHistory) -> Result<Value, ApiError> {
    let most = match input.max_records {
        None => PAGE_MAX,
        given => page_size(given)?,
    };
    check_types(input.alarm_types.as_deref())?;
    let item = input
        .history_item_type
        .as_deref()
        .map(|given| given.parse::<HistoryItemType>().map_err(|err| validation(format!("HistoryItemType {err}"))));
    let oldest_first = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => return Err(validation(format!("ScanBy {other:?} is neither TimestampDescending nor TimestampAscending"))),
    };
    let now_us = app.clock.now_us();
    let after: Option<String> = page::begin(input.next_token.as_deref(), &input, now_us).map_err(token)?;
    let filter = HistoryFilter {
        alarm: input.alarm_name.clone(),
        contributor: input.alarm_contributor_id.clone(),
        // Composite alarms are told where they are asked for, or one is named.
        kinds: match (&input.alarm_types, &input.alarm_name) {
            (Some(types), _) => Some(types.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(vec!["MetricAlarm".to_owned()]),
        },
        item: item.transpose()?,
        start_us: input.start_date.map(|moment| moment.0),
        end_us: input.end_date.map(|moment| moment.0),
        oldest_first,
        after,
    };
    let mut found = app.alarms.history(&filter, most + 1).await.map_err(of)?;
    let has_more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| has_more).map(|last| page::token(&input, &Some(&last.id), now_us)).transpose()?;
    let mut told = json!({"AlarmHistoryItems": found.iter().map(told_item).collect::<Vec<_>>()});
    if let Some(token) = next {
        told["NextToken"] = json!(token);
    }
    Ok(told)
}

fn told_item(item: &AlarmHistoryItem) -> Value {
    let mut told = json!({
        "AlarmName": item.alarm,
        "AlarmType": item.alarm_kind,
        "Timestamp": Moment(item.time_us),
        "HistoryItemType": item.item.as_str(),
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    });
    if let Some((id, attributes)) = &item.contributor {
        told["AlarmContributorId"] = json!(id);
        told["AlarmContributorAttributes"] = json!(attributes);
    }
    told
}

/// `POST /api/alarm-preview`: what an alarm would have done.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AlarmPreview {
    alarm: PutMetricAlarm,
    start_time: Moment,
    end_time: Moment,
}

pub(crate) async fn preview(app: &App, input: AlarmPreview) -> Result<Value, ApiError> {
    if input.start_time.0 >= input.end_time.0 {
        return Err(validation("StartTime must be before EndTime"));
    }
    let (alarm, _) = input.alarm.read(app)?;
    let threshold = alarm.threshold;
    let preview = app.alarms.preview(alarm, input.start_time.0, input.end_time.0).await.map_err(of)?;
    let series = preview.series.into_iter().map(|(label, points)| {
        let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
        json!({"Label": label, "Times": times, "Values": values})
    });
    let band = preview.band.map(|points| {
        let times: Vec<i64> = points.iter().map(|(time, ..)| *time).collect();
        let lower: Vec<f64> = points.iter().map(|(_, lower, _)| *lower).collect();
        let upper: Vec<f64> = points.iter().map(|(_, _, upper)| *upper).collect();
        json!({"Times": times, "Lower": lower, "Upper": upper})
    });
    let state = |(time, state, reason): (i64, AlarmState, String)| json!({"StartTime": time, "StateValue": state.as_str(), "StateReason": reason});
    Ok(json!({
        "Period": preview.period,
        "Series": series.collect::<Vec<_>>(),
        "Band": band,
        "Threshold": threshold,
        "States": preview.states.into_iter().map(state).collect::<Vec<_>>(),
    }))
}
