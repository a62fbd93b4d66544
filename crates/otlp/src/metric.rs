//! Metrics of OpenTelemetry as CloudWatch's: namespaces of services, attributes as dimensions, differences of what counts up.

use std::collections::HashMap;

use model::CompactString;
use model::metric::{Dimensions, Distribution, Metric, STANDARD_PERIOD, Sums};
use model::time::SECOND_US;

use crate::attribute::plain;
use crate::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::proto::common::v1::KeyValue;
use crate::proto::metrics::v1::metric::Data;
use crate::proto::metrics::v1::number_data_point::Value;
use crate::proto::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};
use crate::proto::resource::v1::Resource;

/// The namespace of metrics whose resource names no service.
const NAMESPACE: &str = "OpenTelemetry";
/// A count that began so shortly before its first datapoint began from nothing.
const NEW_NANOS: u64 = 120_000_000_000;
/// Series whose last state is remembered.
const SERIES_MAX: usize = 200_000;
/// What is not heard of for so long is forgotten first.
const OLD_NANOS: u64 = 3_600_000_000_000;
const VALUE_CHARS: usize = 1_024;
/// Buckets of one datapoint; SDKs make 160.
const BUCKETS_MAX: usize = 20_000;

/// A datapoint that cannot be kept, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metric {name}: {reason}")]
pub struct RefusedPoint {
    pub name: String,
    pub reason: String,
}

/// What counted up to where, so that differences can be told.
#[derive(Debug, Default)]
pub struct Counted(HashMap<u128, State>);

#[derive(Debug)]
struct State {
    start: u64,
    time: u64,
    sum: f64,
    /// Of a histogram, its buckets and how many values there were.
    buckets: Box<[f64]>,
}

/// What a datapoint adds.
struct Added {
    samples: f64,
    sum: f64,
    buckets: Vec<f64>,
}

impl Counted {
    /// What a count adds to what was told of it before. None where nothing is known to compare it with.
    fn since(&mut self, key: u128, start: u64, time: u64, sum: f64, buckets: Vec<f64>) -> Option<Added> {
        if self.0.len() >= SERIES_MAX && !self.0.contains_key(&key) {
            self.forget(time);
        }
        let now = State { start, time, sum, buckets: buckets.clone().into() };
        let samples = |buckets: &[f64]| buckets.iter().sum::<f64>();
        let whole = Added { samples: samples(&buckets), sum, buckets };
        let Some(before) = self.0.insert(key, now) else {
            return (start > 0 && time.saturating_sub(start) <= NEW_NANOS).then_some(whole);
        };
        if before.time >= time {
            // Sent again, or out of order: it is in what was counted since.
            self.0.insert(key, before);
            return None;
        }
        let is_reset = before.start != start
            || before.buckets.len() != whole.buckets.len()
            || before.buckets.iter().zip(&whole.buckets).any(|(before, now)| now < before)
            || (whole.buckets.is_empty() && sum < before.sum);
        if is_reset {
            return Some(whole);
        }
        let buckets: Vec<f64> = whole.buckets.iter().zip(&before.buckets).map(|(now, before)| now - before).collect();
        Some(Added { samples: samples(&buckets), sum: sum - before.sum, buckets })
    }

    /// By how much a number grew that counts up from a start that nobody tells.
    pub fn grown(&mut self, key: u128, time: u64, value: f64) -> Option<f64> {
        self.since(key, 0, time, value, Vec::new()).map(|added| added.sum)
    }

    fn forget(&mut self, now: u64) {
        self.0.retain(|_, state| now.saturating_sub(state.time) < OLD_NANOS);
        if self.0.len() >= SERIES_MAX {
            let mut times: Vec<u64> = self.0.values().map(|state| state.time).collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            self.0.retain(|_, state| state.time > median);
        }
    }
}

/// What tells a series apart that is named by texts.
pub fn key(owner: &str, name: &str, dimensions: &str) -> u128 {
    hash(owner, &[], name, &[]) ^ hash(dimensions, &[], "", &[]).rotate_left(17)
}

