//! Tasks, and what defines them.

use std::collections::BTreeMap;

use model::container::{Container, Health, MIB, Status, Task};
use serde::Deserialize;
use serde_json::{Value, json};

use super::instance::instance_arn;
use super::{Paging, arn, invalid, known_cluster, missing, named, of, paged, refuse, short};
use crate::app::App;
use crate::error::ApiError;
use crate::time::Moment;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTasks {
    cluster: Option<String>,
    container_instance: Option<String>,
    family: Option<String>,
    service_name: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    started_by: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list_tasks(app: &App, input: ListTasks) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let is_stopped_wanted = match input.desired_status.as_deref() {
        None | Some("RUNNING" | "PENDING") => false,
        Some("STOPPED") => true,
        Some(other) => return Err(invalid(format!("desiredStatus is {other:?}, it must be RUNNING, PENDING or STOPPED"))),
    };
    let is = |asked: &Option<String>, is: Option<&str>| asked.as_deref().is_none_or(|asked| is == Some(short(asked)));
    let is_wanted = |task: &&Task| {
        (task.status() == Status::Stopped) == is_stopped_wanted
            && is(&input.container_instance, Some(&task.instance))
            && is(&input.family, Some(&task.family))
            && is(&input.service_name, task.service.as_deref())
            && is(&input.launch_type, Some("EXTERNAL"))
            && is(&input.started_by, None)
    };
    let tasks = app.clusters.tasks(cluster);
    let mut arns: Vec<String> = tasks.iter().filter(is_wanted).map(|task| task_arn(app, task)).collect();
    arns.sort();
    let asked = (cluster, &input.container_instance, &input.family, &input.service_name, is_stopped_wanted);
    paged(app, &input.paging, &("tasks", asked), "taskArns", arns)
}

#[derive(Deserialize)]
pub(super) struct DescribeTasks {
    cluster: Option<String>,
    tasks: Option<Vec<String>>,
}

