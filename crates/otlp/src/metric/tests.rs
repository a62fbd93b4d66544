use serde_json::{Value as Json, json};

use super::*;

/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
const START: u64 = 30_000_000 * MINUTE;

fn request(metrics: Json) -> ExportMetricsServiceRequest {
    let service = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    let instance = json!({"key": "service.instance.id", "value": {"stringValue": "a1"}});
    serde_json::from_value(json!({"resourceMetrics": [{
        "resource": {"attributes": [service, instance]}, "scopeMetrics": [{"metrics": metrics}],
    }]}))
    .unwrap()
}

/// A datapoint at the end of a minute.
fn point(minute: u64, members: Json) -> Json {
    let mut point = json!({
        "startTimeUnixNano": START.to_string(), "timeUnixNano": (START + minute * MINUTE).to_string(),
        "attributes": [{"key": "route", "value": {"stringValue": "/cart"}}, {"key": "empty", "value": {"stringValue": ""}}],
    });
    point.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    point
}

fn made(counted: &mut Counted, metrics: Json) -> Vec<Metric> {
    let (made, refused) = super::metrics(&request(metrics), &[], "", counted);
    assert_eq!(refused, []);
    made
}

fn sum(monotonic: bool, temporality: i32, minute: u64, value: Json) -> Json {
    json!([{"name": "orders", "unit": "{order}", "sum": {
        "isMonotonic": monotonic, "aggregationTemporality": temporality, "dataPoints": [point(minute, value)],
    }}])
}

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

