//! Reading what alarms watch.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use model::Kind;
use model::alarm::{MetricAlarm, Watched, WatchedMetric, WatchedQuery, Window};
use model::anomaly_detector::AnomalyDetector;
use model::metric::statistic::UnknownStatistic;
use model::metric::{MetricId, Statistic};
use model::time::SECOND_US;
use query::metric::{Asking, MetricQuery, MetricQuestion, MetricResult, MetricStat, What, grouped_by, is_insights_query};
use query::{Query, metric};

use super::evaluate::{Datapoint, EXTRA_PERIODS};

/// Data of a minute, or of ten seconds, is looked at this long after its end, as what measures it also takes its time.
const SETTLE: i64 = 5;
const SETTLE_FINE: i64 = 2;
const DAY: i64 = 86_400;

/// One series of what is watched, the oldest period first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) points: Vec<Option<Datapoint>>,
}

/// What is known of an alarm's series; several where it is of a query that groups.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub(super) series: Vec<Seen>,
    pub(super) is_grouped: bool,
}

/// Why what is watched is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookError {
    /// It cannot be computed, whatever data there is.
    Invalid(String),
    /// Something failed here.
    Failed(String),
}

impl From<query::Error> for LookError {
    fn from(err: query::Error) -> LookError {
        match err.kind() {
            Kind::Invalid | Kind::LimitExceeded => LookError::Invalid(err.to_string()),
            _ => LookError::Failed(err.to_string()),
        }
    }
}

/// When the newest periods end that are to be looked at, in seconds; `at_once` where data need not settle.
pub(super) fn window_end(alarm: &MetricAlarm, now_us: i64, at_once: bool) -> i64 {
    let now = now_us.div_euclid(SECOND_US);
    let period = alarm.period();
    if let Some(Window::WallClock { time_zone }) = &alarm.window {
        let zone: Tz = time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
        let offset = DateTime::<Utc>::from_timestamp(now, 0)
            .map_or(0, |time| i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc()));
        let settled = now - if at_once { 0 } else { SETTLE };
        return settled - (settled + offset).rem_euclid(period);
    }
    let (settle, step) = match period {
        period if period < 60 => (SETTLE_FINE, 10),
        period if period * i64::from(alarm.evaluation_periods) > DAY => (SETTLE, 3_600),
        _ => (SETTLE, 60),
    };
    let settled = now - if at_once { 0 } else { settle };
    settled - settled.rem_euclid(step)
}

/// Looks at several alarms at once, each with where its periods end.
pub(super) struct Looker<'q> {
    pub(super) query: &'q Query,
    pub(super) asking: Asking,
    pub(super) detectors: Arc<[AnomalyDetector]>,
}