/// The metrics of a request. `dimensions` names attributes of resources that become dimensions; `owner` tells counts of different
/// accounts apart.
pub fn metrics(
    request: &ExportMetricsServiceRequest,
    dimensions: &[String],
    owner: &str,
    counted: &mut Counted,
) -> (Vec<Metric>, Vec<RefusedPoint>) {
    let mut maker = Maker { made: Vec::new(), refused: Vec::new(), counted };
    for of_resource in &request.resource_metrics {
        let resource = of_resource.resource.as_ref();
        let namespace = namespace(resource);
        let shared = resource.map_or(&[] as &[KeyValue], |resource| &resource.attributes);
        let identity = hash(owner, shared, "", &[]);
        let wanted: Vec<(CompactString, CompactString)> =
            shared.iter().filter(|pair| dimensions.contains(&pair.key)).filter_map(dimension).collect();
        for metric in of_resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            let series = Series { namespace: &namespace, name: &metric.name, unit: unit(&metric.unit), shared: &wanted, identity };
            match &metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points.iter().for_each(|point| maker.number(&series, point, None)),
                Some(Data::Sum(sum)) => {
                    let is_cumulative = sum.aggregation_temporality == AggregationTemporality::Cumulative as i32;
                    let counts_up = (is_cumulative && sum.is_monotonic).then_some(());
                    sum.data_points.iter().for_each(|point| maker.number(&series, point, counts_up));
                }
                Some(Data::Histogram(histogram)) => {
                    let is_cumulative = histogram.aggregation_temporality == AggregationTemporality::Cumulative as i32;
                    histogram.data_points.iter().for_each(|point| maker.histogram(&series, point, is_cumulative));
                }
                Some(Data::ExponentialHistogram(histogram)) => {
                    let is_cumulative = histogram.aggregation_temporality == AggregationTemporality::Cumulative as i32;
                    histogram.data_points.iter().for_each(|point| maker.exponential(&series, point, is_cumulative));
                }
                Some(Data::Summary(summary)) => summary.data_points.iter().for_each(|point| maker.summary(&series, point)),
                None => maker.refuse(&series, "it has no data"),
            }
        }
    }
    (maker.made, maker.refused)
}

struct Series<'r> {
    namespace: &'r str,
    name: &'r str,
    unit: Option<&'static str>,
    shared: &'r [(CompactString, CompactString)],
    /// Of its resource.
    identity: u128,
}

impl Series<'_> {
    fn key(&self, attributes: &[KeyValue]) -> u128 {
        hash(self.namespace, &[], self.name, attributes) ^ self.identity.rotate_left(17)
    }

    fn metric(&self, time: u64, attributes: &[KeyValue], sums: Sums, values: Option<Distribution>) -> Metric {
        let own = attributes.iter().filter_map(dimension);
        let time_us = (time / 1_000) as i64;
        Metric {
            unit: self.unit.map(Into::into),
            dimensions: Dimensions::new(self.shared.iter().cloned().chain(own)),
            distribution: values.filter(|_| sums.minimum != sums.maximum),
            ..Metric::set(time_us - time_us.rem_euclid(STANDARD_PERIOD * SECOND_US), self.namespace, self.name, sums)
        }
    }
}

struct Maker<'c> {
    made: Vec<Metric>,
    refused: Vec<RefusedPoint>,
    counted: &'c mut Counted,
}

