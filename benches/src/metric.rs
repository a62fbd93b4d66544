//! Minutely gauges, as agents of hosts send them: each minute a value of each series, two decimals, wandering.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

pub const NAMESPACE: &str = "Shop/Hosts";
pub const SERIES: usize = 500;
const NAMES: [&str; 10] = [
    "CpuUtilization",
    "MemoryUtilization",
    "DiskUtilization",
    "LoadAverage",
    "NetworkIn",
    "NetworkOut",
    "DiskReads",
    "DiskWrites",
    "Processes",
    "OpenFiles",
];

/// Name and host of a series.
pub fn series(number: usize) -> (&'static str, String) {
    (NAMES[number % NAMES.len()], format!("host-{:03}", number / NAMES.len()))
}

/// Bodies of PutMetricData, two minutes of all series each, up to the minute that ends then.
pub fn bodies(minutes: u64, seed: u64, end_secs: i64) -> impl Iterator<Item = String> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut values: Vec<f64> = (0..SERIES).map(|_| chance.random_range(10.0..90.0)).collect();
    let begin = end_secs - end_secs.rem_euclid(60) - minutes as i64 * 60;
    (0..minutes / 2).map(move |pair| {
        let mut data = Vec::with_capacity(SERIES * 2);
        for minute in [pair * 2, pair * 2 + 1] {
            for (number, value) in values.iter_mut().enumerate() {
                *value = (*value + chance.random_range(-1.5..1.5)).clamp(0.0, 100.0);
                let (name, host) = series(number);
                data.push(json!({
                    "MetricName": name, "Dimensions": [{"Name": "Host", "Value": host}], "Timestamp": begin + minute as i64 * 60,
                    "Value": (*value * 100.0).round() / 100.0, "Unit": "Percent",
                }));
            }
        }
        json!({"Namespace": NAMESPACE, "MetricData": data}).to_string()
    })
}

/// The body of a GetMetricData for all series.
pub fn question(start_secs: i64, end_secs: i64, period: i64, next: Option<&str>) -> String {
    let queries: Vec<serde_json::Value> = (0..SERIES)
        .map(|number| {
            let (name, host) = series(number);
            json!({"Id": format!("m{number}"), "MetricStat": {"Period": period, "Stat": "Average", "Metric": {
                "Namespace": NAMESPACE, "MetricName": name, "Dimensions": [{"Name": "Host", "Value": host}]}}})
        })
        .collect();
    let mut body = json!({"StartTime": start_secs, "EndTime": end_secs, "MetricDataQueries": queries});
    if let Some(next) = next {
        body["NextToken"] = next.into();
    }
    body.to_string()
}
