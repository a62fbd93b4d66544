//! Container instances: the machines that tasks are on.

use std::collections::BTreeMap;

use model::container::{Status, Task};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Paging, arn, known_cluster, missing, named, paged, short};
use crate::app::App;
use crate::error::ApiError;

/// By their names, with what is on them.
fn instances(app: &App, cluster: &str) -> BTreeMap<String, Vec<Task>> {
    let mut found: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for task in app.clusters.tasks(cluster).into_iter().filter(|task| task.status() != Status::Stopped) {
        found.entry(task.instance.to_string()).or_default().push(task);
    }
    found
}

pub(super) fn instance_arn(app: &App, cluster: &str, instance: &str) -> String {
    arn(app, &format!("container-instance/{cluster}/{instance}"))
}

#[derive(Deserialize)]
pub(super) struct ListContainerInstances {
    cluster: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list_container_instances(app: &App, input: ListContainerInstances) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let is_wanted = input.status.as_deref().is_none_or(|status| status == "ACTIVE");
    let names = instances(app, cluster).into_keys().filter(|_| is_wanted);
    let arns = names.map(|name| instance_arn(app, cluster, &name)).collect();
    paged(app, &input.paging, &("instances", cluster, &input.status), "containerInstanceArns", arns)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeContainerInstances {
    cluster: Option<String>,
    container_instances: Option<Vec<String>>,
}

pub(super) async fn describe_container_instances(app: &App, input: DescribeContainerInstances) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let all = instances(app, cluster);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for asked in named(input.container_instances, "containerInstances")? {
        let name = short(&asked);
        let Some(tasks) = all.get(name) else {
            failures.push(missing(instance_arn(app, cluster, name)));
            continue;
        };
        let of = |status: Status| tasks.iter().filter(|task| task.status() == status).count();
        found.push(json!({
            "containerInstanceArn": instance_arn(app, cluster, name),
            "ec2InstanceId": name,
            "status": "ACTIVE",
            "agentConnected": true,
            "runningTasksCount": of(Status::Running),
            "pendingTasksCount": of(Status::Pending),
            "registeredResources": [],
            "remainingResources": [],
            "attributes": [],
            "attachments": [],
            "tags": [],
        }));
    }
    Ok(json!({"containerInstances": found, "failures": failures}))
}