impl Maker<'_> {
    fn refuse(&mut self, series: &Series<'_>, reason: &str) {
        let name = series.name.chars().take(255).collect();
        self.refused.push(RefusedPoint { name, reason: reason.to_owned() });
    }

    /// `counts_up` where what is told is a sum from its start on.
    fn number(&mut self, series: &Series<'_>, point: &NumberDataPoint, counts_up: Option<()>) {
        let value = match point.value {
            Some(Value::AsDouble(value)) => value,
            Some(Value::AsInt(value)) => value as f64,
            // "No recorded value" is said with a flag.
            None => return,
        };
        let value = match counts_up {
            None => value,
            Some(()) => {
                let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
                match self.counted.since(series.key(&point.attributes), start, time, value, Vec::new()) {
                    Some(added) => added.sum,
                    None => return,
                }
            }
        };
        let sums = Sums { samples: 1.0, sum: value, minimum: value, maximum: value };
        self.made.push(series.metric(point.time_unix_nano, &point.attributes, sums, None));
    }

    fn histogram(&mut self, series: &Series<'_>, point: &HistogramDataPoint, is_cumulative: bool) {
        let bounds = &point.explicit_bounds;
        let counts: Vec<f64> = if point.bucket_counts.is_empty() {
            vec![point.count as f64]
        } else {
            point.bucket_counts.iter().map(|count| *count as f64).collect()
        };
        if counts.len() > BUCKETS_MAX || (!point.bucket_counts.is_empty() && counts.len() != bounds.len() + 1) {
            return self.refuse(series, "its buckets and their bounds do not fit together");
        }
        // Of each bucket, where it begins and ends, as far as that is known.
        let edges = |place: usize| {
            let low = place.checked_sub(1).and_then(|below| bounds.get(below)).copied();
            (
                low.or(point.min).or_else(|| bounds.first().map(|first| first.min(0.0))),
                bounds.get(place).copied().or(point.max).or(low),
            )
        };
        let middles: Vec<f64> = (0..counts.len())
            .map(|place| match edges(place) {
                (Some(low), Some(high)) => f64::midpoint(low, high),
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => point.sum.unwrap_or(0.0) / (point.count.max(1) as f64),
            })
            .collect();
        let sum = point.sum.unwrap_or_else(|| middles.iter().zip(&counts).map(|(value, count)| value * count).sum());
        let whole = Whole { start: point.start_time_unix_nano, time: point.time_unix_nano, sum, min: point.min, max: point.max };
        self.distribution(series, &point.attributes, &whole, is_cumulative, counts, &middles);
    }

    fn exponential(&mut self, series: &Series<'_>, point: &ExponentialHistogramDataPoint, is_cumulative: bool) {
        let (positive, negative) = (point.positive.as_ref(), point.negative.as_ref());
        let count_of = |buckets: Option<&crate::proto::metrics::v1::exponential_histogram_data_point::Buckets>| {
            buckets.map_or(0, |buckets| buckets.bucket_counts.len())
        };
        if count_of(positive) + count_of(negative) > BUCKETS_MAX {
            return self.refuse(series, "it has too many buckets");
        }
        // The middle, in the logarithm, of a bucket: base^(index + 1/2), where base is 2^(2^-scale).
        let middle = |index: i64| ((index as f64 + 0.5) * (-f64::from(point.scale)).exp2()).exp2();
        let mut pairs: Vec<(f64, f64)> = Vec::new();
        for (sign, buckets) in [(-1.0, negative), (1.0, positive)] {
            let Some(buckets) = buckets else { continue };
            pairs.extend(buckets.bucket_counts.iter().enumerate().map(|(place, count)| {
                let value = sign * middle(i64::from(buckets.offset) + place as i64);
                (value, *count as f64)
            }));
        }
        pairs.push((0.0, point.zero_count as f64));
        // Scales and offsets change as values come: only sums can be compared with what was before.
        let sum = point.sum.unwrap_or_else(|| pairs.iter().map(|(value, count)| value * count).sum());
        let whole = Whole { start: point.start_time_unix_nano, time: point.time_unix_nano, sum, min: point.min, max: point.max };
        if !is_cumulative {
            let (values, counts): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            return self.distribution(series, &point.attributes, &whole, false, counts, &values);
        }
        let total = point.count as f64;
        let key = series.key(&point.attributes);
        let Some(added) = self.counted.since(key, whole.start, whole.time, sum, vec![total]) else { return };
        if added.samples <= 0.0 {
            return;
        }
        // As often as new values came, in the shape that all of them have.
        let share = added.samples / total.max(1.0);
        let values: Distribution = pairs.into_iter().map(|(value, count)| (value, count * share)).collect();
        self.give(series, &point.attributes, &whole, added.samples, added.sum, values);
    }

    fn distribution(
        &mut self,
        series: &Series<'_>,
        attributes: &[KeyValue],
        whole: &Whole,
        is_cumulative: bool,
        counts: Vec<f64>,
        middles: &[f64],
    ) {
        let added = if is_cumulative {
            match self.counted.since(series.key(attributes), whole.start, whole.time, whole.sum, counts) {
                Some(added) => added,
                None => return,
            }
        } else {
            Added { samples: counts.iter().sum(), sum: whole.sum, buckets: counts }
        };
        if added.samples <= 0.0 {
            return;
        }
        let values: Distribution = middles.iter().copied().zip(added.buckets).collect();
        self.give(series, attributes, whole, added.samples, added.sum, values);
    }

    fn give(&mut self, series: &Series<'_>, attributes: &[KeyValue], whole: &Whole, samples: f64, sum: f64, values: Distribution) {
        let ordered = values.ordered();
        let (Some(first), Some(last)) = (ordered.first(), ordered.last()) else { return };
        // Smallest and largest are told of all values so far: they bound those of now.
        let minimum = whole.min.map_or(first.0, |min| first.0.max(min));
        let maximum = whole.max.map_or(last.0, |max| last.0.min(max)).max(minimum);
        let clamped = ordered.iter().map(|(value, count)| (value.clamp(minimum, maximum), *count)).collect();
        let sums = Sums { samples, sum, minimum, maximum };
        self.made.push(series.metric(whole.time, attributes, sums, Some(clamped)));
    }

    /// Of all values since the start: what is new is known of count and sum alone.
    fn summary(&mut self, series: &Series<'_>, point: &SummaryDataPoint) {
        let key = series.key(&point.attributes);
        let count = vec![point.count as f64];
        let Some(added) = self.counted.since(key, point.start_time_unix_nano, point.time_unix_nano, point.sum, count) else {
            return;
        };
        if added.samples <= 0.0 {
            return;
        }
        let mean = added.sum / added.samples;
        let quantile = |wanted: f64| point.quantile_values.iter().find(|it| it.quantile == wanted).map(|it| it.value);
        let minimum = quantile(0.0).unwrap_or(mean).min(mean);
        let maximum = quantile(1.0).unwrap_or(mean).max(mean);
        let sums = Sums { samples: added.samples, sum: added.sum, minimum, maximum };
        self.made.push(series.metric(point.time_unix_nano, &point.attributes, sums, None));
    }
}