impl Looker<'_> {
    /// In the order in which they came. Those of plain metrics are read together.
    pub(super) fn look(&self, alarms: &[(&MetricAlarm, i64)]) -> Vec<Result<Look, LookError>> {
        let mut found: Vec<Option<Result<Look, LookError>>> = alarms.iter().map(|_| None).collect();
        let mut together: HashMap<(i64, i64, u32), Vec<usize>> = HashMap::new();
        for (place, (alarm, end)) in alarms.iter().enumerate() {
            match &alarm.watched {
                Watched::Metric { metric, .. } => {
                    together.entry((metric.period, *end, alarm.evaluation_periods)).or_default().push(place);
                }
                Watched::Queries(queries) => found[place] = Some(self.of_queries(alarm, queries, periods(alarm, *end))),
            }
        }
        for ((period, end, n), places) in together {
            let times: Vec<i64> = times(period, n, end);
            let metrics = places.iter().map(|place| match &alarms[*place].0.watched {
                Watched::Metric { metric, .. } => Some(metric),
                Watched::Queries(_) => None,
            });
            match self.of_metrics(metrics.flatten(), &times, period) {
                Ok(looks) => places.into_iter().zip(looks).for_each(|(place, look)| found[place] = Some(Ok(look))),
                Err(err) => places.into_iter().for_each(|place| found[place] = Some(Err(err.clone()))),
            }
        }
        let missing = || Err(LookError::Failed("it was not looked at".to_owned()));
        found.into_iter().map(|look| look.unwrap_or_else(missing)).collect()
    }

    fn of_metrics<'m>(
        &self,
        metrics: impl Iterator<Item = &'m WatchedMetric>,
        times: &[i64],
        period: i64,
    ) -> Result<Vec<Look>, LookError> {
        let mut queries = Vec::new();
        for (count, metric) in metrics.enumerate() {
            let of = |id: String, statistic: Statistic| MetricQuery {
                id,
                what: What::Stat(stat(metric, statistic)),
                label: None,
                is_returned: true,
                period: None,
            };
            let statistic = metric.statistic.parse().map_err(unknown)?;
            queries.push(of(format!("m{count}"), statistic));
            queries.push(of(format!("s{count}"), Statistic::SampleCount));
        }
        let answer = self.query.metric_data(&self.question(queries, times, period))?;
        let looks = answer.results.chunks(2).map(|pair| {
            let samples = pair.get(1).map(by_time).unwrap_or_default();
            let values = pair.first().map(by_time).unwrap_or_default();
            let point = |time: &i64| {
                Some(Datapoint { time: *time, value: *values.get(time)?, band: None, samples: samples.get(time).copied() })
            };
            Look {
                series: vec![Seen { attributes: BTreeMap::new(), points: times.iter().map(point).collect() }],
                is_grouped: false,
            }
        });
        Ok(looks.collect())
    }

    fn of_queries(&self, alarm: &MetricAlarm, given: &[WatchedQuery], times: Vec<i64>) -> Result<Look, LookError> {
        let period = alarm.period();
        let mut queries = given.iter().map(metric_query).collect::<Result<Vec<_>, LookError>>()?;
        let band = alarm.threshold_metric_id.as_deref();
        for query in &mut queries {
            query.is_returned |= band == Some(query.id.as_str());
        }
        let watched = queries.iter().find(|query| query.is_returned && band != Some(query.id.as_str()));
        let watched = watched.ok_or_else(|| LookError::Invalid("none of the queries is returned".to_owned()))?;
        let (id, names) = match &watched.what {
            What::Expression(text) if is_insights_query(text) => (watched.id.clone(), Some(grouped_by(text))),
            _ => (watched.id.clone(), None),
        };
        let answer = self.query.metric_data(&self.question(queries, &times, period))?;
        let ends: Vec<HashMap<i64, f64>> =
            answer.results.iter().filter(|result| Some(result.id.as_str()) == band).map(by_time).collect();
        let is_grouped = names.as_ref().is_some_and(|names| !names.is_empty());
        let seen = |result: &MetricResult| {
            let values = by_time(result);
            let band_at = |time: &i64| Some((*ends.get(1)?.get(time)?, *ends.first()?.get(time)?));
            let point = |time: &i64| {
                let value = *values.get(time)?;
                // Where nothing is expected yet, nothing is unusual.
                let expected = band.map(|_| band_at(time).unwrap_or((f64::NEG_INFINITY, f64::INFINITY)));
                Some(Datapoint { time: *time, value, band: expected, samples: None })
            };
            Seen { attributes: attributes(names.as_deref(), &result.label), points: times.iter().map(point).collect() }
        };
        let mut series: Vec<Seen> = answer.results.iter().filter(|result| result.id == id).map(seen).collect();
        if !is_grouped && series.is_empty() {
            series.push(Seen { attributes: BTreeMap::new(), points: vec![None; times.len()] });
        }
        Ok(Look { is_grouped: is_grouped || series.len() > 1, series })
    }

    fn question(&self, queries: Vec<MetricQuery>, times: &[i64], period: i64) -> MetricQuestion {
        let (first, last) = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        MetricQuestion {
            queries,
            start_us: first * SECOND_US,
            end_us: (last + period) * SECOND_US,
            phase: first.rem_euclid(period),
            newest_first: false,
            time_zone: metric::TimeZone::default(),
            asking: self.asking.clone(),
            detectors: self.detectors.clone(),
        }
    }

    /// All series of an alarm over a range, for a look at what it would have done: those that are watched and the ends of what is expected.
    pub(super) fn past(&self, alarm: &MetricAlarm, start: i64, end: i64) -> Result<(Look, Vec<i64>), LookError> {
        let period = alarm.period();
        let start = start - start.rem_euclid(period);
        let times: Vec<i64> = (0..).map(|n| start + n * period).take_while(|time| time + period <= end).collect();
        let look = match &alarm.watched {
            Watched::Metric { metric, .. } => self.of_metrics([metric].into_iter(), &times, period)?.pop(),
            Watched::Queries(queries) => Some(self.of_queries(alarm, queries, times.clone())?),
        };
        Ok((look.unwrap_or(Look { series: Vec::new(), is_grouped: false }), times))
    }
}

/// When the periods begin that are looked at.
fn periods(alarm: &MetricAlarm, end: i64) -> Vec<i64> {
    times(alarm.period(), alarm.evaluation_periods, end)
}

fn times(period: i64, n: u32, end: i64) -> Vec<i64> {
    let count = i64::from(n + EXTRA_PERIODS);
    (0..count).map(|place| end - (count - place) * period).collect()
}

fn unknown(err: UnknownStatistic) -> LookError {
    LookError::Invalid(err.to_string())
}

fn by_time(result: &MetricResult) -> HashMap<i64, f64> {
    result.times.iter().copied().zip(result.values.iter().copied()).collect()
}

/// What tells a series from the others: its label is the values of what is grouped by.
fn attributes(names: Option<&[String]>, label: &str) -> BTreeMap<String, String> {
    match names {
        Some([name]) => BTreeMap::from([(name.clone(), label.to_owned())]),
        _ if label.is_empty() => BTreeMap::new(),
        _ => BTreeMap::from([("label".to_owned(), label.to_owned())]),
    }
}

fn stat(metric: &WatchedMetric, statistic: Statistic) -> MetricStat {
    MetricStat {
        id: MetricId {
            namespace: metric.namespace.clone(),
            name: metric.name.clone(),
            dimensions: metric.dimensions.clone(),
            owner: metric.owner.clone(),
        },
        statistic,
        period: metric.period,
        unit: metric.unit.clone(),
    }
}

fn metric_query(given: &WatchedQuery) -> Result<MetricQuery, LookError> {
    let what = match (&given.metric, &given.expression) {
        (Some(metric), _) => What::Stat(stat(metric, metric.statistic.parse().map_err(unknown)?)),
        (None, Some(expression)) => What::Expression(expression.clone()),
        (None, None) => return Err(LookError::Invalid(format!("the query {} has neither a metric nor an expression", given.id))),
    };
    Ok(MetricQuery {
        id: given.id.clone(),
        what,
        label: given.label.clone(),
        is_returned: given.is_returned.unwrap_or(true),
        period: given.period,
    })
}