#[test]
fn gauges_and_differences_are_values() {
    let mut counted = Counted::default();
    let [gauge] =
        made(&mut counted, json!([{"name": "queue", "unit": "By", "gauge": {"dataPoints": [point(1, json!({"asDouble": 2.5}))]}}]))
            .try_into()
            .unwrap();
    assert_eq!((gauge.namespace.as_str(), gauge.name.as_str(), gauge.unit.as_deref()), ("shop", "queue", Some("Bytes")));
    assert_eq!(gauge.dimensions.to_json(), r#"{"route":"/cart"}"#);
    assert_eq!((gauge.samples, gauge.sum, gauge.time_us), (1.0, 2.5, ((START + MINUTE) / 1_000) as i64));
    for (monotonic, temporality) in [(true, DELTA), (false, DELTA), (false, CUMULATIVE)] {
        for minute in [1, 2] {
            let [sum] = made(&mut counted, sum(monotonic, temporality, minute, json!({"asInt": "7"}))).try_into().unwrap();
            assert_eq!((sum.sum, sum.unit.as_deref()), (7.0, Some("Count")));
        }
    }
}

#[test]
fn what_counts_up_is_told_in_differences() {
    let mut counted = Counted::default();
    let mut sums = |minute: u64, value: u64| {
        let made = made(&mut counted, sum(true, CUMULATIVE, minute, json!({"asInt": value.to_string()})));
        made.first().map(|metric| metric.sum)
    };
    // It began a minute before it was first told.
    assert_eq!(sums(1, 5), Some(5.0));
    assert_eq!(sums(2, 12), Some(7.0));
    assert_eq!(sums(2, 12), None, "sent again");
    assert_eq!(sums(1, 5), None, "out of order");
    assert_eq!(sums(3, 12), Some(0.0));
    // It began anew.
    assert_eq!(sums(4, 3), Some(3.0));
    // One that began long ago says nothing before there is a second datapoint.
    let mut counted = Counted::default();
    let mut sums = |minute: u64, value: u64| {
        let made = made(&mut counted, sum(true, CUMULATIVE, minute, json!({"asInt": value.to_string()})));
        made.first().map(|metric| metric.sum)
    };
    assert_eq!(sums(60, 500), None);
    assert_eq!(sums(61, 503), Some(3.0));
}

fn histogram(temporality: i32, minute: u64, counts: [u64; 4], sum: f64) -> Json {
    let total: u64 = counts.iter().sum();
    json!([{"name": "latency", "unit": "s", "histogram": {"aggregationTemporality": temporality, "dataPoints": [point(minute, json!({
        "count": total.to_string(), "sum": sum, "min": 0.05, "max": 3.0, "explicitBounds": [0.1, 1.0, 2.0],
        "bucketCounts": counts.map(|count| count.to_string()),
    }))]}}])
}

#[test]
fn histograms_keep_their_values() {
    let mut counted = Counted::default();
    let [first] = made(&mut counted, histogram(CUMULATIVE, 1, [10, 0, 0, 0], 0.7)).try_into().unwrap();
    assert_eq!((first.samples, first.sum, first.minimum, first.unit.as_deref()), (10.0, 0.7, first.maximum, Some("Seconds")));
    let [second] = made(&mut counted, histogram(CUMULATIVE, 2, [10, 8, 0, 2], 10.7)).try_into().unwrap();
    assert_eq!((second.samples, second.minimum, second.maximum), (10.0, 0.55, 2.5));
    assert!((second.sum - 10.0).abs() < 1e-9);
    assert_eq!(second.distribution.unwrap().ordered().as_ref(), [(0.55, 8.0), (2.5, 2.0)]);
    assert!(made(&mut counted, histogram(CUMULATIVE, 3, [10, 8, 0, 2], 10.7)).is_empty(), "nothing new");
    let [delta] = made(&mut Counted::default(), histogram(DELTA, 1, [1, 1, 1, 1], 5.0)).try_into().unwrap();
    assert_eq!((delta.samples, delta.sum), (4.0, 5.0));

    let mut wrong = histogram(DELTA, 1, [1, 1, 1, 1], 5.0);
    wrong[0]["histogram"]["dataPoints"][0]["explicitBounds"] = json!([1.0]);
    let (made, refused) = super::metrics(&request(wrong), &[], "", &mut Counted::default());
    assert_eq!((made.len(), refused.len(), refused[0].name.as_str()), (0, 1, "latency"));
}

#[test]
fn exponential_histograms_keep_their_values() {
    let exponential = |temporality: i32, minute: u64, count: u64| {
        json!([{"name": "size", "exponentialHistogram": {"aggregationTemporality": temporality, "dataPoints": [point(minute, json!({
            "count": count.to_string(), "sum": 4.0 * count as f64, "scale": 0, "zeroCount": "0",
            "positive": {"offset": 1, "bucketCounts": [count.to_string()]},
        }))]}}])
    };
    // Scale 0: the bucket from 2 to 4.
    let [delta] = made(&mut Counted::default(), exponential(DELTA, 1, 3)).try_into().unwrap();
    assert_eq!((delta.samples, delta.sum), (3.0, 12.0));
    assert!((delta.minimum - 8.0_f64.sqrt()).abs() < 1e-9);
    let mut counted = Counted::default();
    made(&mut counted, exponential(CUMULATIVE, 1, 3));
    let [more] = made(&mut counted, exponential(CUMULATIVE, 2, 10)).try_into().unwrap();
    assert_eq!((more.samples, more.sum), (7.0, 28.0));
}

#[test]
fn summaries_are_told_in_differences() {
    let summary = |minute: u64, count: u64, sum: f64| {
        json!([{"name": "wait", "unit": "ms", "summary": {"dataPoints": [point(minute, json!({
            "count": count.to_string(), "sum": sum, "quantileValues": [{"quantile": 0.0, "value": 1.0}, {"quantile": 1.0, "value": 9.0}],
        }))]}}])
    };
    let mut counted = Counted::default();
    made(&mut counted, summary(1, 2, 6.0));
    let [more] = made(&mut counted, summary(2, 4, 16.0)).try_into().unwrap();
    assert_eq!((more.samples, more.sum, more.minimum, more.maximum), (2.0, 10.0, 1.0, 9.0));
}

#[test]
fn resources_tell_counts_apart() {
    let mut counted = Counted::default();
    let mut of_instance = |instance: &str, owner: &str, minute: u64, value: u64| {
        let mut request = request(sum(true, CUMULATIVE, minute, json!({"asInt": value.to_string()})));
        let attribute = &mut request.resource_metrics[0].resource.as_mut().unwrap().attributes[1];
        attribute.value = Some(crate::attribute::from_plain(&json!(instance)));
        let (made, _) = super::metrics(&request, &["service.instance.id".to_owned()], owner, &mut counted);
        made.into_iter().map(|metric| (metric.dimensions.to_json(), metric.sum)).collect::<Vec<_>>()
    };
    assert_eq!(of_instance("a1", "", 1, 5), [(r#"{"route":"/cart","service.instance.id":"a1"}"#.to_owned(), 5.0)]);
    assert_eq!(of_instance("b2", "", 1, 50)[0].1, 50.0);
    assert_eq!(of_instance("a1", "111122223333/us-east-1", 1, 7)[0].1, 7.0);
    assert_eq!(of_instance("a1", "", 2, 6)[0].1, 1.0);
    assert_eq!(of_instance("b2", "", 2, 52)[0].1, 2.0);
}

#[test]
fn old_series_make_room_for_new_ones() {
    let mut counted = Counted::default();
    for key in 0..SERIES_MAX as u128 {
        counted.since(key, 0, key as u64, 1.0, Vec::new());
    }
    counted.since(u128::MAX, 0, SERIES_MAX as u64, 1.0, Vec::new());
    assert!(counted.0.len() <= SERIES_MAX / 2 + 1 && counted.0.contains_key(&u128::MAX));
}
