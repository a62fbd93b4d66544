//! Prometheus' remote write: samples of time series, as metrics. What counts up is told in differences, as CloudWatch's own agent does it.

use ::otlp::metric::Counted;
use model::metric::{Dimensions, Metric, NO_UNIT, STANDARD_PERIOD};
use model::owner::Owner;
use model::time::SECOND_US;
use prost::Message;
use std::sync::PoisonError;

use crate::{Ingest, Result};

/// The namespace of what comes this way.
const NAMESPACE: &str = "Prometheus";
const NAME: &str = "__name__";
/// A value that says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// What is made of a request may take this much.
const UNPACKED_BYTES_MAX: usize = 32 * 1024 * 1024;

#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetricMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// Milliseconds.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct MetricMetadata {
    /// 1 is a counter, 2 a gauge.
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    family: String,
}

/// A request out of its compression.
pub fn read(body: &[u8]) -> std::result::Result<WriteRequest, String> {
    let length = snap::raw::decompress_len(body).map_err(|err| format!("the body is no snappy block: {err}"))?;
    if length > UNPACKED_BYTES_MAX {
        return Err(format!("the body has {length} bytes when unpacked, at most {UNPACKED_BYTES_MAX} are taken"));
    }
    let message = snap::raw::Decoder::new().decompress_vec(body).map_err(|err| format!("the body cannot be unpacked: {err}"))?;
    WriteRequest::decode(message.as_slice()).map_err(|err| format!("the body is no prometheus.WriteRequest: {err}"))
}

/// Whether a series counts up, as its name says: a histogram's and a summary's do, too.
fn counts_up(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

impl Ingest {
    /// Takes samples in. When this returns, the good ones are durable; of the others, why they were refused.
    pub async fn write(&self, request: WriteRequest, now_us: i64) -> Result<Vec<String>> {
        let owner = self.owner.as_ref().map_or("", Owner::as_str);
        let (mut metrics, mut refused) = (Vec::new(), Vec::new());
        {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            for series in &request.timeseries {
                let Some(name) = series.labels.iter().find(|label| label.name == NAME).map(|label| label.value.as_str()) else {
                    refused.push("a series has no name".to_owned());
                    continue;
                };
                let labels = series.labels.iter().filter(|label| label.name != NAME && !label.value.is_empty());
                let dimensions = Dimensions::new(labels.map(|label| (label.name.as_str(), label.value.as_str())));
                let key = counts_up(name).then(|| ::otlp::metric::key(owner, name, &dimensions.to_json()));
                for sample in series.samples.iter().filter(|sample| sample.value.to_bits() != STALE) {
                    let Some(value) = told(&mut counted, key, sample) else { continue };
                    let time_us = sample.timestamp.saturating_mul(1_000);
                    let time_us = time_us - time_us.rem_euclid(STANDARD_PERIOD * SECOND_US);
                    let metric =
                        Metric { unit: None, ..Metric::value(time_us, NAMESPACE, name, NO_UNIT, value) }.of(dimensions.clone());
                    match metric.refusal(now_us, self.quotas.lenient) {
                        None => metrics.push(metric),
                        Some(reason) => refused.push(format!("{name}: {reason}")),
                    }
                }
            }
        }
        self.metrics(metrics).await?;
        Ok(refused)
    }
}

/// The value itself, or by how much it grew where it counts up. None for the first of a count.
fn told(counted: &mut Counted, key: Option<u128>, sample: &Sample) -> Option<f64> {
    let Some(key) = key else { return Some(sample.value) };
    let nanos = u64::try_from(sample.timestamp).ok()?.saturating_mul(1_000_000);
    counted.grown(key, nanos, sample.value)
}
