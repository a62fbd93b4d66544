//! Performance log events: what Container Insights measures, as one JSON object for each task, container, service and cluster, with the
//! directive that says which of its members are metrics. These are in the store already; who reads the events can compute others.

use std::collections::BTreeMap;

use model::CompactString;
use model::container::{Container, Insights, Report, Task};
use model::metric::Metric;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "ECS/ContainerInsights";

/// An event, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceEvent {
    pub cluster: CompactString,
    pub stream: String,
    pub time_us: i64,
    pub message: String,
}

/// Who writes: what events say of their account.
#[derive(Debug, Clone)]
pub struct Place {
    pub account_id: String,
    pub region: String,
}

impl PerformanceEvent {
    /// The group of a cluster's events.
    pub fn group(&self) -> String {
        format!("/aws/ecs/containerinsights/{}/performance", self.cluster)
    }
}

/// Values of one thing, by the names of its metrics, with their units.
type Values<'m> = BTreeMap<&'m str, (f64, Option<&'m str>)>;

/// The events of a machine's report. `insights` says how much is measured of a cluster.
pub fn of_report(report: &Report, place: &Place, insights: impl Fn(&str) -> Insights) -> Vec<PerformanceEvent> {
    // Of each task, and of each of its containers.
    let mut values: BTreeMap<(&str, Option<&str>), (i64, Values<'_>)> = BTreeMap::new();
    for metric in report.metrics.iter().filter(|metric| metric.namespace == NAMESPACE) {
        let Some(task) = metric.dimensions.get("TaskId") else { continue };
        // The same stands there by service and by family.
        if metric.dimensions.get("TaskDefinitionFamily").is_none() || metric.samples <= 0.0 {
            continue;
        }
        let (_, of) = values.entry((task, metric.dimensions.get("ContainerName"))).or_insert((metric.time_us, Values::new()));
        of.insert(&metric.name, (metric.sum / metric.samples, metric.unit.as_deref()));
    }
    let mut events = Vec::new();
    for task in report.tasks.iter().chain(&report.gone) {
        let level = insights(&task.cluster);
        if level == Insights::Disabled {
            continue;
        }
        let stream = format!("AgentTelemetry-{}", report.instance);
        let mut write = |time_us: i64, message: Map<String, Value>| {
            let message = Value::Object(message).to_string();
            events.push(PerformanceEvent { cluster: task.cluster.clone(), stream: stream.clone(), time_us, message });
        };
        if let Some((_, values)) = values.get(&(&task.id, None)) {
            let mut message = of_task(task, place);
            message.insert("Type".to_owned(), "Task".into());
            message.insert("KnownStatus".to_owned(), task.status().as_str().into());
            message.insert("LaunchType".to_owned(), "EXTERNAL".into());
            insert_time(&mut message, "CreatedAt", task.created_us());
            insert_time(&mut message, "StartedAt", task.started_us());
            insert(&mut message, values, |name| name.to_owned());
            let mut sets = vec![vec!["ClusterName"], vec!["ClusterName", "TaskDefinitionFamily"]];
            if level == Insights::Enhanced {
                sets.push(vec!["ClusterName", "TaskDefinitionFamily", "TaskId"]);
            }
            add_sets_of_service(&mut sets, task);
            finish(&mut message, report.time_us, &sets, values);
            write(report.time_us, message);
        }
        for container in task.working() {
            let Some((_, values)) = values.get(&(&task.id, Some(container.name.as_str()))) else { continue };
            let mut message = of_container(task, container, place);
            // As a task says it: without the word before it, which tells metrics apart.
            insert(&mut message, values, |name| name.strip_prefix("Container").unwrap_or(name).to_owned());
            if level == Insights::Enhanced {
                insert(&mut message, values, |name| name.to_owned());
                let mut sets = vec![vec!["ClusterName"], vec!["ClusterName", "TaskDefinitionFamily", "TaskId", "ContainerName"]];
                add_sets_of_service(&mut sets, task);
                finish(&mut message, report.time_us, &sets, values);
            } else {
                finish(&mut message, report.time_us, &[], &Values::new());
            }
            write(report.time_us, message);
        }
    }
    events
}

/// The events of how much runs in clusters and services, of the metrics that say so.
pub fn of_counts(counts: &[Metric], now_us: i64) -> Vec<PerformanceEvent> {
    let mut values: BTreeMap<(&str, Option<&str>), Values<'_>> = BTreeMap::new();
    for metric in counts.iter().filter(|metric| metric.namespace == NAMESPACE && metric.samples > 0.0) {
        let Some(cluster) = metric.dimensions.get("ClusterName") else { continue };
        let of = values.entry((cluster, metric.dimensions.get("ServiceName"))).or_default();
        of.insert(&metric.name, (metric.sum / metric.samples, metric.unit.as_deref()));
    }
    let event = |((cluster, service), values): ((&str, Option<&str>), Values<'_>)| {
        let mut message = Map::new();
        message.insert("ClusterName".to_owned(), cluster.into());
        message.insert("Type".to_owned(), if service.is_some() { "Service" } else { "Cluster" }.into());
        let mut set = vec!["ClusterName"];
        if let Some(service) = service {
            message.insert("ServiceName".to_owned(), service.into());
            set.insert(0, "ServiceName");
        }
        insert(&mut message, &values, |name| name.to_owned());
        finish(&mut message, now_us, &[set], &values);
        let stream = match service {
            Some(service) => format!("ServiceTelemetry-{service}"),
            None => format!("ClusterTelemetry-{cluster}"),
        };
        PerformanceEvent { cluster: cluster.into(), stream, time_us: now_us, message: Value::Object(message).to_string() }
    };
    values.into_iter().map(event).collect()
}

fn of_task(task: &Task, place: &Place) -> Map<String, Value> {
    let mut message = Map::new();
    let mut put = |name: &str, value: &str| message.insert(name.to_owned(), value.into());
    put("ClusterName", &task.cluster);
    put("TaskId", &task.id);
    put("TaskDefinitionFamily", &task.family);
    put("TaskDefinitionRevision", &task.revision);
    put("ContainerInstanceId", &task.instance);
    put("AccountID", &place.account_id);
    put("Region", &place.region);
    if let Some(service) = &task.service {
        put("ServiceName", service);
    }
    message
}

fn of_container(task: &Task, container: &Container, place: &Place) -> Map<String, Value> {
    let mut message = of_task(task, place);
    message.insert("Type".to_owned(), "Container".into());
    message.insert("ContainerName".to_owned(), container.name.as_str().into());
    message.insert("ContainerKnownStatus".to_owned(), container.status.as_str().into());
    message.insert("Image".to_owned(), container.image.as_str().into());
    message
}

fn add_sets_of_service(sets: &mut Vec<Vec<&'static str>>, task: &Task) {
    if task.service.is_some() {
        sets.push(vec!["ClusterName", "ServiceName"]);
    }
}

fn insert(message: &mut Map<String, Value>, values: &Values<'_>, name_of: impl Fn(&str) -> String) {
    message.extend(values.iter().map(|(name, (value, _))| (name_of(name), json!(value))));
}

fn insert_time(message: &mut Map<String, Value>, name: &str, time_us: Option<i64>) {
    message.extend(time_us.map(|time_us| (name.to_owned(), json!(time_us / 1_000))));
}

/// The time, and the directive that says which members are metrics.
fn finish(message: &mut Map<String, Value>, time_us: i64, sets: &[Vec<&'static str>], values: &Values<'_>) {
    message.insert("Version".to_owned(), "0".into());
    message.insert("Timestamp".to_owned(), json!(time_us / 1_000));
    if !sets.is_empty() && !values.is_empty() {
        let metric = |(name, (_, unit)): (&&str, &(f64, Option<&str>))| json!({"Name": name, "Unit": unit.unwrap_or("None")});
        let metrics: Vec<Value> = values.iter().map(metric).collect();
        let directive = json!([{"Namespace": NAMESPACE, "Metrics": metrics, "Dimensions": sets}]);
        message.insert("CloudWatchMetrics".to_owned(), directive);
    }
}
