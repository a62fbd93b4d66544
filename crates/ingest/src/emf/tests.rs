use serde_json::json;

use super::*;

const NOW_US: i64 = 1_795_000_000_000_000;

fn read(event: Value) -> Result<Option<Vec<Metric>>, EmfError> {
    metrics(&event.to_string(), NOW_US, false)
}

fn standard(metrics: Value, members: Value) -> Value {
    let mut event = json!({"_aws": {"Timestamp": NOW_US / 1_000, "CloudWatchMetrics": [
        {"Namespace": "Shop", "Dimensions": [["Service"], ["Service", "Region"], []], "Metrics": metrics},
    ]}, "Service": "cart", "Region": "eu"});
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

#[test]
fn members_become_metrics_of_each_set_of_dimensions() {
    let event = standard(json!([{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Missing"}]), json!({"Latency": 12.5}));
    let found = read(event).unwrap().unwrap();
    let dimensions: Vec<String> = found.iter().map(|metric| metric.dimensions.to_json()).collect();
    assert_eq!(dimensions, [r#"{"Service":"cart"}"#, r#"{"Region":"eu","Service":"cart"}"#, "{}"]);
    assert!(found.iter().all(|metric| metric.sum == 12.5 && metric.unit.as_deref() == Some("Milliseconds") && metric.period == 60));
    assert_eq!(found[0].time_us, NOW_US - NOW_US.rem_euclid(60_000_000));
}

#[test]
fn values_may_be_several() {
    let event = |value: Value| standard(json!([{"Name": "Latency", "StorageResolution": 1}]), json!({"Latency": value}));
    let found = read(event(json!([1, 2, 2, 5]))).unwrap().unwrap();
    assert_eq!((found[0].samples, found[0].sum, found[0].minimum, found[0].maximum, found[0].period), (4.0, 10.0, 1.0, 5.0, 1));
    assert_eq!(found[0].distribution.as_ref().unwrap().ordered().as_ref(), [(1.0, 1.0), (2.0, 2.0), (5.0, 1.0)]);
    let found =
        read(event(json!({"Values": [1, 3], "Counts": [2, 1], "Max": 3, "Min": 1, "Sum": 5, "Count": 3}))).unwrap().unwrap();
    assert_eq!((found[0].samples, found[0].sum), (3.0, 5.0));
}

#[test]
fn the_older_dialect_has_it_at_the_root() {
    let event = json!({
        "Type": "Container", "Version": "0", "Timestamp": NOW_US / 1_000, "ClusterName": "shop", "CpuUtilized": 1.5,
        "CloudWatchMetrics": [{"Namespace": "ECS/ContainerInsights", "Dimensions": [["ClusterName"]],
            "Metrics": [{"Name": "CpuUtilized", "Unit": "None"}]}],
    });
    let [metric] = read(event).unwrap().unwrap().try_into().unwrap();
    assert_eq!((metric.namespace.as_str(), metric.sum, metric.unit), ("ECS/ContainerInsights", 1.5, None));
    assert_eq!(read(json!({"message": "hello"})).unwrap(), None);
}

#[test]
fn what_cannot_be_taken_is_said() {
    let one = |metrics: Value, members: Value| read(standard(metrics, members)).unwrap_err().to_string();
    assert_eq!(one(json!([{"Name": "Latency"}]), json!({"Latency": "fast"})), "Latency: a value is no number");
    assert_eq!(one(json!([{"Name": "Latency"}]), json!({"Latency": []})), "Latency: it has from 1 to 100 values");
    assert_eq!(one(json!([{"Name": "Latency", "Unit": "Hours"}]), json!({"Latency": 1})), "Latency: \"Hours\" is no unit");
    assert_eq!(
        one(json!([{"Name": "Latency"}]), json!({"Latency": 1, "Region": ""})),
        "the dimension Region has no value: no member of that name is a text"
    );
    assert!(one(json!([{"Unit": "Count"}]), json!({})).starts_with("CloudWatchMetrics: missing field `Name`"));
    assert!(one(json!("x"), json!({})).starts_with("CloudWatchMetrics: "));
    assert_eq!(metrics("[1]", NOW_US, false), Err(EmfError::NotAnObject));
    assert_eq!(metrics("{", NOW_US, false), Err(EmfError::NotAnObject));
    let mut event = standard(json!([{"Name": "Latency"}]), json!({"Latency": 1}));
    event["_aws"]["Timestamp"] = json!(1);
    assert_eq!(read(event).unwrap_err().to_string(), "Latency: its time is more than two weeks ago");
}