pub(super) async fn describe_tasks(app: &App, input: DescribeTasks) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let all = app.clusters.tasks(cluster);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for asked in named(input.tasks, "tasks")? {
        match all.iter().find(|task| task.id == short(&asked)) {
            Some(task) => found.push(describe(app, task)),
            None => failures.push(missing(arn(app, &format!("task/{cluster}/{}", short(&asked))))),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

fn task_arn(app: &App, task: &Task) -> String {
    arn(app, &format!("task/{}/{}", task.cluster, task.id))
}

fn definition_arn(app: &App, task: &Task) -> String {
    arn(app, &format!("task-definition/{}:{}", task.family, task.revision))
}

fn units(cpu: f64) -> String {
    (cpu.round() as i64).to_string()
}

fn mebibytes(bytes: u64) -> i64 {
    (bytes as f64 / MIB).round() as i64
}

/// Without the members that say nothing.
fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}

fn describe(app: &App, task: &Task) -> Value {
    let status = task.status();
    let cpu: f64 = task.working().filter_map(|container| container.cpu).sum();
    let memory: u64 = task.working().filter_map(|container| container.memory).sum();
    let reason = task.working().find_map(|container| container.reason.clone());
    let stopped_us = task.stopped_us();
    let connectivity = if status == Status::Stopped { Value::Null } else { "CONNECTED".into() };
    without_nulls(json!({
        "taskArn": task_arn(app, task),
        "clusterArn": arn(app, &format!("cluster/{}", task.cluster)),
        "taskDefinitionArn": definition_arn(app, task),
        "containerInstanceArn": instance_arn(app, &task.cluster, &task.instance),
        "group": task.service.as_ref().map_or_else(|| format!("family:{}", task.family), |service| format!("service:{service}")),
        "lastStatus": status.as_str(),
        "desiredStatus": if status == Status::Stopped { "STOPPED" } else { "RUNNING" },
        "healthStatus": task.health().as_str(),
        "connectivity": connectivity,
        "launchType": "EXTERNAL",
        "cpu": (cpu > 0.0).then(|| units(cpu)),
        "memory": (memory > 0).then(|| mebibytes(memory).to_string()),
        "createdAt": task.created_us().map(Moment),
        "startedAt": task.started_us().map(Moment),
        "stoppedAt": stopped_us.map(Moment),
        "executionStoppedAt": stopped_us.map(Moment),
        "stopCode": stopped_us.map(|_| "EssentialContainerExited"),
        "stoppedReason": stopped_us.map(|_| reason.unwrap_or_else(|| "Essential container in task exited".to_owned())),
        "containers": task.containers.iter().map(|of_it| container(app, task, of_it)).collect::<Vec<_>>(),
        "overrides": {"containerOverrides": []},
        "attachments": [],
        "attributes": [],
        "tags": [],
        "version": 1,
    }))
}

fn container(app: &App, task: &Task, container: &Container) -> Value {
    let interface = |address: &String| {
        let member = if address.contains(':') { "ipv6Address" } else { "privateIpv4Address" };
        json!({member: address})
    };
    let health = if container.status == Status::Running { container.health } else { Health::Unknown };
    let digest = container.image_id.starts_with("sha256:").then_some(&container.image_id);
    without_nulls(json!({
        "containerArn": arn(app, &format!("container/{}/{}/{}", task.cluster, task.id, container.id)),
        "taskArn": task_arn(app, task),
        "name": container.name,
        "image": container.image,
        "imageDigest": digest,
        "runtimeId": container.id,
        "lastStatus": container.status.as_str(),
        "exitCode": container.exit_code,
        "reason": container.reason,
        "healthStatus": health.as_str(),
        "cpu": units(container.cpu.unwrap_or(0.0)),
        "memory": container.memory.map(|bytes| mebibytes(bytes).to_string()),
        "networkBindings": [],
        "networkInterfaces": container.addresses.iter().map(interface).collect::<Vec<_>>(),
    }))
}

/// Tasks of all clusters by the definition they are of, the newest first.
async fn defined(app: &App) -> Result<BTreeMap<(String, u64, String), Vec<Task>>, ApiError> {
    let mut found: BTreeMap<(String, u64, String), Vec<Task>> = BTreeMap::new();
    for cluster in app.clusters.list().await.map_err(of)? {
        for task in app.clusters.tasks(&cluster.cluster.name) {
            let number = task.revision.parse().unwrap_or(0);
            found.entry((task.family.to_string(), number, task.revision.to_string())).or_default().push(task);
        }
    }
    found.values_mut().for_each(|tasks| tasks.sort_by_key(|task| std::cmp::Reverse(task.created_us())));
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeTaskDefinition {
    task_definition: Option<String>,
}

/// As far as it can be told by what runs.
pub(super) async fn describe_task_definition(app: &App, input: DescribeTaskDefinition) -> Result<Value, ApiError> {
    let asked = input.task_definition.ok_or_else(|| invalid("taskDefinition is missing."))?;
    let (family, revision) = short(&asked).split_once(':').map_or((short(&asked), None), |(family, of)| (family, Some(of)));
    let all = defined(app).await?;
    let is_meant = |(known, _, of): &&(String, u64, String)| known == family && revision.is_none_or(|revision| revision == of);
    let newest = all.keys().rfind(is_meant).and_then(|key| all[key].first());
    let Some(task) = newest else {
        return Err(refuse("ClientException", "Unable to describe task definition."));
    };
    let definition = |container: &Container| {
        without_nulls(json!({
            "name": container.name,
            "image": container.image,
            "cpu": container.cpu.unwrap_or(0.0).round() as i64,
            "memory": container.memory.map(mebibytes),
            "essential": true,
            "environment": [],
            "mountPoints": [],
            "volumesFrom": [],
            "portMappings": [],
            // A process has no driver, and may have a group that its lines are in.
            "logConfiguration": (!container.log_driver.is_empty() || !container.log_options.is_empty()).then(|| {
                let driver = if container.log_driver.is_empty() { "awslogs" } else { &container.log_driver };
                json!({"logDriver": driver, "options": container.log_options})
            }),
        }))
    };
    let cpu: f64 = task.working().filter_map(|container| container.cpu).sum();
    let memory: u64 = task.working().filter_map(|container| container.memory).sum();
    let mut found = json!({
        "taskDefinitionArn": definition_arn(app, task),
        "family": task.family,
        "revision": task.revision.parse::<i64>().unwrap_or(1),
        "status": "ACTIVE",
        "containerDefinitions": task.working().map(definition).collect::<Vec<_>>(),
        "volumes": [],
        "placementConstraints": [],
        "compatibilities": ["EXTERNAL"],
        "requiresCompatibilities": ["EXTERNAL"],
        "networkMode": "bridge",
    });
    if cpu > 0.0 {
        found["cpu"] = units(cpu).into();
    }
    if memory > 0 {
        found["memory"] = mebibytes(memory).to_string().into();
    }
    Ok(json!({"taskDefinition": found, "tags": []}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTaskDefinitions {
    family_prefix: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list_task_definitions(app: &App, input: ListTaskDefinitions) -> Result<Value, ApiError> {
    let is_wanted = input.status.as_deref().is_none_or(|status| status == "ACTIVE");
    let all = defined(app).await?;
    let of_family = |(family, ..): &&(String, u64, String)| input.family_prefix.as_ref().is_none_or(|asked| asked == family);
    let arns = all.keys().filter(|_| is_wanted).filter(of_family);
    let mut arns: Vec<String> =
        arns.map(|(family, _, revision)| arn(app, &format!("task-definition/{family}:{revision}"))).collect();
    arns.sort();
    paged(app, &input.paging, &("definitions", &input.family_prefix, is_wanted), "taskDefinitionArns", arns)
}
