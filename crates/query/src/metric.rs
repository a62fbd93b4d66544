//! Metrics: which there are, their statistics, and expressions over them.

mod band;
mod evaluate;
mod insights;
mod label;
mod math;
mod search;
mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use model::anomaly_detector::AnomalyDetector;
use model::link::METRICS;
use model::metric::{Aggregate, Dimensions, MetricId, NO_UNIT, Statistic};
use model::owner::Owner;
use model::time::{DAY_US, SECOND_US};
use store::{KnownMetric, Reader};

use crate::{Error, Query, Result};
use series::{Plan, Points};

pub use label::TimeZone;

/// Metrics are known as long as they had values in this time (AWS).
const KNOWN_DAYS: i64 = 14;
/// Series that an expression may find (AWS).
pub const SERIES_MAX: usize = 500;
/// Periods of a series that are computed; more than one answer can have.
const PERIODS_MAX: i64 = 200_000;

/// Which metrics.
#[derive(Debug, Clone, Default)]
pub struct MetricFilter {
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// Dimensions that it has, some with their value.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Had values since then.
    pub active_since_us: Option<i64>,
    /// Of these accounts; of all that may be seen without it.
    pub owners: Option<Vec<Option<Owner>>>,
}

/// One query of several that are answered together and may name each other.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    pub id: String,
    pub what: What,
    pub label: Option<String>,
    /// Whether its result is wanted, or other queries alone need it.
    pub is_returned: bool,
    /// Of an expression.
    pub period: Option<i64>,
}

#[derive(Debug, Clone)]
pub enum What {
    Stat(MetricStat),
    Expression(String),
}

/// A statistic of a metric.
#[derive(Debug, Clone)]
pub struct MetricStat {
    pub id: MetricId,
    pub statistic: Statistic,
    pub period: i64,
    /// Of values of this unit alone.
    pub unit: Option<String>,
}

/// Queries, and for when.
#[derive(Debug, Clone)]
pub struct MetricQuestion {
    pub queries: Vec<MetricQuery>,
    pub start_us: i64,
    /// Not included.
    pub end_us: i64,
    /// A moment at which periods begin, in seconds: 0 is that of whole periods of the clock.
    pub phase: i64,
    pub newest_first: bool,
    pub time_zone: TimeZone,
    /// Whose metrics searches find when they do not say; and what their account and region are called in labels.
    pub asking: Asking,
    /// How what is usual of some metrics is learned.
    pub detectors: Arc<[AnomalyDetector]>,
}

/// Who asks: what its own metrics are known by.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The account of this server, whose metrics have no owner.
    pub server_account_id: String,
    pub region: String,
}

impl Asking {
    fn account_id<'a>(&'a self, owner: Option<&'a Owner>) -> &'a str {
        owner.map_or(&self.server_account_id, |owner| owner.account_id())
    }
}

/// The result of a query; of an expression there may be several.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricResult {
    pub id: String,
    pub label: String,
    /// When each value's period begins, in seconds.
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    pub messages: Vec<Message>,
}

/// Something that whoever asks should know of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub code: &'static str,
    pub value: String,
}

/// All results, in the order of the queries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricAnswer {
    pub results: Vec<MetricResult>,
    pub messages: Vec<Message>,
}

/// Statistics of one metric, and of one unit of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticsPoint {
    pub time_us: i64,
    pub unit: Option<String>,
    /// In the order in which they were asked for; none where too little is known.
    pub values: Vec<Option<f64>>,
}

impl Query {
    fn metric_reader(&self) -> Reader {
        self.store.reader().scoped((self.scope)(METRICS))
    }

    /// The metrics that match, in order.
    pub fn metrics(&self, filter: &MetricFilter) -> Result<Vec<KnownMetric>> {
        let now_us = self.clock.now_us();
        let since_us = filter.active_since_us.unwrap_or(now_us - KNOWN_DAYS * DAY_US);
        let mut known = self.metric_reader().metrics(since_us, i64::MAX)?;
        known.retain(|metric| filter.admits(&metric.id));
        Ok(known)
    }

    /// Statistics of a metric per period, each unit by itself. Periods are counted from the start.
    pub fn metric_statistics(
        &self,
        id: &MetricId,
        (start_us, end_us): (i64, i64),
        period: i64,
        statistics: &[Statistic],
        unit: Option<&str>,
    ) -> Result<Vec<StatisticsPoint>> {
        let start_us = rounded_start(start_us, period, self.clock.now_us());
        let period_us = period * SECOND_US;
        let with_values = statistics.iter().any(|statistic| statistic.needs_values());
        let mut points: BTreeMap<(i64, Option<String>), Aggregate> = BTreeMap::new();
        self.metric_reader().datapoints(&[Arc::new(id.clone())], start_us, end_us, &mut |_, point| {
            if !has_unit(point.unit(), unit) {
                return;
            }
            let time_us = start_us + (point.time_us - start_us).div_euclid(period_us) * period_us;
            let sums = points.entry((time_us, point.unit().map(str::to_owned))).or_insert_with(|| Aggregate::new(with_values));
            sums.add_sums(&point.sums, || point.distribution());
        })?;
        let point = |((time_us, unit), sums): ((i64, Option<String>), Aggregate)| StatisticsPoint {
            time_us,
            unit,
            values: statistics.iter().map(|statistic| statistic.of(&sums)).collect(),
        };
        Ok(points.into_iter().map(point).collect())
    }

