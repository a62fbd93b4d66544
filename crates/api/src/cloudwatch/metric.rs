//! Metrics: taking them in, listing them, their statistics.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use model::metric::statistic::UnknownStatistic;
use model::metric::{Dimensions, Distribution, FUTURE_US, Metric, MetricId, NO_UNIT, PAST_US, STANDARD_PERIOD, Statistic, UNITS};
use model::owner::Owner;
use model::time::SECOND_US;
use model::{CompactString, limit};
use query::metric::{
    Asking, MetricFilter, MetricQuery, MetricQuestion, MetricResult, MetricStat, StatisticsPoint, TimeZone, What, check_period,
};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::dashboard::Nothing;
use super::{combination, invalid_value, missing, validation};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

const HOUR_US: i64 = 3_600 * SECOND_US;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutMetricData {
    namespace: Option<String>,
    metric_data: Option<Vec<Datum>>,
    entity_metric_data: Option<Vec<EntityMetricData>>,
}

/// Metrics of something that AWS calls an entity. Their values are kept; the entity is not.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityMetricData {
    metric_data: Option<Vec<Datum>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: Option<CompactString>,
    dimensions: Option<Vec<Dimension>>,
    timestamp: Option<Moment>,
    value: Option<Real>,
    statistic_values: Option<StatisticSet>,
    values: Option<Vec<Real>>,
    counts: Option<Vec<Real>>,
    unit: Option<CompactString>,
    storage_resolution: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: Option<Real>,
    sum: Option<Real>,
    minimum: Option<Real>,
    maximum: Option<Real>,
}