/// What is told of all values of a datapoint.
struct Whole {
    start: u64,
    time: u64,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
}

/// Of the service.
fn namespace(resource: Option<&Resource>) -> String {
    let text = |key: &str| {
        let value = resource?.attributes.iter().find(|pair| pair.key == key)?;
        plain(value.value.as_ref())?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match (text("service.namespace"), text("service.name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => NAMESPACE.to_owned(),
    }
}

/// An attribute as a dimension; those that say nothing are none.
fn dimension(pair: &KeyValue) -> Option<(CompactString, CompactString)> {
    let value = match plain(pair.value.as_ref())? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => return None,
        other => other.to_string(),
    };
    let value: CompactString = value.chars().take(VALUE_CHARS).collect();
    (!pair.key.is_empty() && !value.is_empty()).then(|| (pair.key.as_str().into(), value))
}

/// The words of UCUM that OpenTelemetry has, as CloudWatch says them.
fn unit(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "s" => "Seconds",
        "ms" => "Milliseconds",
        "us" | "μs" => "Microseconds",
        "By" => "Bytes",
        "kBy" => "Kilobytes",
        "MBy" => "Megabytes",
        "GBy" => "Gigabytes",
        "bit" => "Bits",
        "By/s" => "Bytes/Second",
        "bit/s" => "Bits/Second",
        "%" => "Percent",
        // `{request}` and the like count something.
        _ if unit.starts_with('{') && unit.ends_with("}/s") => "Count/Second",
        _ if unit.starts_with('{') && unit.ends_with('}') => "Count",
        _ => return None,
    })
}

/// Tells series apart: FNV-1a over texts in a fixed order.
fn hash(first: &str, some: &[KeyValue], second: &str, others: &[KeyValue]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut state: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0xff]) {
            state = (state ^ u128::from(byte)).wrapping_mul(PRIME);
        }
    };
    add(first);
    let mut pairs = |pairs: &[KeyValue]| {
        let mut texts: Vec<(&str, String)> = pairs
            .iter()
            .map(|pair| (pair.key.as_str(), plain(pair.value.as_ref()).map_or(String::new(), |value| value.to_string())))
            .collect();
        texts.sort();
        for (key, value) in texts {
            add(key);
            add(&value);
        }
    };
    pairs(some);
    pairs(others);
    add(second);
    state
}

#[cfg(test)]
mod tests;