    /// Whether there is enough of a metric to learn what is usual of it.
    pub fn training_state(&self, id: &MetricId) -> Result<TrainingState> {
        let now_us = self.clock.now_us();
        let (hour, since_us) = (3_600, now_us - band::TRAINING_DAYS * DAY_US);
        let hours = self.metric_statistics(id, (since_us, now_us), hour, &[Statistic::SampleCount], None)?;
        let has_days = hours.last().zip(hours.first()).is_some_and(|(last, first)| last.time_us - first.time_us >= 2 * DAY_US);
        Ok(match hours.len() {
            0 => TrainingState::PendingTraining,
            _ if has_days => TrainingState::Trained,
            _ => TrainingState::TrainedInsufficientData,
        })
    }

    /// Answers queries that may name each other.
    pub fn metric_data(&self, question: &MetricQuestion) -> Result<MetricAnswer> {
        self.metric_data_of(question, 0..question.queries.len())
    }

    /// The results of some of the queries, named as if all were answered. What only others need is not read.
    pub fn metric_data_of(&self, question: &MetricQuestion, wanted: Range<usize>) -> Result<MetricAnswer> {
        evaluate::answer(self, question, wanted)
    }

    /// The values of several series, for all of which the store is read once.
    fn metric_series(&self, plans: &[Plan], phase: i64, range_us: (i64, i64)) -> Result<Vec<Points>> {
        series::fetch(&self.metric_reader(), plans, phase, range_us)
    }
}

/// How much is known to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingState {
    PendingTraining,
    /// Too little to compare days.
    TrainedInsufficientData,
    Trained,
}

impl TrainingState {
    pub fn as_str(self) -> &'static str {
        match self {
            TrainingState::PendingTraining => "PENDING_TRAINING",
            TrainingState::TrainedInsufficientData => "TRAINED_INSUFFICIENT_DATA",
            TrainingState::Trained => "TRAINED",
        }
    }
}

/// Whether there is a time zone of this IANA name.
pub fn is_time_zone(name: &str) -> bool {
    name.parse::<chrono_tz::Tz>().is_ok()
}

impl MetricFilter {
    fn admits(&self, id: &MetricId) -> bool {
        let has = |(name, value): &(String, Option<String>)| match (id.dimensions.get(name), value) {
            (Some(found), Some(value)) => found == value,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        };
        self.namespace.as_deref().is_none_or(|namespace| id.namespace == namespace)
            && self.name.as_deref().is_none_or(|name| id.name == name)
            && self.dimensions.iter().all(has)
            && self.owners.as_ref().is_none_or(|owners| owners.contains(&id.owner))
    }
}

/// Whether values of this unit are wanted. Those of no unit have the one called `None`.
fn has_unit(unit: Option<&str>, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| unit.unwrap_or(NO_UNIT) == wanted)
}

/// Where a range begins: at a whole minute, and of older values at a whole five minutes or hour, as these are kept.
fn rounded_start(start_us: i64, period: i64, now_us: i64) -> i64 {
    let age_us = now_us - start_us;
    let step = match age_us {
        _ if age_us > 63 * DAY_US => 3_600,
        _ if age_us > 15 * DAY_US => 300,
        _ if period < 60 => period,
        _ => 60,
    };
    start_us - start_us.rem_euclid(step * SECOND_US)
}

/// Periods that CloudWatch knows, in seconds.
pub fn check_period(period: i64) -> Result<()> {
    if matches!(period, 1 | 5 | 10 | 20 | 30) || (period >= 60 && period % 60 == 0) {
        return Ok(());
    }
    Err(Error::Invalid(format!("The period {period} is neither 1, 5, 10, 20 or 30 seconds nor a multiple of 60")))
}

/// Whether an expression is written as it must be: metric math, or a query of Metrics Insights. What it names may still not exist.
pub fn check_expression(text: &str) -> Result<()> {
    if insights::is_query(text) { insights::parse(text).map(drop) } else { math::parse(text).map(drop) }
}

/// Whether it is a query of Metrics Insights, which may find several series.
pub fn is_insights_query(text: &str) -> bool {
    insights::is_query(text)
}

/// The names by which a query of Metrics Insights groups what it finds; none of another expression.
pub fn grouped_by(text: &str) -> Vec<String> {
    insights::parse(text).map(|select| select.groups().to_vec()).unwrap_or_default()
}

/// Whether the text of a search is written as it must be.
pub fn check_search(text: &str) -> Result<()> {
    search::parse(text).map(drop)
}

/// The dimensions' names.
fn names(dimensions: &Dimensions) -> BTreeSet<&str> {
    dimensions.iter().map(|(name, _)| name).collect()
}