/// A number, also one that JSON has no word for: clients write these as texts.
#[derive(Debug, Clone, Copy)]
struct Real(f64);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Real;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Real, E> {
                Ok(Real(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Real, E> {
                Ok(Real(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Real, E> {
                Ok(Real(number as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Real, E> {
                text.parse().map(Real).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    name: Option<CompactString>,
    value: Option<CompactString>,
}

pub(super) async fn put_metric_data(app: &App, input: PutMetricData) -> Result<Nothing, ApiError> {
    let namespace = namespace(input.namespace)?;
    let of_entities = input.entity_metric_data.into_iter().flatten().filter_map(|entity| entity.metric_data);
    let lists: Vec<Vec<Datum>> = input.metric_data.into_iter().chain(of_entities).collect();
    let count: usize = lists.iter().map(Vec::len).sum();
    if count == 0 {
        return Err(missing("MetricData"));
    }
    if count > app.quotas.metrics_per_put {
        let most = app.quotas.metrics_per_put;
        return Err(invalid_value(format!("The collection MetricData must not have a size greater than {most}.")));
    }
    let now_us = app.clock.now_us();
    let mut metrics = Vec::with_capacity(count);
    for (place, datum) in lists.into_iter().flatten().enumerate() {
        metrics.push(metric(&namespace, datum, place + 1, now_us, app.quotas.lenient)?);
    }
    app.ingest.metrics(metrics).await?;
    Ok(Nothing {})
}

pub(super) fn namespace(namespace: Option<String>) -> Result<CompactString, ApiError> {
    let namespace = namespace.ok_or_else(|| missing("Namespace"))?;
    if namespace.is_empty() || namespace.len() > 255 || namespace.starts_with(':') {
        return Err(invalid_value("The parameter Namespace must have from 1 to 255 characters, and must not begin with a colon."));
    }
    Ok(namespace.into())
}

/// What a parameter is called, for those of which something is to be said.
struct Member {
    place: usize,
    name: &'static str,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetricData.member.{}.{}", self.place, self.name)
    }
}

/// What a datum says; `place` counts from 1.
fn metric(namespace: &CompactString, datum: Datum, place: usize, now_us: i64, is_lenient: bool) -> Result<Metric, ApiError> {
    let member = |name| Member { place, name };
    let name = datum.metric_name.ok_or_else(|| missing(&member("MetricName").to_string()))?;
    if name.is_empty() || name.len() > 255 {
        return Err(invalid_value(format!("The parameter {} must have from 1 to 255 characters.", member("MetricName"))));
    }
    let resolution = match datum.storage_resolution {
        None | Some(STANDARD_PERIOD) => STANDARD_PERIOD,
        Some(1) => 1,
        Some(other) => {
            return Err(invalid_value(format!("The parameter {} must be 1 or 60, not {other}.", member("StorageResolution"))));
        }
    };
    let time_us = datum.timestamp.map_or(now_us, |moment| moment.0);
    if time_us > now_us + FUTURE_US {
        let parameter = member("Timestamp");
        return Err(invalid_value(format!("The parameter {parameter} must specify a time no more than two hours in the future.")));
    }
    if !is_lenient && time_us < now_us - PAST_US {
        return Err(invalid_value(format!("The parameter {} must specify a time within the past two weeks.", member("Timestamp"))));
    }
    let unit = match datum.unit {
        None => None,
        Some(unit) if unit == NO_UNIT => None,
        Some(unit) if UNITS.contains(&unit.as_str()) => Some(unit),
        Some(unit) => {
            return Err(invalid_value(format!(
                "The parameter {} must be a value in the set [ {} ], not {unit}.",
                member("Unit"),
                UNITS.join(", ")
            )));
        }
    };
    let plain = Metric {
        time_us: time_us - time_us.rem_euclid(resolution * SECOND_US),
        owner: None,
        namespace: namespace.clone(),
        name,
        dimensions: dimensions(datum.dimensions, member("Dimensions"))?,
        unit,
        period: resolution,
        samples: 0.0,
        sum: 0.0,
        minimum: f64::INFINITY,
        maximum: f64::NEG_INFINITY,
        distribution: None,
    };
    let given = [datum.value.is_some(), datum.values.is_some(), datum.statistic_values.is_some()];
    match given.iter().filter(|given| **given).count() {
        1 => {}
        0 => {
            let message = "At least one of the parameters Value, Values and StatisticValues must be specified.";
            return Err(combination(format!("{message} None is for {}.", member("MetricName"))));
        }
        _ => {
            let names: Vec<String> = ["Value", "Values", "StatisticValues"]
                .iter()
                .zip(given)
                .filter(|(_, given)| *given)
                .map(|(name, _)| member(name).to_string())
                .collect();
            let [first, second, ..] = &names[..] else { return Err(combination("Too many parameters are specified.")) };
            let message = format!("The parameters {first} and {second} are mutually exclusive and you have specified both.");
            // AWS tells the two apart.
            return Err(if datum.statistic_values.is_some() { combination(message) } else { invalid_value(message) });
        }
    }
    if let Some(Real(value)) = datum.value {
        let value = usable(value, member("Value"))?;
        return Ok(Metric { samples: 1.0, sum: value, minimum: value, maximum: value, ..plain });
    }
    if let Some(set) = datum.statistic_values {
        return of_set(plain, &set, &member("StatisticValues").to_string());
    }
    let (values, counts) = (member("Values").to_string(), member("Counts").to_string());
    of_values(plain, &datum.values.unwrap_or_default(), datum.counts, &values, &counts)
}

/// A number that is one, and no greater than CloudWatch takes.
fn usable(value: f64, member: impl fmt::Display) -> Result<f64, ApiError> {
    if value.is_finite() && value.abs() <= 2f64.powi(360) {
        return Ok(value);
    }
    Err(invalid_value(format!("The value {value} for parameter {member} is invalid.")))
}

fn of_set(plain: Metric, set: &StatisticSet, member: &str) -> Result<Metric, ApiError> {
    let part = |name: &str, value: Option<Real>| {
        let member = format!("{member}.{name}");
        usable(value.ok_or_else(|| missing(&member))?.0, member)
    };
    let (samples, sum) = (part("SampleCount", set.sample_count)?, part("Sum", set.sum)?);
    let (minimum, maximum) = (part("Minimum", set.minimum)?, part("Maximum", set.maximum)?);
    if samples <= 0.0 {
        return Err(invalid_value(format!("The parameter {member}.SampleCount must be greater than 0.")));
    }
    if minimum > maximum {
        return Err(combination(format!("The parameter {member}.Maximum must be greater than or equal to {member}.Minimum.")));
    }
    // One value is what it is, whatever its sum is said to be.
    let sum = if samples == 1.0 && minimum == maximum { minimum } else { sum };
    Ok(Metric { samples, sum, minimum, maximum, ..plain })
}

fn of_values(plain: Metric, values: &[Real], counts: Option<Vec<Real>>, member: &str, of_counts: &str) -> Result<Metric, ApiError> {
    if values.is_empty() {
        return Err(invalid_value(format!("The parameter {member} must have at least one value.")));
    }
    if values.len() > limit::VALUES_PER_METRIC {
        return Err(invalid_value(format!(
            "The collection {member} must not have a size greater than {}.",
            limit::VALUES_PER_METRIC
        )));
    }
    if counts.as_ref().is_some_and(|counts| counts.len() != values.len()) {
        return Err(invalid_value(format!("The parameters {member} and {of_counts} must be of the same size.")));
    }
    let mut metric = plain;
    let mut distribution = Distribution::default();
    for (place, &value) in values.iter().enumerate() {
        let value = usable(value.0, format_args!("{member}.member.{}", place + 1))?;
        let count = counts.as_ref().map_or(1.0, |counts| counts[place].0);
        let count = usable(count, format_args!("{of_counts}.member.{}", place + 1))?;
        if count < 0.0 {
            return Err(invalid_value(format!("The parameter {of_counts} must not have negative values.")));
        }
        if count > 0.0 {
            metric.samples += count;
            metric.sum += value * count;
            metric.minimum = metric.minimum.min(value);
            metric.maximum = metric.maximum.max(value);
            distribution.push(value, count);
        }
    }
    if metric.samples == 0.0 {
        return Err(invalid_value(format!("The parameter {of_counts} must have a value greater than 0.")));
    }
    metric.distribution = (metric.minimum != metric.maximum).then_some(distribution);
    Ok(metric)
}

pub(super) fn dimensions(given: Option<Vec<Dimension>>, member: impl fmt::Display) -> Result<Dimensions, ApiError> {
    let given = given.unwrap_or_default();
    if given.len() > limit::DIMENSIONS_PER_METRIC {
        let most = limit::DIMENSIONS_PER_METRIC;
        return Err(invalid_value(format!("The collection {member} must not have a size greater than {most}.")));
    }
    let mut pairs = Vec::with_capacity(given.len());
    for (place, Dimension { name, value }) in given.into_iter().enumerate() {
        let part = |part: &str| format!("{member}.member.{}.{part}", place + 1);
        let name = name.ok_or_else(|| missing(&part("Name")))?;
        let value = value.ok_or_else(|| missing(&part("Value")))?;
        if name.is_empty() || name.len() > 255 || name.starts_with(':') {
            let message =
                format!("The parameter {} must have from 1 to 255 characters, and must not begin with a colon.", part("Name"));
            return Err(invalid_value(message));
        }
        if value.trim().is_empty() || value.len() > 1_024 {
            return Err(invalid_value(format!("The parameter {} must have from 1 to 1024 characters.", part("Value"))));
        }
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(invalid_value(format!("The parameter {member} must not have the name {name} twice.")));
        }
        pairs.push((name, value));
    }
    Ok(Dimensions::new(pairs))
}

/// Whose metrics are kept under no name but the account's: those of the account that asks, or of one that it names.
pub(super) fn owner_of(app: &App, account_id: Option<&str>) -> Option<Owner> {
    let account_id = account_id.unwrap_or(&app.identity.account_id);
    (account_id != app.links.own_account_id()).then(|| Owner::new(account_id, &app.identity.region))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMetrics {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    recently_active: Option<String>,
    #[serde(default)]
    include_linked_accounts: Option<bool>,
    owning_account: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMetricsOutput {
    metrics: Vec<ListedMetric>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owning_accounts: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedMetric {
    namespace: CompactString,
    metric_name: CompactString,
    dimensions: Vec<Dimension>,
}

pub(super) async fn list_metrics(app: &App, input: ListMetrics) -> Result<ListMetricsOutput, ApiError> {
    let now_us = app.clock.now_us();
    let from: usize = page::begin(input.next_token.as_deref(), &input, now_us)?;
    let is_recent = match input.recently_active.as_deref() {
        None => false,
        Some("PT3H") => true,
        Some(other) => return Err(invalid_value(format!("The parameter RecentlyActive must be PT3H, not {other}."))),
    };
    let filters = input.dimensions.iter().flatten();
    let filters = filters.map(|Dimension { name, value }| {
        let name = name.as_ref().ok_or_else(|| missing("Dimensions.member.1.Name"))?;
        Ok((name.to_string(), value.as_ref().map(ToString::to_string)))
    });
    let with_others = input.include_linked_accounts == Some(true);
    let owners = match (&input.owning_account, with_others) {
        (Some(account_id), _) => Some(vec![owner_of(app, Some(account_id))]),
        (None, true) => None,
        (None, false) => Some(vec![owner_of(app, None)]),
    };
    let filter = MetricFilter {
        namespace: input.namespace.clone(),
        name: input.metric_name.clone(),
        dimensions: filters.collect::<Result<_, ApiError>>()?,
        active_since_us: is_recent.then_some(now_us - 3 * HOUR_US),
        owners,
    };
    let known = app.ask(move |query| query.metrics(&filter)).await?;
    let page = known.iter().skip(from).take(app.quotas.metrics_per_page);
    let listed = page.clone().map(|known| ListedMetric {
        namespace: known.id.namespace.clone(),
        metric_name: known.id.name.clone(),
        dimensions: known
            .id
            .dimensions
            .iter()
            .map(|(name, value)| Dimension { name: Some(name.into()), value: Some(value.into()) })
            .collect(),
    });
    let own = app.links.own_account_id();
    let owning = page.map(|known| known.id.owner.as_ref().map_or(own, |owner| owner.account_id()).to_owned());
    let (metrics, owning_accounts): (Vec<ListedMetric>, Vec<String>) = listed.zip(owning).unzip();
    let end = from + metrics.len();
    let next_token = (end < known.len()).then(|| page::token(&input, &end, now_us)).transpose()?;
    Ok(ListMetricsOutput { metrics, next_token, owning_accounts: with_others.then_some(owning_accounts) })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricStatistics {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Option<Vec<Dimension>>,
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    period: Option<i64>,
    statistics: Option<Vec<String>>,
    extended_statistics: Option<Vec<String>>,
    unit: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricStatisticsOutput {
    label: String,
    datapoints: Vec<Datapoint>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    unit: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extended_statistics: BTreeMap<String, f64>,
}

pub(super) async fn get_metric_statistics(app: &App, input: GetMetricStatistics) -> Result<GetMetricStatisticsOutput, ApiError> {
    let namespace = namespace(input.namespace)?;
    let name = input.metric_name.ok_or_else(|| missing("MetricName"))?;
    let start = input.start_time.ok_or_else(|| missing("StartTime"))?;
    let end = input.end_time.ok_or_else(|| missing("EndTime"))?;
    let period = input.period.ok_or_else(|| missing("Period"))?;
    // They are told in seconds.
    if start.0.div_euclid(SECOND_US) >= end.0.div_euclid(SECOND_US) {
        return Err(invalid_value("The parameter StartTime must be less than the parameter EndTime."));
    }
    check_period(period).map_err(|err| invalid_value(err.to_string()))?;
    let (plain, extended) = (input.statistics.unwrap_or_default(), input.extended_statistics.unwrap_or_default());
    if plain.is_empty() && extended.is_empty() {
        return Err(combination("Must specify either Statistics or ExtendedStatistics"));
    }
    let points = (end.0 - start.0) / (period * SECOND_US);
    let most = app.quotas.statistics_datapoints;
    if points > most {
        return Err(combination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of {}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            thousands(points),
            thousands(most)
        )));
    }
    let known = |text: &String| text.parse::<Statistic>().map_err(|err: UnknownStatistic| invalid_value(err.to_string()));
    let mut statistics = plain.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if let Some(at) = statistics.iter().position(|statistic| statistic.needs_values()) {
        return Err(invalid_value(format!("{} is no statistic of Statistics; it belongs to ExtendedStatistics.", plain[at])));
    }
    statistics.extend(extended.iter().map(known).collect::<Result<Vec<_>, _>>()?);
    let id = MetricId {
        namespace,
        name: name.as_str().into(),
        dimensions: dimensions(input.dimensions, "Dimensions")?,
        owner: owner_of(app, None),
    };
    let (unit, asked) = (input.unit, statistics.clone());
    let found = app.ask(move |query| query.metric_statistics(&id, (start.0, end.0), period, &asked, unit.as_deref())).await?;
    let extended_names = &extended;
    let datapoint = |point: StatisticsPoint| {
        let mut told = Datapoint {
            timestamp: Some(Moment(point.time_us)),
            unit: point.unit.unwrap_or_else(|| NO_UNIT.to_owned()),
            ..Datapoint::default()
        };
        for (place, value) in point.values.into_iter().enumerate() {
            if let Some(extended) = place.checked_sub(plain.len()) {
                told.extended_statistics.extend(value.map(|value| (extended_names[extended].clone(), value)));
                continue;
            }
            match statistics[place] {
                Statistic::SampleCount => told.sample_count = value,
                Statistic::Average => told.average = value,
                Statistic::Sum => told.sum = value,
                Statistic::Minimum => told.minimum = value,
                Statistic::Maximum => told.maximum = value,
                _ => {}
            }
        }
        told
    };
    // Where too little is known of the values for what was asked there is no datapoint.
    let is_known = |point: &StatisticsPoint| point.values.iter().any(Option::is_some);
    Ok(GetMetricStatisticsOutput { label: name, datapoints: found.into_iter().filter(is_known).map(datapoint).collect() })
}

/// With commas, as in 1,440.
fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricData {
    metric_data_queries: Option<Vec<MetricDataQuery>>,
    start_time: Option<Moment>,
    end_time: Option<Moment>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<i64>,
    label_options: Option<LabelOptions>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LabelOptions {
    timezone: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricDataQuery {
    id: Option<String>,
    metric_stat: Option<QueriedStat>,
    pub(super) expression: Option<String>,
    pub(super) label: Option<String>,
    pub(super) return_data: Option<bool>,
    pub(super) period: Option<i64>,
    pub(super) account_id: Option<String>,
}

impl MetricDataQuery {
    /// As it was written.
    pub(super) fn statistic(&self) -> Option<&str> {
        self.metric_stat.as_ref()?.stat.as_deref()
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueriedStat {
    metric: Option<QueriedMetric>,
    period: Option<i64>,
    stat: Option<String>,
    unit: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct QueriedMetric {
    namespace: Option<String>,
    metric_name: Option<CompactString>,
    dimensions: Option<Vec<Dimension>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricDataOutput {
    metric_data_results: Vec<MetricDataResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    messages: Vec<MessageData>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDataResult {
    id: String,
    label: String,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    status_code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<MessageData>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MessageData {
    code: &'static str,
    value: String,
}

impl From<query::metric::Message> for MessageData {
    fn from(message: query::metric::Message) -> MessageData {
        MessageData { code: message.code, value: message.value }
    }
}

pub(super) async fn get_metric_data(app: &App, input: GetMetricData) -> Result<GetMetricDataOutput, ApiError> {
    let now_us = app.clock.now_us();
    let mut at: Place = page::begin(input.next_token.as_deref(), &input, now_us)?;
    let start = input.start_time.ok_or_else(|| validation("The parameter StartTime is required."))?;
    let end = input.end_time.ok_or_else(|| validation("The parameter EndTime is required."))?;
    if start.0.div_euclid(SECOND_US) == end.0.div_euclid(SECOND_US) {
        return Err(validation("The parameter StartTime must not equal parameter EndTime."));
    }
    if start.0 > end.0 {
        return Err(validation("The parameter EndTime must be greater than StartTime."));
    }
    let newest_first = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => true,
        Some("TimestampAscending") => false,
        Some(other) => return Err(validation(format!("ScanBy {other:?} is neither TimestampDescending nor TimestampAscending"))),
    };
    let most = app.quotas.metric_datapoints;
    let page_points = match input.max_datapoints {
        None => most,
        Some(wanted) if wanted >= 1 => usize::try_from(wanted).unwrap_or(most).min(most),
        Some(wanted) => return Err(validation(format!("MaxDatapoints {wanted} must be at least 1"))),
    };
    let zone = input.label_options.as_ref().and_then(|options| options.timezone.as_deref());
    let question = MetricQuestion {
        queries: queries(app, input.metric_data_queries.as_deref())?,
        start_us: start.0,
        end_us: end.0,
        phase: 0,
        newest_first,
        time_zone: zone.map_or(Ok(TimeZone::default()), time_zone)?,
        asking: Asking { server_account_id: app.links.own_account_id().to_owned(), region: app.identity.region.clone() },
        detectors: app.anomaly_detectors.list().await?.into(),
    };
    let question = Arc::new(question);
    let mut results = Vec::new();
    let mut messages = Vec::new();
    let mut left = page_points;
    while at.query < question.queries.len() && left > 0 {
        let wanted = at.query..at.query + enough(&question, at.query, left);
        let (asked, of) = (question.clone(), wanted.clone());
        let answer = app.ask(move |query| query.metric_data_of(&asked, of)).await;
        let answer = answer.map_err(|err| err.instead("InvalidRequestException", "ValidationException"))?;
        messages.extend(answer.messages.into_iter().map(MessageData::from));
        at.take(&question.queries, answer.results, wanted, &mut left, &mut results);
    }
    let is_over = at.query >= question.queries.len();
    let next_token = (!is_over).then(|| page::token(&input, &at, now_us)).transpose()?;
    Ok(GetMetricDataOutput { metric_data_results: results, next_token, messages })
}

/// Where a page begins: at which query, and how many of its datapoints were on pages before.
#[derive(Default, Deserialize, Serialize)]
struct Place {
    query: usize,
    skip: usize,
}

/// How many queries from one on are answered together for a page: those that may fill it. Expressions may need any other query, so all are
/// answered at once where there is one.
fn enough(question: &MetricQuestion, first: usize, points: usize) -> usize {
    let mut room = points as i64;
    let all = question.queries.len() - first;
    let periods = question.queries.iter().map(|one| match &one.what {
        What::Stat(stat) => Some((question.end_us - question.start_us) / (stat.period * SECOND_US) + 1),
        What::Expression(_) => None,
    });
    let Some(periods) = periods.collect::<Option<Vec<i64>>>() else { return all };
    let is_filled = |periods: &i64| {
        room -= periods;
        room < 0
    };
    periods[first..].iter().position(is_filled).map_or(all, |place| place + 1)
}

impl Place {
    /// Takes what a page has room for of the answers to some queries, and goes on to where the rest begins.
    fn take(
        &mut self,
        queries: &[MetricQuery],
        found: Vec<MetricResult>,
        wanted: Range<usize>,
        left: &mut usize,
        results: &mut Vec<MetricDataResult>,
    ) {
        let skipped = self.skip;
        *self = Place { query: wanted.end, skip: 0 };
        // Datapoints before this result, and before the first of its query, of which there may be several.
        let (mut before, mut before_query, mut query) = (0, 0, None::<String>);
        for result in found {
            let count = result.values.len();
            let skip = skipped.saturating_sub(before).min(count);
            if query.as_ref() != Some(&result.id) {
                (before_query, query) = (before, Some(result.id.clone()));
            }
            before += count;
            if skip == count && count > 0 {
                // All of it was on pages before.
                continue;
            }
            let take = (*left).min(count - skip);
            if take < count - skip {
                let place = queries[wanted.clone()].iter().position(|query| query.id == result.id);
                self.query = wanted.start + place.unwrap_or(0);
                self.skip = before - count + skip + take - before_query;
                if take == 0 {
                    break;
                }
            }
            *left -= take;
            results.push(MetricDataResult {
                id: result.id,
                label: result.label,
                timestamps: result.times[skip..skip + take].to_vec(),
                values: result.values[skip..skip + take].to_vec(),
                status_code: if skip + take == count { "Complete" } else { "PartialData" },
                messages: result.messages.into_iter().map(MessageData::from).collect(),
            });
            if self.query < wanted.end {
                break;
            }
        }
    }
}

pub(super) fn queries(app: &App, given: Option<&[MetricDataQuery]>) -> Result<Vec<MetricQuery>, ApiError> {
    let given =
        given.filter(|given| !given.is_empty()).ok_or_else(|| validation("The parameter MetricDataQueries is required."))?;
    if given.len() > app.quotas.metric_queries {
        let most = app.quotas.metric_queries;
        return Err(validation(format!("The collection MetricDataQueries must not have a size greater than {most}.")));
    }
    let mut queries: Vec<MetricQuery> = Vec::with_capacity(given.len());
    for one in given {
        let id = one.id.as_deref().unwrap_or_default();
        let mut characters = id.chars();
        let is_id = characters.next().is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|next| next.is_ascii_alphanumeric() || next == '_')
            && id.len() <= 255;
        if !is_id {
            return Err(validation(format!(
                "The value {id:?} for Id is invalid: it begins with a small letter and has letters, digits and underscores."
            )));
        }
        if queries.iter().any(|known| known.id == id) {
            return Err(validation(format!("The values for parameter Id in MetricDataQueries must be unique: {id} stands twice.")));
        }
        let what = match (&one.metric_stat, &one.expression) {
            (Some(stat), None) => What::Stat(queried(app, stat, one.account_id.as_deref(), id)?),
            (None, Some(expression)) if expression.chars().count() <= limit::EXPRESSION_CHARS => {
                What::Expression(expression.clone())
            }
            (None, Some(_)) => {
                return Err(validation(format!("The expression of {id} has more than {} characters.", limit::EXPRESSION_CHARS)));
            }
            (None, None) => {
                return Err(validation(format!(
                    "The parameter MetricDataQueries.member.{}.MetricStat is required.\n",
                    queries.len() + 1
                )));
            }
            (Some(_), Some(_)) => {
                return Err(validation(format!("The query {id} must have either MetricStat or Expression, and not both.")));
            }
        };
        if let Some(period) = one.period {
            check_period(period).map_err(|err| validation(err.to_string()))?;
        }
        queries.push(MetricQuery {
            id: id.to_owned(),
            what,
            label: one.label.clone(),
            is_returned: one.return_data.unwrap_or(true),
            period: one.period,
        });
    }
    Ok(queries)
}

fn queried(app: &App, stat: &QueriedStat, account_id: Option<&str>, id: &str) -> Result<MetricStat, ApiError> {
    let missing = |member: &str| validation(format!("The query {id} lacks MetricStat.{member}."));
    let metric = stat.metric.as_ref().ok_or_else(|| missing("Metric"))?;
    let period = stat.period.ok_or_else(|| missing("Period"))?;
    check_period(period).map_err(|err| validation(err.to_string()))?;
    let statistic = stat.stat.as_deref().ok_or_else(|| missing("Stat"))?;
    let copy = |dimension: &Dimension| Dimension { name: dimension.name.clone(), value: dimension.value.clone() };
    let given = metric.dimensions.as_ref().map(|given| given.iter().map(copy).collect());
    Ok(MetricStat {
        id: MetricId {
            namespace: metric.namespace.as_deref().ok_or_else(|| missing("Metric.Namespace"))?.into(),
            name: metric.metric_name.clone().ok_or_else(|| missing("Metric.MetricName"))?,
            dimensions: dimensions(given, "Dimensions")
                .map_err(|err| err.instead("InvalidParameterValueException", "ValidationException"))?,
            owner: owner_of(app, account_id),
        },
        statistic: statistic.parse().map_err(|err: UnknownStatistic| validation(err.to_string()))?,
        period,
        unit: stat.unit.clone(),
    })
}

/// `+0130`.
fn time_zone(text: &str) -> Result<TimeZone, ApiError> {
    let invalid = || validation(format!("The Timezone {text:?} is not written as +HHMM or -HHMM."));
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(invalid()),
    };
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let number = |range: std::ops::Range<usize>| digits[range].parse::<i64>().map_err(|_| invalid());
    Ok(TimeZone(sign * (number(0..2)? * 60 + number(2..4)?)))
}
